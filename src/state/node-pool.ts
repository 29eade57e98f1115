import { assert } from '#util/assert.ts';
import { MachineError } from '#util/errors.ts';
import type { StateErrorCode } from './errors.ts';
import { grown, HASH_WORDS, NodeHashes, SLAB_BITS, SLAB_MASK, SLAB_NODES } from './node-hashes.ts';
import { PAIR_SLOTS, PairHasher } from './pair-hasher.ts';

/** The first slab begins with this many and grows: a small state opens without touching megabytes. */
const FIRST_NODES = 256;
const GROWTH = 4;
/** Node ids are int32. */
const NODES_MAX = 2 ** 31;

/** A node's words beside its hash: tag and references, two children. */
const TAG = 0;
const LEFT = 1;
const RIGHT = 2;
const NODE_WORDS = 3;
const WORD_BYTES = 4;
/** What a node takes. */
export const NODE_BYTES = (NODE_WORDS + HASH_WORDS) * WORD_BYTES;

/** Marks in a node's tag, above the number of its critical bit (0-255). */
const LEAF = 0x200;
/** Made by the change set in progress: not hashed yet, seen by nobody else, and so changed in place. */
const FRESH = 0x100;
const BIT_MASK = 0xff;
/** References stand above the tag. Only another version adds one, and 2^22 versions are never kept. */
const REFERENCE = 0x400;
const REFERENCE_SHIFT = 10;
const REFERENCES_MAX = 2 ** 22 - 1;
/** Bit of a leaf: behind a key hash's last. */
export const LEAF_BIT = 256;

/** "No node": the root of an empty tree, the end of the free list. */
export const NO_NODE = 0;

/** ICS-23's domain separation of inner nodes: sha256(0x01 | left | right). */
const INNER_PREFIX = 1;

/**
 * The nodes of all stores and versions, in slabs of typed arrays that are never moved once they are full, so that
 * millions of nodes cost the garbage collector nothing. A node is an int32 id. Nodes are shared between versions and counted:
 * `retain` and `release` a node for each parent or root that names it.
 *
 * An inner node has a critical bit, two children and a hash. A leaf has its key's id in place of the left child.
 */
export class NodePool {
  private readonly slabs: Int32Array<ArrayBuffer>[] = [];
  private readonly hashes = new NodeHashes();
  private freeHead = NO_NODE;
  /** First id that was never used. 0 is no node. */
  private nextUnused = 1;
  private used = 0;
  /** Nodes without references whose children still have to be released. */
  private readonly dying: number[] = [];
  private readonly releaseKey: (key: number) => void;
  private readonly hasher = new PairHasher(INNER_PREFIX);

  private readonly nodesMax: number;

  /** `releaseKey` is told the key id of each leaf that ceases to exist. */
  constructor(releaseKey: (key: number) => void, nodesMax = NODES_MAX) {
    this.releaseKey = releaseKey;
    this.nodesMax = nodesMax;
  }

  /** Nodes in use, those that wait to be freed included. */
  get size(): number {
    return this.used;
  }

  /** Nodes that wait to be freed. */
  get dyingNodes(): number {
    return this.dying.length;
  }

  /** Bytes of all slabs. */
  get bytes(): number {
    return this.slabs.reduce((sum, { byteLength }) => sum + byteLength, this.hashes.bytes);
  }

  isLeaf(node: number): boolean {
    return (this.word(node, TAG) & LEAF) !== 0;
  }

  /** First bit in which the key hashes below differ; LEAF_BIT for a leaf. */
  bit(node: number): number {
    const tag = this.word(node, TAG);
    return (tag & LEAF) !== 0 ? LEAF_BIT : tag & BIT_MASK;
  }

  isFresh(node: number): boolean {
    return (this.word(node, TAG) & FRESH) !== 0;
  }

  left(node: number): number {
    return this.word(node, LEFT);
  }

  right(node: number): number {
    return this.word(node, RIGHT);
  }

  /** The left child for 0, the right one for 1. */
  child(node: number, side: number): number {
    return this.word(node, LEFT + side);
  }

  /** Key id of a leaf. */
  key(leaf: number): number {
    return this.word(leaf, LEFT);
  }

  setLeft(node: number, child: number): void {
    this.setWord(node, LEFT, child);
  }

  setRight(node: number, child: number): void {
    this.setWord(node, RIGHT, child);
  }

  /** How many fresh nodes stand one below the other from here on, kept where the hash will be; 0 if it is hashed. */
  rank(node: number): number {
    return this.isFresh(node) ? this.hashes.firstWord(node) : 0;
  }

  setRank(node: number, rank: number): void {
    this.hashes.setFirstWord(node, rank);
  }

  /** A leaf with one reference, the caller's; takes over the caller's reference to `key`. */
  newLeaf(key: number, leafHash: Uint8Array, offset: number): number {
    const node = this.allocate();
    const words = this.slabs[node >>> SLAB_BITS] as Int32Array;
    const at = (node & SLAB_MASK) * NODE_WORDS;
    words[at + TAG] = REFERENCE | LEAF;
    words[at + LEFT] = key;
    this.hashes.set(node, leafHash, offset);
    return node;
  }

