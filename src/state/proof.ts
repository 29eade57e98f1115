import { CommitmentProof, type ExistenceProof, HashOp, type InnerOp } from 'cosmjs-types/cosmos/ics23/v1/proofs';
import { SIMPLE_LEAF, SMT_LEAF } from '#light/proof-spec.ts';
import { concatBytes, EMPTY_BYTES } from '#util/bytes.ts';
import { type StoreRoot, storeSiblings } from './simple-map.ts';
import type { ProofOp } from './store.ts';
import type { Trie } from './trie.ts';

const INNER_PREFIX = Uint8Array.of(1);

/** A raw key with its value. */
export interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Shows that `entry` is in the store's tree. */
export function existenceOp(trie: Trie, root: number, entry: Entry, keyHash: Uint8Array): ProofOp {
  const exist = existence(trie, root, entry, keyHash);
  return { type: 'ics23:smt', key: entry.key, data: CommitmentProof.encode({ exist }).finish() };
}

/** Shows that `key` is not in the store's tree, by its neighbours in the order of key hashes. */
export function absenceOp(
  trie: Trie,
  root: number,
  key: Uint8Array,
  left: { entry: Entry; keyHash: Uint8Array } | undefined,
  right: { entry: Entry; keyHash: Uint8Array } | undefined,
): ProofOp {
  const nonexist = {
    key,
    ...(left === undefined ? {} : { left: existence(trie, root, left.entry, left.keyHash) }),
    ...(right === undefined ? {} : { right: existence(trie, root, right.entry, right.keyHash) }),
  };
  return { type: 'ics23:smt', key, data: CommitmentProof.encode({ nonexist }).finish() };
}

/** Shows that the store's root is under the app hash. */
export function storeOp(roots: readonly StoreRoot[], index: number): ProofOp {
  const { name, root } = roots[index] as StoreRoot;
  const key = new TextEncoder().encode(name);
  const path = storeSiblings(roots, index).map(({ hash, left }) => innerOp(hash, left));
  const exist = { key, value: root, leaf: SIMPLE_LEAF, path };
  return { type: 'ics23:simple', key, data: CommitmentProof.encode({ exist }).finish() };
}

function existence(trie: Trie, root: number, entry: Entry, keyHash: Uint8Array): ExistenceProof {
  const { nodes } = trie;
  const path = trie.path(root, keyHash, 0);
  const ops: InnerOp[] = [];
  for (let i = path.length - 2; i >= 0; i--) {
    const parent = path[i] as number;
    const isLeft = nodes.left(parent) === path[i + 1];
    ops.push(innerOp(nodes.hash(isLeft ? nodes.right(parent) : nodes.left(parent)), !isLeft));
  }
  return { key: entry.key, value: entry.value, leaf: SMT_LEAF, path: ops };
}

function innerOp(sibling: Uint8Array, siblingIsLeft: boolean): InnerOp {
  return siblingIsLeft
    ? { hash: HashOp.SHA256, prefix: concatBytes(INNER_PREFIX, sibling), suffix: EMPTY_BYTES }
    : { hash: HashOp.SHA256, prefix: INNER_PREFIX, suffix: sibling };
}
