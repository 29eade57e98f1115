import { sha256 } from '#crypto/hash.ts';
import { damaged } from '#storage/checksummed.ts';
import { BizraError } from '#util/errors.ts';
import type { StateErrorCode } from './errors.ts';
import type { HistoryView } from './history-view.ts';
import type { LeafHasher } from './leaf-changes.ts';
import { NO_NODE } from './node-pool.ts';
import { absenceOp, type Entry, existenceOp, storeOp } from './proof.ts';
import type { ProofOp, StoreName } from './store.ts';
import type { Trie } from './trie.ts';
import { isSentinel, SENTINEL_VALUE, type Version } from './version.ts';

/** A value, or undefined for absence, and the steps that show it under the app hash of `height`. */
export interface Proof {
  readonly value?: Uint8Array;
  readonly ops: ProofOp[];
  readonly height: number;
}

export interface ProofParts {
  readonly trie: Trie;
  readonly hasher: LeafHasher;
}

/** Throws BizraError 'unknown_store' or 'bad_proof' (an empty key, of which nothing can be proven). */
export async function proveKeys(
  parts: ProofParts,
  view: HistoryView,
  version: Version,
  store: StoreName,
  keys: readonly Uint8Array[],
): Promise<Proof[]> {
  const index = version.indexOf(store);
  if (index < 0) throw new BizraError<StateErrorCode>('unknown_store', `there is no store named ${store}`);
  const proofs: Proof[] = [];
  for (const key of keys) proofs.push(await proveKey(parts, view, version, store, key));
  return proofs;
}

async function proveKey(
  parts: ProofParts,
  view: HistoryView,
  version: Version,
  store: StoreName,
  key: Uint8Array,
): Promise<Proof> {
  const index = version.indexOf(store);
  if (key.length === 0) throw new BizraError<StateErrorCode>('bad_proof', 'nothing can be proven about an empty key');
  if (isSentinel(key))
    throw new BizraError<StateErrorCode>(
      'bad_proof',
      'nothing can be proven about the key ff: every store has it for itself',
    );
  const { trie } = parts;
  const root = version.rootAt(index);
  const keyHash = sha256(key);
  const mapOp = storeOp(version.storeRoots(), index);
  const { height } = view;
  const leaf = trie.find(root, keyHash, 0);
  if (leaf !== NO_NODE) {
    const { entry } = await entryOf(parts, view, store, leaf);
    return { value: entry.value, ops: [existenceOp(trie, root, entry, keyHash), mapOp], height };
  }
  const neighbours = trie.neighbours(root, keyHash);
  const left = neighbours.left === NO_NODE ? undefined : await entryOf(parts, view, store, neighbours.left);
  const right = neighbours.right === NO_NODE ? undefined : await entryOf(parts, view, store, neighbours.right);
  return { ops: [absenceOp(trie, root, key, left, right), mapOp], height };
}

async function entryOf(
  { trie, hasher }: ProofParts,
  view: HistoryView,
  store: StoreName,
  leaf: number,
): Promise<{ entry: Entry; keyHash: Uint8Array }> {
  const id = trie.nodes.key(leaf);
  const key = trie.keys.key(id);
  const keyHash = trie.keys.hash(id);
  const value = isSentinel(key) ? SENTINEL_VALUE : await view.get(store, key);
  const hash = new Uint8Array(keyHash.length);
  if (value !== undefined) hasher.hash(hash, keyHash, 0, value);
  // A value that does not belong to the tree proves nothing: what is stored is not what was written.
  if (value === undefined || !trie.nodes.hashEquals(leaf, hash, 0)) throw damaged(key, 'value of an earlier height');
  return { entry: { key, value }, keyHash };
}
