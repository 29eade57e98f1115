import { sha256 } from '#crypto/hash.ts';
import type { KeyValue } from '#ports/key-value.ts';
import { KEY_SPACE } from '#storage/key-space.ts';
import { equalBytes, toHex } from '#util/bytes.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import type { StateErrorCode } from './errors.ts';
import type { LeafHasher } from './leaf-changes.ts';
import { decodeHead, HEAD_KEY, type HeadRecord, parseLeafKey } from './rows.ts';
import type { StoreName } from './store.ts';
import type { Trie } from './trie.ts';
import { SENTINEL_KEY, SENTINEL_VALUE, Version } from './version.ts';

/** Throws BizraError 'state_missing' when the database was never initialised. */
export function readHead(kv: { get(key: Uint8Array): Uint8Array | undefined }): HeadRecord {
  const record = kv.get(HEAD_KEY);
  if (record !== undefined) return decodeHead(record);
  throw new BizraError<StateErrorCode>(
    'state_missing',
    'the database holds no state: start the node with its genesis file, or restore a backup',
  );
}

/** Adds one leaf with a reference for the caller. */
export function addLeaf(trie: Trie, hasher: LeafHasher, key: Uint8Array, value: Uint8Array): number {
  const keyHash = sha256(key);
  const hash = new Uint8Array(keyHash.length);
  hasher.hash(hash, keyHash, 0, value);
  return trie.nodes.newLeaf(trie.keys.add(key, keyHash, 0), hash, 0);
}

/**
 * Builds the trees from the stored leaves. Throws BizraError 'state_corrupt' when they do not give the roots in the
 * head record: a lost or altered leaf never goes unnoticed.
 */
export async function loadVersion(kv: KeyValue, trie: Trie, hasher: LeafHasher): Promise<Version> {
  const head = readHead(kv);
  const leaves = new Map<StoreName, number[]>(
    head.stores.map(({ name }) => [name, [addLeaf(trie, hasher, SENTINEL_KEY, SENTINEL_VALUE)]]),
  );
  const range = { gte: Uint8Array.of(KEY_SPACE.leaves), lt: Uint8Array.of(KEY_SPACE.leaves + 1) };
  for await (const [rowKey, value] of kv.iterate(range)) {
    const { store, key } = parseLeafKey(rowKey);
    const storeLeaves = leaves.get(store);
    if (storeLeaves === undefined) throw corrupt(`it has entries of a store ${store} that the chain does not have`);
    storeLeaves.push(addLeaf(trie, hasher, key, value));
  }
  const before = trie.nodes.size;
  const roots = [...leaves.values()].map((storeLeaves) => trie.build(storeLeaves));
  const stores = [...leaves.keys()];
  const version = new Version(trie, head.height, stores, roots, trie.nodes.size - before);
  checkRoots(version, head);
  return version;
}

function checkRoots(version: Version, head: HeadRecord): void {
  const found = version.storeRoots();
  for (const [index, { name, root }] of head.stores.entries()) {
    const actual = found[index]?.root ?? new Uint8Array(0);
    if (!equalBytes(actual, root)) {
      throw corrupt(
        `store ${name} has the root ${toHex(actual)} instead of ${toHex(root)} at height ${version.height}`,
      );
    }
  }
  if (!equalBytes(version.appHash, head.appHash)) throw corrupt('its stores do not give the recorded app hash');
}

function corrupt(what: string): MachineError<StateErrorCode> {
  return new MachineError('state_corrupt', `the stored state is damaged: ${what}; restore a backup or sync again`);
}
