import type { MakeOptions, SnapshotStore } from '#node/snapshot-store.ts';
import type { SnapshotInfo } from '#state/snapshot/archive.ts';
import { encodeChunk } from '#state/snapshot/chunk.ts';
import { makeSnapshot } from '#state/snapshot/make.ts';
import { encodeManifest, manifestId } from '#state/snapshot/manifest.ts';
import type { PinnedState } from '#state/snapshot/pinned-state.ts';

interface Kept {
  readonly info: SnapshotInfo;
  readonly manifest: Uint8Array;
  readonly chunks: readonly Uint8Array[];
}

type Promises = Pick<SnapshotStore, 'list' | 'manifest' | 'chunk' | 'make' | 'delete'>;

/** A machine's snapshots: there whole or not at all, whenever its process dies. Nothing is compressed. */
export class KeptSnapshots implements Promises {
  readonly making = undefined;
  private readonly kept = new Map<number, Kept>();

  list(): readonly SnapshotInfo[] {
    return [...this.kept.values()].map(({ info }) => info).sort((a, b) => b.height - a.height);
  }

  async manifest(height: number): Promise<Uint8Array | undefined> {
    return this.kept.get(height)?.manifest.slice();
  }

  async chunk(height: number, index: number): Promise<Uint8Array | undefined> {
    return this.kept.get(height)?.chunks[index]?.slice();
  }

  async make(pinned: PinnedState, { pause }: MakeOptions): Promise<SnapshotInfo> {
    const { height } = pinned;
    const known = this.kept.get(height);
    if (known !== undefined) return known.info;
    const chunks: Uint8Array[] = [];
    const sink = async (_index: number, { leaves }: { leaves: Parameters<typeof encodeChunk>[0] }): Promise<void> =>
      void chunks.push(await encodeChunk(leaves));
    const manifest = encodeManifest(await makeSnapshot(pinned, sink, pause));
    const info = { height, id: manifestId(manifest), chunks: chunks.length, leaves: 0, bytes: 0, storedBytes: 0 };
    this.kept.set(height, { info, manifest, chunks });
    return info;
  }

  async delete(height: number): Promise<boolean> {
    return this.kept.delete(height);
  }

  /** The disk was emptied. */
  clear(): void {
    this.kept.clear();
  }
}
