import { assert } from '#util/assert.ts';
import { MachineError } from '#util/errors.ts';
import type { StateErrorCode } from './errors.ts';
import { HASH_WORDS, NodeHashes } from './node-hashes.ts';
import { PAIR_SLOTS, PairHasher } from './pair-hasher.ts';
import { grown, SLAB_MASK, SLAB_PAIRS, SLAB_SHIFT } from './slabs.ts';

/** The first slab begins with this many and grows: a small state opens without touching megabytes. */
const FIRST_PAIRS = 128;
const GROWTH = 4;
/** Node ids are int32, two for each pair. */
const PAIRS_MAX = 2 ** 30;

/** A pair's words beside its hashes: what each node leads to, and the bits of both. */
const LINK = 0;
const BITS = 2;
const PAIR_WORDS = 3;
const WORD_BYTES = 4;
/** What a pair takes, its references included. */
export const PAIR_BYTES = (PAIR_WORDS + 1 + 2 * HASH_WORDS) * WORD_BYTES;

/** Bit of a leaf: behind a key hash's last. */
export const LEAF_BIT = 256;
/** In place of a bit: there is no node. Beside a root, in free pairs, and in NO_NODE; behind a leaf's, so that walks end. */
const NOTHING = 0xffff;
const BIT_SHIFT = 4;
const BIT_MASK = 0xffff;

/** "No node": the root of an empty tree, the end of the free list. Pair 0 is never used. */
export const NO_NODE = 0;

/** ICS-23's domain separation of inner nodes: sha256(0x01 | left | right). */
const INNER_PREFIX = 1;

/**
 * The nodes of all stores and versions, in slabs of typed arrays that are never moved once they are full, so that
 * millions of nodes cost the garbage collector nothing. The two children of an inner node are one pair: side by side in
 * memory, the two hashes just as they are hashed. A node is an int32 id, twice its pair's and its side. A root is the left
 * node of a pair that has no right one.
 *
 * An inner node has a critical bit, a pair of children and a hash; a leaf a key's id and a hash. Pairs are shared between
 * versions and counted: one reference for each inner node that leads to the pair, and for each holder of a root.
 */
export class NodePool {
  private readonly slabs: Int32Array<ArrayBuffer>[] = [];
  private readonly references: Int32Array<ArrayBuffer>[] = [];
  private readonly hashes = new NodeHashes();
  private freeHead = 0;
  private nextUnused = 1;
  private used = 0;
  private everMade = 0;
  /** Pairs without references whose nodes still have to let go of what they lead to. */
  private readonly dying: number[] = [];
  private readonly retainKey: (key: number) => void;
  private readonly releaseKey: (key: number) => void;
  private readonly hasher = new PairHasher(INNER_PREFIX);
  private readonly pairsMax: number;

  /** The keys of leaves are counted elsewhere: one reference for each leaf. */
  constructor(
    { retainKey, releaseKey }: { retainKey: (key: number) => void; releaseKey: (key: number) => void },
    pairsMax = PAIRS_MAX,
  ) {
    this.retainKey = retainKey;
    this.releaseKey = releaseKey;
    this.pairsMax = pairsMax;
  }

  /** Pairs in use, those that wait to be freed included: as many as inner nodes and roots. */
  get size(): number {
    return this.used;
  }

  /** Pairs that were ever made. */
  get made(): number {
    return this.everMade;
  }

  /** Pairs that wait to be freed. */
  get dyingPairs(): number {
    return this.dying.length;
  }

  /** Bytes of all slabs. */
  get bytes(): number {
    return [...this.slabs, ...this.references].reduce((sum, { byteLength }) => sum + byteLength, this.hashes.bytes);
  }

  isLeaf(node: number): boolean {
    return this.bit(node) === LEAF_BIT;
  }

  /** First bit in which the key hashes below differ; LEAF_BIT for a leaf. */
  bit(node: number): number {
    return (this.bits(node >>> 1) >>> ((node & 1) << BIT_SHIFT)) & BIT_MASK;
  }

  left(node: number): number {
    return this.link(node) << 1;
  }

  right(node: number): number {
    return (this.link(node) << 1) | 1;
  }

  /** The left child for 0, the right one for 1. */
  child(node: number, side: number): number {
    return (this.link(node) << 1) | side;
  }

  /** Key id of a leaf. A walk down a tree that nobody holds any more ends at something else. */
  key(leaf: number): number {
    assert(this.bit(leaf) === LEAF_BIT, 'a leaf of a tree that is held');
    return this.link(leaf);
  }

  /** A pair with one reference, the caller's, whose two nodes are still to be set. Throws MachineError 'state_full'. */
  newPair(): number {
    const pair = this.allocate();
    const words = this.slabs[pair >>> SLAB_SHIFT] as Int32Array;
    words[(pair & SLAB_MASK) * PAIR_WORDS + BITS] = -1;
    (this.references[pair >>> SLAB_SHIFT] as Int32Array)[pair & SLAB_MASK] = 1;
    this.used++;
    this.everMade++;
    return pair;
  }

  /** Gives back a new pair that was not used: its nodes are not set, or moved away. */
  dropPair(pair: number): void {
    this.free(pair);
  }

  /** Takes over the caller's reference to `key`. */
  setLeaf(node: number, key: number, leafHashes: Uint8Array, offset: number): void {
    this.set(node, LEAF_BIT, key);
    this.hashes.set(node, leafHashes, offset);
  }

