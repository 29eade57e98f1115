import { sha256Into } from '#crypto/hash.ts';
import { assert } from '#util/assert.ts';

/** Nodes of one slab, as a power of two: 65,536 nodes are about 3 MB, small beside any state, large beside a call. */
const SLAB_BITS = 16;
const SLAB_NODES = 1 << SLAB_BITS;
const SLAB_MASK = SLAB_NODES - 1;
/** The first slab begins with this many and grows: a small state opens without touching megabytes. */
const FIRST_NODES = 256;
const GROWTH = 4;
/** Node ids are int32. */
const SLABS_MAX = 1 << (31 - SLAB_BITS);

const HASH_WORDS = 8;
/** Marks in a node's tag, above the number of its critical bit (0-255). */
const LEAF = 0x200;
/** Made by the change set in progress: not hashed yet, seen by nobody else, and so changed in place. */
const FRESH = 0x100;
const BIT_MASK = 0xff;
/** A leaf counts as a node below all others, with the bit behind a key hash's last. */
export const LEAF_BIT = 256;

/** "No node": the root of an empty tree, the end of the free list. */
export const NO_NODE = 0;

/** ICS-23's domain separation of inner nodes. */
const INNER_PREFIX = 1;
const HASH_BYTES = 32;
/** Three bytes before the prefix put the two child hashes on word boundaries. */
const INPUT_OFFSET = 3;

/**
 * The nodes of all stores and versions, in slabs of typed arrays that are never moved once they are full, so that
 * millions of nodes cost the garbage collector nothing. A node is an int32 id. Nodes are shared between versions and counted:
 * `retain` and `release` a node for each parent or root that names it.
 *
 * An inner node has a critical bit, two children and a hash. A leaf has its key's id in place of the left child.
 */
export class NodePool {
  private readonly hashes: Int32Array[] = [];
  private readonly hashBytes: Uint8Array[] = [];
  private readonly lefts: Int32Array[] = [];
  private readonly rights: Int32Array[] = [];
  private readonly references: Int32Array[] = [];
  private readonly tags: Uint16Array[] = [];
  private freeHead = NO_NODE;
  /** First id that was never used. 0 is no node. */
  private nextUnused = 1;
  private used = 0;
  /** Nodes without references whose children still have to be released. */
  private readonly dying: number[] = [];
  private readonly releaseKey: (key: number) => void;
  private readonly input = new Uint8Array(new ArrayBuffer(INPUT_OFFSET + 1 + 2 * HASH_BYTES), INPUT_OFFSET);
  private readonly inputWords = new Int32Array(this.input.buffer, INPUT_OFFSET + 1);

  /** `releaseKey` is told the key id of each leaf that ceases to exist. */
  constructor(releaseKey: (key: number) => void) {
    this.releaseKey = releaseKey;
    this.input[0] = INNER_PREFIX;
  }

  /** Nodes in use, those that wait to be freed included. */
  get size(): number {
    return this.used;
  }

  /** Nodes that wait to be freed. */
  get dyingNodes(): number {
    return this.dying.length;
  }

  isLeaf(node: number): boolean {
    return ((this.tags[node >>> SLAB_BITS] as Uint16Array)[node & SLAB_MASK] as number) >= LEAF;
  }

  /** First bit in which the key hashes below differ; LEAF_BIT for a leaf. */
  bit(node: number): number {
    const tag = (this.tags[node >>> SLAB_BITS] as Uint16Array)[node & SLAB_MASK] as number;
    return tag >= LEAF ? LEAF_BIT : tag & BIT_MASK;
  }

  isFresh(node: number): boolean {
    return (((this.tags[node >>> SLAB_BITS] as Uint16Array)[node & SLAB_MASK] as number) & FRESH) !== 0;
  }

  left(node: number): number {
    return (this.lefts[node >>> SLAB_BITS] as Int32Array)[node & SLAB_MASK] as number;
  }

  right(node: number): number {
    return (this.rights[node >>> SLAB_BITS] as Int32Array)[node & SLAB_MASK] as number;
  }

  /** Key id of a leaf. */
  key(leaf: number): number {
    return this.left(leaf);
  }

  setLeft(node: number, child: number): void {
    (this.lefts[node >>> SLAB_BITS] as Int32Array)[node & SLAB_MASK] = child;
  }

  setRight(node: number, child: number): void {
    (this.rights[node >>> SLAB_BITS] as Int32Array)[node & SLAB_MASK] = child;
  }

  /** A leaf with one reference, the caller's; takes over the caller's reference to `key`. */
  newLeaf(key: number, leafHash: Uint8Array, offset: number): number {
    const node = this.allocate();
    const slab = node >>> SLAB_BITS;
    const at = node & SLAB_MASK;
    (this.tags[slab] as Uint16Array)[at] = LEAF;
    (this.lefts[slab] as Int32Array)[at] = key;
    const bytes = this.hashBytes[slab] as Uint8Array;
    const start = at * HASH_BYTES;
    for (let i = 0; i < HASH_BYTES; i++) bytes[start + i] = leafHash[offset + i] as number;
    return node;
  }

