import { sha256 } from '#crypto/hash.ts';
import type { KeyValue } from '#ports/key-value.ts';
import { KEY_SPACE } from '#storage/key-space.ts';
import { equalBytes, toHex } from '#util/bytes.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import type { StateErrorCode } from './errors.ts';
import type { LeafHasher } from './leaf-changes.ts';
import { LeafList } from './leaf-list.ts';
import { PAIR_SLOTS } from './pair-hasher.ts';
import { decodeHead, HEAD_KEY, type HeadRecord, leafPrefix, leafValue, parseLeafKey } from './rows.ts';
import type { StoreName } from './store.ts';
import type { Trie } from './trie.ts';
import { SENTINEL_KEY, SENTINEL_VALUE, Version } from './version.ts';

const HASH_BYTES = 32;
/** Leaves between two words about progress. */
const PROGRESS_LEAVES = 500_000;

/** Throws BizraError 'state_missing' when the database was never initialised. */
export function readHead(kv: { get(key: Uint8Array): Uint8Array | undefined }): HeadRecord {
  const record = kv.get(HEAD_KEY);
  if (record !== undefined) return decodeHead(record);
  throw new BizraError<StateErrorCode>(
    'state_missing',
    'the database holds no state: start the node with its genesis file, or restore a backup',
  );
}

/** Adds one leaf to those that a tree is built of. */
export function addLeaf(
  leaves: LeafList,
  { trie, hasher }: { readonly trie: Trie; readonly hasher: LeafHasher },
  key: Uint8Array,
  value: Uint8Array,
): void {
  const keyHash = sha256(key);
  const hash = new Uint8Array(keyHash.length);
  hasher.hash(hash, keyHash, 0, value);
  leaves.add(trie.keys.add(key, keyHash, 0), hash, 0);
}

/**
 * Builds the trees from the stored leaves. Throws BizraError 'state_corrupt' when they do not give the roots in the
 * head record: a lost or altered leaf never goes unnoticed. Tells `progress` the number of leaves now and then.
 */
export async function loadVersion(
  kv: Pick<KeyValue, 'get' | 'iterate'>,
  trie: Trie,
  hasher: LeafHasher,
  progress: (leaves: number) => void = () => {},
): Promise<Version> {
  const head = readHead(kv);
  const stores = head.stores.map(({ name }) => new StoreLeaves(trie, hasher, name));
  const range = { gte: Uint8Array.of(KEY_SPACE.leaves), lt: Uint8Array.of(KEY_SPACE.leaves + 1) };
  let at = 0;
  let count = 0;
  // The root tells whether they are all there.
  for await (const [rowKey, row] of kv.iterate(range, { unverified: true })) {
    if (stores[at]?.owns(rowKey) !== true) at = stores.findIndex((store) => store.owns(rowKey));
    const store = stores[at];
    if (store === undefined)
      throw corrupt(`it has entries of a store ${parseLeafKey(rowKey).store} that the chain does not have`);
    store.add(rowKey, row);
    if (++count % PROGRESS_LEAVES === 0) progress(count);
  }
  const before = trie.nodes.made;
  const roots = stores.map((store) => trie.build(store.finish()));
  const names = head.stores.map(({ name }) => name);
  const version = new Version(trie, head.height, names, roots, trie.nodes.made - before);
  checkRoots(version, head);
  return version;
}

/** The leaves of one store, hashed in groups. */
class StoreLeaves {
  private readonly trie: Trie;
  private readonly hasher: LeafHasher;
  private readonly prefix: Uint8Array;
  private readonly leaves = new LeafList();
  private keys: Uint8Array[] = [];
  private values: Uint8Array[] = [];
  private readonly keyHashes = new Uint8Array(PAIR_SLOTS * HASH_BYTES);
  private readonly leafHashes = new Uint8Array(PAIR_SLOTS * HASH_BYTES);

  constructor(trie: Trie, hasher: LeafHasher, store: StoreName) {
    this.trie = trie;
    this.hasher = hasher;
    this.prefix = leafPrefix(store);
    addLeaf(this.leaves, { trie, hasher }, SENTINEL_KEY, SENTINEL_VALUE);
  }

  owns(rowKey: Uint8Array): boolean {
    const { prefix } = this;
    for (let i = 0; i < prefix.length; i++) if (rowKey[i] !== prefix[i]) return false;
    return true;
  }

  add(rowKey: Uint8Array, row: Uint8Array): void {
    this.keys.push(rowKey.subarray(this.prefix.length));
    this.values.push(leafValue(row));
    if (this.keys.length === PAIR_SLOTS) this.hash();
  }

  finish(): LeafList {
    this.hash();
    return this.leaves;
  }

  private hash(): void {
    const { trie, hasher, keys, values, keyHashes, leafHashes } = this;
    hasher.hashKeys(keyHashes, keys, 0, keys.length);
    hasher.hashLeaves(leafHashes, keyHashes, values, 0, keys.length);
    for (const [i, key] of keys.entries()) {
      const id = trie.keys.add(key, keyHashes, i * HASH_BYTES);
      this.leaves.add(id, leafHashes, i * HASH_BYTES);
    }
    this.keys = [];
    this.values = [];
  }
}

/** Throws MachineError 'state_corrupt' when the version is not what the head record says. */
export function checkRoots(version: Version, head: HeadRecord): void {
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
