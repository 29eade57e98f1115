import { sha256 } from '#crypto/hash.ts';
import { bitAt } from '../key-arena.ts';
import { badSnapshot } from './strict-reader.ts';

const HASH_BITS = 256;
const HASH_BYTES = 32;
/** ICS-23's domain separation of inner nodes, as in node-pool.ts. */
const INNER_PREFIX = 1;

/**
 * Folds leaves that come in the order of their key hashes into the crit-bit trie over them, without keeping it: `join` is
 * called for each inner node, children first. What stays is the path from the root to the last leaf.
 */
export class SubtreeFold<T> {
  /** Complete subtrees, from left to right, and the last leaf; each is a sibling of all that follows it. */
  readonly parts: T[] = [];
  /** The bit at which part i and what follows it differ: always increasing. */
  private readonly splits: number[] = [];
  private readonly join: (left: T, right: T) => T;
  private last: Uint8Array | undefined;

  constructor(join: (left: T, right: T) => T) {
    this.join = join;
  }

  /** Throws BizraError 'bad_snapshot' when the key hash is not larger than the last one. */
  add(part: T, keyHash: Uint8Array): void {
    if (this.last !== undefined) {
      const split = firstDifference(this.last, keyHash);
      if (split === HASH_BITS || bitAt(keyHash, 0, split) === 0) throw badSnapshot('its leaves are out of order');
      while (this.splits.length > 0 && (this.splits.at(-1) as number) > split) this.joinLast();
      this.splits.push(split);
    }
    this.parts.push(part);
    this.last = keyHash;
  }

  /** The root. Throws BizraError 'bad_snapshot' when there was no leaf. */
  finish(): T {
    while (this.splits.length > 0) this.joinLast();
    const root = this.parts[0];
    if (root === undefined) throw badSnapshot('a part of it is empty');
    return root;
  }

  private joinLast(): void {
    this.splits.pop();
    const right = this.parts.pop() as T;
    const left = this.parts.pop() as T;
    this.parts.push(this.join(left, right));
  }
}

export function innerHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  const input = new Uint8Array(1 + 2 * HASH_BYTES);
  input[0] = INNER_PREFIX;
  input.set(left, 1);
  input.set(right, 1 + HASH_BYTES);
  return sha256(input);
}

/** 256 when they are equal. */
function firstDifference(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < HASH_BYTES; i++) {
    const difference = (a[i] as number) ^ (b[i] as number);
    if (difference !== 0) return i * 8 + Math.clz32(difference) - 24;
  }
  return HASH_BITS;
}