  /** A fresh inner node with one reference; takes over the caller's references to the children. */
  newInner(bit: number, left: number, right: number): number {
    const node = this.allocate();
    const slab = node >>> SLAB_BITS;
    const at = node & SLAB_MASK;
    (this.tags[slab] as Uint16Array)[at] = bit | FRESH;
    (this.lefts[slab] as Int32Array)[at] = left;
    (this.rights[slab] as Int32Array)[at] = right;
    return node;
  }

  /** Hashes a fresh inner node whose children are hashed. */
  hashInner(node: number): void {
    const slab = node >>> SLAB_BITS;
    const at = node & SLAB_MASK;
    this.copyHash((this.lefts[slab] as Int32Array)[at] as number, 0);
    this.copyHash((this.rights[slab] as Int32Array)[at] as number, HASH_WORDS);
    const bytes = this.hashBytes[slab] as Uint8Array;
    sha256Into(bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES), this.input);
    const tags = this.tags[slab] as Uint16Array;
    tags[at] = (tags[at] as number) & ~FRESH;
  }

  /** A copy of the node's hash. */
  hash(node: number): Uint8Array {
    const start = (node & SLAB_MASK) * HASH_BYTES;
    return (this.hashBytes[node >>> SLAB_BITS] as Uint8Array).slice(start, start + HASH_BYTES);
  }

  hashEquals(node: number, hash: Uint8Array, offset: number): boolean {
    const bytes = this.hashBytes[node >>> SLAB_BITS] as Uint8Array;
    const start = (node & SLAB_MASK) * HASH_BYTES;
    for (let i = 0; i < HASH_BYTES; i++) if (bytes[start + i] !== hash[offset + i]) return false;
    return true;
  }

  /** One more reference; returns the node. */
  retain(node: number): number {
    if (node !== NO_NODE) {
      const counts = this.references[node >>> SLAB_BITS] as Int32Array;
      counts[node & SLAB_MASK] = (counts[node & SLAB_MASK] as number) + 1;
    }
    return node;
  }

  /** One reference less. What nobody names any more is freed by later calls of `collect`. */
  release(node: number): void {
    if (node === NO_NODE) return;
    const counts = this.references[node >>> SLAB_BITS] as Int32Array;
    const left = (counts[node & SLAB_MASK] as number) - 1;
    assert(left >= 0, 'a node is released as often as it was retained');
    counts[node & SLAB_MASK] = left;
    if (left === 0) this.dying.push(node);
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

  private copyHash(node: number, to: number): void {
    const words = this.hashes[node >>> SLAB_BITS] as Int32Array;
    const from = (node & SLAB_MASK) * HASH_WORDS;
    for (let i = 0; i < HASH_WORDS; i++) this.inputWords[to + i] = words[from + i] as number;
  }

  private allocate(): number {
    let node = this.freeHead;
    if (node !== NO_NODE) {
      this.freeHead = this.left(node);
    } else {
      node = this.nextUnused++;
      const slab = node >>> SLAB_BITS;
      if (slab === this.tags.length) this.addSlab();
      else if ((node & SLAB_MASK) === this.tags[slab]?.length) this.growSlab(slab);
    }
    this.used++;
    (this.references[node >>> SLAB_BITS] as Int32Array)[node & SLAB_MASK] = 1;
    return node;
  }

  private addSlab(): void {
    const slab = this.tags.length;
    assert(slab < SLABS_MAX, 'the tree has fewer than 2^31 nodes');
    const nodes = slab === 0 ? FIRST_NODES : SLAB_NODES;
    this.setHashes(slab, new Uint8Array(nodes * HASH_BYTES));
    this.lefts.push(new Int32Array(nodes));
    this.rights.push(new Int32Array(nodes));
    this.references.push(new Int32Array(nodes));
    this.tags.push(new Uint16Array(nodes));
  }

  private growSlab(slab: number): void {
    const nodes = Math.min((this.tags[slab] as Uint16Array).length * GROWTH, SLAB_NODES);
    this.setHashes(slab, copyInto(new Uint8Array(nodes * HASH_BYTES), this.hashBytes[slab]));
    this.lefts[slab] = copyInto(new Int32Array(nodes), this.lefts[slab]);
    this.rights[slab] = copyInto(new Int32Array(nodes), this.rights[slab]);
    this.references[slab] = copyInto(new Int32Array(nodes), this.references[slab]);
    this.tags[slab] = copyInto(new Uint16Array(nodes), this.tags[slab]);
  }

  private setHashes(slab: number, bytes: Uint8Array): void {
    this.hashBytes[slab] = bytes;
    this.hashes[slab] = new Int32Array(bytes.buffer);
  }
}

function copyInto<T extends Uint8Array | Int32Array | Uint16Array>(to: T, from: T | undefined): T {
  if (from !== undefined) to.set(from);
  return to;
}
