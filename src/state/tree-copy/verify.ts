import type { KeyValueSnapshot } from '#ports/key-value.ts';
import { damaged } from '#storage/checksummed.ts';
import { KEY_SPACE } from '#storage/key-space.ts';
import { MachineError } from '#util/errors.ts';
import type { Pause } from '#util/pause.ts';
import type { StateErrorCode } from '../errors.ts';
import type { LeafHasher } from '../leaf-changes.ts';
import { NO_NODE } from '../node-pool.ts';
import { PAIR_SLOTS } from '../pair-hasher.ts';
import { leafValue, parseLeafKey } from '../rows.ts';
import type { Trie } from '../trie.ts';
import type { Version } from '../version.ts';

const HASH_BYTES = 32;

export interface VerifyParts {
  readonly trie: Trie;
  readonly hasher: LeafHasher;
  /** Held by the caller until the end, as the snapshot is, whose head this is. */
  readonly version: Version;
  readonly snapshot: KeyValueSnapshot;
}

/**
 * Compares all stored leaves with the tree: each is in it, and none is missing. Resolves with their number; throws
 * MachineError 'damaged', or 'state_corrupt'. Calls `pause` about every millisecond.
 */
export async function verifyLeaves(parts: VerifyParts, pause: Pause): Promise<number> {
  const range = { gte: Uint8Array.of(KEY_SPACE.leaves), lt: Uint8Array.of(KEY_SPACE.leaves + 1) };
  let group: (readonly [Uint8Array, Uint8Array])[] = [];
  let count = 0;
  for await (const row of parts.snapshot.iterate(range, { unverified: true })) {
    count++;
    if (group.push(row) < PAIR_SLOTS) continue;
    checkGroup(parts, group);
    group = [];
    await pause();
  }
  checkGroup(parts, group);
  const expected = await countLeaves(parts, pause);
  if (count === expected) return count;
  throw new MachineError<StateErrorCode>(
    'state_corrupt',
    `the stored state is damaged: it has ${count} entries, the tree has ${expected}; restore a backup or sync again`,
  );
}

function checkGroup(
  { trie, hasher, version }: VerifyParts,
  group: readonly (readonly [Uint8Array, Uint8Array])[],
): void {
  const places = group.map(([rowKey]) => parseLeafKey(rowKey));
  const keyHashes = new Uint8Array(group.length * HASH_BYTES);
  const leafHashes = new Uint8Array(group.length * HASH_BYTES);
  hasher.hashKeys(
    keyHashes,
    places.map(({ key }) => key),
    0,
    group.length,
  );
  hasher.hashLeaves(
    leafHashes,
    keyHashes,
    group.map(([, row]) => leafValue(row)),
    0,
    group.length,
  );
  for (const [i, { store }] of places.entries()) {
    const index = version.indexOf(store);
    const leaf = index < 0 ? NO_NODE : trie.find(version.rootAt(index), keyHashes, i * HASH_BYTES);
    if (leaf === NO_NODE || !trie.nodes.hashEquals(leaf, leafHashes, i * HASH_BYTES)) {
      throw damaged((group[i] as readonly [Uint8Array, Uint8Array])[0], 'state value');
    }
  }
}

/** Without the sentinels, which are not stored. */
async function countLeaves({ trie, version }: VerifyParts, pause: Pause): Promise<number> {
  let count = 0;
  for (let store = 0; store < version.stores.length; store++) {
    const stack = [version.rootAt(store)];
    for (let visits = 1; stack.length > 0; visits++) {
      const node = stack.pop() as number;
      if (!trie.nodes.isLeaf(node)) stack.push(trie.nodes.right(node), trie.nodes.left(node));
      else count++;
      if (visits % 1000 === 0) await pause();
    }
  }
  return count - version.stores.length;
}
