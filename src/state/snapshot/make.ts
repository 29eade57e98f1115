import { assert } from '#util/assert.ts';
import { equalBytes } from '#util/bytes.ts';
import type { Pause } from '#util/pause.ts';
import { Division, type LeafGroup } from './division.ts';
import { CHUNKS_MAX } from './limits.ts';
import { type Manifest, manifestAppHash, type StoreTop } from './manifest.ts';
import type { PinnedState } from './pinned-state.ts';

/** Where chunks go, in order. */
export type ChunkSink = (index: number, group: LeafGroup) => Promise<void>;

/**
 * Reads a pinned state whole and gives its chunks to `sink`, one at a time; returns the manifest, which leads to the
 * state's app hash. `pause` is called about every millisecond. Throws what reading and the sink throw.
 */
export async function makeSnapshot(pinned: PinnedState, sink: ChunkSink, pause: Pause): Promise<Manifest> {
  const stores: StoreTop[] = [];
  let chunks = 0;
  const give = async (groups: readonly LeafGroup[]): Promise<void> => {
    for (const group of groups) await sink(chunks++, group);
  };
  for (const { name, root: expected } of pinned.roots()) {
    const division = new Division();
    for await (const leaves of pinned.leaves(name)) {
      for (const leaf of leaves) division.add(leaf, leaf.keyHash, leaf.leafHash);
      await give(division.take());
      await pause();
    }
    const { root, top } = division.finish();
    assert(equalBytes(root, expected), 'checked leaves give the root of their tree');
    await give(division.take());
    stores.push({ name, top });
  }
  assert(chunks <= CHUNKS_MAX, 'a state has at most 100,000 chunks');
  const manifest = { height: pinned.height, stores };
  assert(equalBytes(manifestAppHash(manifest), pinned.appHash), 'checked stores give the app hash');
  return manifest;
}
