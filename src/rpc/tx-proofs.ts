import { HASH_LENGTH, sha256 } from '#crypto/hash.ts';
import { type MerkleProof, merkleInnerHash, merkleLeafHash } from '#crypto/merkle.ts';
import type { Pause } from '#util/pause.ts';

/** The tree over a block's transactions, from its leaves to its root: each level's hashes in one array. */
interface TxTree {
  readonly height: number;
  readonly levels: readonly Uint8Array[];
}

export interface TxProof {
  readonly root: Uint8Array;
  readonly proof: MerkleProof;
}

/**
 * Proofs of single transactions. A full block takes thousands of hashes, so they are made in slices, and the last
 * block's are kept: a page of its transactions would make them again for each.
 */
export class TxProofs {
  private last: TxTree | undefined;

  /** Proof of transaction `index` in the block of `height`, which has these transactions. */
  async proof(height: number, txs: readonly Uint8Array[], index: number, pause: Pause): Promise<TxProof> {
    const tree = this.last?.height === height ? this.last : { height, levels: await levelsOf(txs, pause) };
    this.last = tree;
    const { levels } = tree;
    const root = hashAt(levels.at(-1) as Uint8Array, 0);
    const leafHash = hashAt(levels[0] as Uint8Array, index);
    return { root, proof: { total: txs.length, index, leafHash, aunts: auntsOf(levels, index) } };
  }
}

async function levelsOf(txs: readonly Uint8Array[], pause: Pause): Promise<Uint8Array[]> {
  let level = new Uint8Array(txs.length * HASH_LENGTH);
  for (let i = 0; i < txs.length; i++) {
    level.set(merkleLeafHash(sha256(txs[i] as Uint8Array)), i * HASH_LENGTH);
    const wait = pause();
    if (wait !== undefined) await wait;
  }
  const levels = [level];
  while (level.length > HASH_LENGTH) {
    level = await parentsOf(level, pause);
    levels.push(level);
  }
  return levels;
}

/** A lonely last hash moves up unchanged. */
async function parentsOf(level: Uint8Array, pause: Pause): Promise<Uint8Array<ArrayBuffer>> {
  const count = level.length / HASH_LENGTH;
  const parents = new Uint8Array(Math.ceil(count / 2) * HASH_LENGTH);
  for (let i = 0; i < count; i += 2) {
    const left = hashAt(level, i);
    parents.set(i + 1 < count ? merkleInnerHash(left, hashAt(level, i + 1)) : left, (i / 2) * HASH_LENGTH);
    const wait = pause();
    if (wait !== undefined) await wait;
  }
  return parents;
}

function auntsOf(levels: readonly Uint8Array[], index: number): Uint8Array[] {
  const aunts: Uint8Array[] = [];
  let position = index;
  for (const level of levels) {
    const sibling = position % 2 === 0 ? position + 1 : position - 1;
    if ((sibling + 1) * HASH_LENGTH <= level.length) aunts.push(hashAt(level, sibling));
    position = Math.floor(position / 2);
  }
  return aunts;
}

function hashAt(level: Uint8Array, index: number): Uint8Array {
  return level.slice(index * HASH_LENGTH, (index + 1) * HASH_LENGTH);
}
