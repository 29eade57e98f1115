import { encodeChunk } from '#state/snapshot/chunk.ts';
import { makeSnapshot } from '#state/snapshot/make.ts';
import { encodeManifest, type Manifest } from '#state/snapshot/manifest.ts';
import type { State } from '#state/state.ts';
import { fromLatin1 } from '#util/bytes.ts';
import { NEVER_PAUSE } from '#util/pause.ts';
import type { Write } from '../support.ts';

export interface MadeSnapshot {
  readonly manifest: Manifest;
  readonly encoded: Uint8Array;
  readonly chunks: readonly Uint8Array[];
}

export async function snapshotOf(state: State): Promise<MadeSnapshot> {
  const pinned = state.pin();
  if (pinned === undefined) throw new Error('the state is pinned already');
  try {
    const chunks: Uint8Array[] = [];
    const manifest = await makeSnapshot(
      pinned,
      async (index, { leaves }) => {
        chunks[index] = await encodeChunk(leaves);
      },
      NEVER_PAUSE,
    );
    return { manifest, encoded: encodeManifest(manifest), chunks };
  } finally {
    await pinned.release();
  }
}

/** `count` entries with values of `bytes` bytes: with large ones a store has many chunks. */
export function entries(store: string, count: number, bytes = 8): Write[] {
  return Array.from({ length: count }, (_, i): Write => {
    const value = new Uint8Array(bytes).map((_, at) => (i * 31 + at * 7) % 251);
    return [store, fromLatin1(`${store}${i}`), value];
  });
}