  /** A fresh inner node with one reference; takes over the caller's references to the children. */
  newInner(bit: number, left: number, right: number): number {
    const node = this.allocate();
    const words = this.slabs[node >>> SLAB_BITS] as Int32Array;
    const at = (node & SLAB_MASK) * NODE_WORDS;
    words[at + TAG] = REFERENCE | FRESH | bit;
    words[at + LEFT] = left;
    words[at + RIGHT] = right;
    return node;
  }

  /** Hashes up to PAIR_SLOTS fresh inner nodes whose children are hashed: none is below another one. */
  hashInners(nodes: Int32Array): void {
    assert(nodes.length <= PAIR_SLOTS, 'the nodes fit the hasher');
    const { hasher, hashes } = this;
    // First words first: reads as short as these overlap, so that many wait for memory at the same time.
    for (let slot = 0; slot < nodes.length; slot++) {
      const node = nodes[slot] as number;
      const at = hasher.wordOf(slot);
      hasher.words[at] = hashes.firstWord(this.left(node));
      hasher.words[at + HASH_WORDS] = hashes.firstWord(this.right(node));
    }
    for (let slot = 0; slot < nodes.length; slot++) {
      const node = nodes[slot] as number;
      const at = hasher.wordOf(slot);
      hashes.copyTo(hasher.words, at, this.left(node));
      hashes.copyTo(hasher.words, at + HASH_WORDS, this.right(node));
    }
    hasher.run(nodes.length);
    for (let slot = 0; slot < nodes.length; slot++) {
      const node = nodes[slot] as number;
      hashes.copyFrom(hasher.hashes, slot * HASH_WORDS, node);
      this.setWord(node, TAG, this.word(node, TAG) & ~FRESH);
    }
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

  /** One more reference; returns the node. */
  retain(node: number): number {
    if (node === NO_NODE) return node;
    const words = this.slabs[node >>> SLAB_BITS] as Int32Array;
    const at = (node & SLAB_MASK) * NODE_WORDS;
    const tag = words[at] as number;
    assert(tag >>> REFERENCE_SHIFT < REFERENCES_MAX, 'a node has fewer than 2^22 references');
    words[at] = tag + REFERENCE;
    return node;
  }

  /** One reference less. What nobody names any more is freed by later calls of `collect`. */
  release(node: number): void {
    if (node === NO_NODE) return;
    const words = this.slabs[node >>> SLAB_BITS] as Int32Array;
    const at = (node & SLAB_MASK) * NODE_WORDS;
    const tag = words[at] as number;
    assert(tag >>> REFERENCE_SHIFT > 0, 'a node is released as often as it was retained');
    words[at] = tag - REFERENCE;
    if (tag >>> REFERENCE_SHIFT === 1) this.dying.push(node);
  }

  /** Frees up to `limit` nodes without references. */
  collect(limit: number): void {
    for (let freed = 0; freed < limit && this.dying.length > 0; freed++) {
      const node = this.dying.pop() as number;
      if (this.isLeaf(node)) {
        this.releaseKey(this.key(node));
      } else {
        this.release(this.left(node));
        this.release(this.right(node));
      }
      this.setLeft(node, this.freeHead);
      this.freeHead = node;
      this.used--;
    }
  }

  private word(node: number, word: number): number {
    return (this.slabs[node >>> SLAB_BITS] as Int32Array)[(node & SLAB_MASK) * NODE_WORDS + word] as number;
  }

  private setWord(node: number, word: number, value: number): void {
    (this.slabs[node >>> SLAB_BITS] as Int32Array)[(node & SLAB_MASK) * NODE_WORDS + word] = value;
  }

  /** An unused node; its words are those of its last use. */
  private allocate(): number {
    let node = this.freeHead;
    if (node !== NO_NODE) {
      this.freeHead = this.left(node);
    } else {
      node = this.nextUnused;
      if (node >= this.nodesMax) throw poolFull(this.nodesMax);
      const slab = node >>> SLAB_BITS;
      if (slab === this.slabs.length) this.setSlab(slab, slab === 0 ? FIRST_NODES : SLAB_NODES);
      else if ((node & SLAB_MASK) * NODE_WORDS === this.slabs[slab]?.length) {
        this.setSlab(slab, Math.min((node & SLAB_MASK) * GROWTH, SLAB_NODES));
      }
      this.nextUnused++;
    }
    this.used++;
    return node;
  }

  private setSlab(slab: number, nodes: number): void {
    this.slabs[slab] = grown(this.slabs[slab], nodes * NODE_WORDS);
    this.hashes.setSlab(slab, nodes);
  }
}

function poolFull(nodesMax: number): MachineError<StateErrorCode> {
  return new MachineError('state_full', `the state tree has ${nodesMax} nodes: this program cannot number more`);
}
