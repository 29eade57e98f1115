import { sha256 } from '#crypto/hash.ts';
import type { KeyValue } from '#ports/key-value.ts';
import { LeafHasher } from '#state/leaf-changes.ts';
import { LeafList } from '#state/leaf-list.ts';
import { addLeaf } from '#state/load.ts';
import { BASE_KEY, encodeBase, encodeHead, encodeLeaf, HEAD_KEY, leafKey, leafPrefix } from '#state/rows.ts';
import type { ChangeSet, StoreName } from '#state/store.ts';
import { Trie } from '#state/trie.ts';
import { SENTINEL_KEY, SENTINEL_VALUE, Version } from '#state/version.ts';
import { concatBytes, toLatin1 } from '#util/bytes.ts';

/** Each account is two leaves, as in the ledger: its record and its balance. */
export const STORES = ['acc', 'bank'] as const;
export const LEAVES_PER_ACCOUNT = STORES.length;

const ADDRESS_BYTES = 20;
const DENOM = new TextEncoder().encode('ubizra');
/** An account with a secp256k1 key. */
const ACCOUNT_BYTES = 110;
/** Rows of one batch. */
const BATCH_ROWS = 10_000;

function numberBytes(value: number): Uint8Array {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value);
  return out;
}

/** Store, raw key and value of the leaves of account `index`; each `round` gives other values. */
export function leavesOf(index: number, round: number): readonly (readonly [StoreName, Uint8Array, Uint8Array])[] {
  const address = sha256(numberBytes(index)).subarray(0, ADDRESS_BYTES);
  const account = new Uint8Array(ACCOUNT_BYTES);
  account.set(address);
  account.set(numberBytes(round), ADDRESS_BYTES);
  const balance = new TextEncoder().encode(String(1_000_000_000_000 - round));
  return [
    ['acc', concatBytes(Uint8Array.of(1), address), account],
    ['bank', concatBytes(Uint8Array.of(2, ADDRESS_BYTES), address, DENOM), balance],
  ];
}

/** A block's changes to `leaves` leaves of accounts that are spread evenly over `accounts`. */
export function changesOf(accounts: number, leaves: number, round: number): ChangeSet {
  const changes = new Map<StoreName, Map<string, Uint8Array>>(STORES.map((name) => [name, new Map()]));
  const count = Math.floor(leaves / LEAVES_PER_ACCOUNT);
  for (let i = 0; i < count; i++) {
    // Another account each round, so that no cache holds what a chain of many accounts would have to fetch.
    const index = (Math.floor((i * accounts) / count) + round) % accounts;
    for (const [store, key, value] of leavesOf(index, round)) changes.get(store)?.set(toLatin1(key), value);
  }
  return changes;
}

/** What is in memory when a database has been filled: the same trees. */
export interface FilledState {
  readonly trie: Trie;
  readonly version: Version;
}

/** Fills an empty database with the state of height 0, as a node at rest has it: leaves and head record. */
export async function fillState(kv: KeyValue, accounts: number): Promise<FilledState> {
  const trie = new Trie();
  const hasher = new LeafHasher();
  const leaves = new Map<StoreName, LeafList>(STORES.map((name) => [name, new LeafList()]));
  for (const list of leaves.values()) addLeaf(list, { trie, hasher }, SENTINEL_KEY, SENTINEL_VALUE);
  const prefixes = new Map<StoreName, Uint8Array>(STORES.map((name) => [name, leafPrefix(name)]));
  let batch = kv.batch();
  for (let index = 0; index < accounts; index++) {
    for (const [store, key, value] of leavesOf(index, 0)) {
      addLeaf(leaves.get(store) as LeafList, { trie, hasher }, key, value);
      batch.put(leafKey(prefixes.get(store) as Uint8Array, key), encodeLeaf(value, 0));
    }
    if (batch.length < BATCH_ROWS) continue;
    await batch.write({ sync: false });
    batch = kv.batch();
  }
  const roots = STORES.map((name) => trie.build(leaves.get(name) as LeafList));
  const version = new Version(trie, 0, STORES, roots, 0);
  const { height, appHash } = version;
  batch.put(HEAD_KEY, encodeHead({ height, appHash, stores: version.storeRoots() }));
  batch.put(BASE_KEY, encodeBase(height));
  await batch.write({ sync: true });
  return { trie, version };
}