  /** Takes over the caller's reference to `children`. The node still has to be hashed. */
  setInner(node: number, bit: number, children: number): void {
    this.set(node, bit, children);
  }

  /** Makes `to`, which is not set, the same as `from`. */
  copy(from: number, to: number): void {
    const bit = this.bit(from);
    const link = this.link(from);
    if (bit === LEAF_BIT) this.retainKey(link);
    else this.addReference(link);
    this.set(to, bit, link);
    this.hashes.copy(from, to);
  }

  /** As `copy`, and `from` is no more. */
  move(from: number, to: number): void {
    this.set(to, this.bit(from), this.link(from));
    this.hashes.copy(from, to);
  }

  /** Hashes inner nodes [from, to) of the list, at most PAIR_SLOTS, whose children are hashed: none is below another one. */
  hashInners(nodes: Int32Array, from: number, to: number): void {
    const { hasher, hashes } = this;
    assert(to - from <= PAIR_SLOTS, 'the nodes fit the hasher');
    for (let i = from; i < to; i++) {
      hashes.pairTo(hasher.words, hasher.wordOf(i - from), this.link(nodes[i] as number));
    }
    hasher.run(to - from);
    for (let i = from; i < to; i++) hashes.setWords(nodes[i] as number, hasher.hashes, (i - from) * HASH_WORDS);
  }

  /** A copy of the node's hash. */
  hash(node: number): Uint8Array {
    return this.hashes.get(node);
  }

  /** Writes the node's hash to `out`. */
  hashInto(node: number, out: Uint8Array, offset: number): void {
    this.hashes.into(node, out, offset);
  }

  hashEquals(node: number, hash: Uint8Array, offset: number): boolean {
    return this.hashes.equals(node, hash, offset);
  }

  /** One more reference to a root; returns it. */
  retain(root: number): number {
    if (root !== NO_NODE) this.addReference(root >>> 1);
    return root;
  }

  /** One reference to a root less. What nobody leads to any more is freed by later calls of `collect`. */
  release(root: number): void {
    if (root !== NO_NODE) this.dropReference(root >>> 1);
  }

  /** Frees up to `limit` pairs without references. */
  collect(limit: number): void {
    for (let freed = 0; freed < limit && this.dying.length > 0; freed++) {
      const pair = this.dying.pop() as number;
      this.letGo(pair << 1);
      this.letGo((pair << 1) | 1);
      this.free(pair);
    }
  }

  private letGo(node: number): void {
    const bit = this.bit(node);
    if (bit === LEAF_BIT) this.releaseKey(this.link(node));
    else if (bit !== NOTHING) this.dropReference(this.link(node));
  }

  private addReference(pair: number): void {
    const references = this.references[pair >>> SLAB_SHIFT] as Int32Array;
    references[pair & SLAB_MASK] = (references[pair & SLAB_MASK] as number) + 1;
  }

  private dropReference(pair: number): void {
    const references = this.references[pair >>> SLAB_SHIFT] as Int32Array;
    const left = (references[pair & SLAB_MASK] as number) - 1;
    assert(left >= 0, 'a pair is released as often as it was retained');
    references[pair & SLAB_MASK] = left;
    if (left === 0) this.dying.push(pair);
  }

  private bits(pair: number): number {
    return (this.slabs[pair >>> SLAB_SHIFT] as Int32Array)[(pair & SLAB_MASK) * PAIR_WORDS + BITS] as number;
  }

  private link(node: number): number {
    const pair = node >>> 1;
    const at = (pair & SLAB_MASK) * PAIR_WORDS + LINK + (node & 1);
    return (this.slabs[pair >>> SLAB_SHIFT] as Int32Array)[at] as number;
  }

  private set(node: number, bit: number, link: number): void {
    const pair = node >>> 1;
    const words = this.slabs[pair >>> SLAB_SHIFT] as Int32Array;
    const at = (pair & SLAB_MASK) * PAIR_WORDS;
    const shift = (node & 1) << BIT_SHIFT;
    words[at + LINK + (node & 1)] = link;
    words[at + BITS] = ((words[at + BITS] as number) & ~(BIT_MASK << shift)) | (bit << shift);
  }

  private free(pair: number): void {
    this.set(pair << 1, NOTHING, this.freeHead);
    this.freeHead = pair;
    this.used--;
  }

  private allocate(): number {
    if (this.freeHead !== 0) {
      const pair = this.freeHead;
      this.freeHead = this.link(pair << 1);
      return pair;
    }
    const pair = this.nextUnused;
    if (pair >= this.pairsMax) throw poolFull(this.pairsMax);
    const slab = pair >>> SLAB_SHIFT;
    const at = pair & SLAB_MASK;
    if (slab === this.slabs.length) this.setSlab(slab, slab === 0 ? FIRST_PAIRS : SLAB_PAIRS);
    // So that no walk goes on from a node that is none.
    if (pair === 1) this.set(NO_NODE, NOTHING, NO_NODE);
    else if (at === this.references[slab]?.length) this.setSlab(slab, Math.min(at * GROWTH, SLAB_PAIRS));
    this.nextUnused++;
    return pair;
  }

  private setSlab(slab: number, pairs: number): void {
    this.slabs[slab] = grown(this.slabs[slab], pairs * PAIR_WORDS);
    this.references[slab] = grown(this.references[slab], pairs);
    this.hashes.setSlab(slab, pairs);
  }
}

function poolFull(pairsMax: number): MachineError<StateErrorCode> {
  return new MachineError('state_full', `the state tree has ${2 * pairsMax} nodes: this program cannot number more`);
}
