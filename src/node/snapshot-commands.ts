import { isExpired } from '#evidence/evidence.ts';
import type { SnapshotInfo } from '#state/snapshot/archive.ts';
import type { BlockStore } from '#storage/block-store.ts';
import { compress } from '#storage/compression.ts';
import type { Genesis } from '#types/genesis.ts';
import type { Header } from '#types/header.ts';
import { toHex } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import type { AdminArgs, AdminServer, ReportProgress } from './admin.ts';
import { lightBlockOf } from './archive.ts';
import type { Node } from './node.ts';
import { type ExportedSnapshot, exportSnapshot } from './snapshot-export.ts';
import type { Snapshots } from './snapshots.ts';

/** A snapshot as commands show it. */
export interface SnapshotFields {
  readonly height: number;
  readonly id: string;
  readonly chunks: number;
  readonly leaves: number;
  readonly bytes: number;
  readonly stored_bytes: number;
}

export interface SnapshotActionsParts {
  readonly snapshots: Snapshots;
  readonly blockStore: BlockStore;
  readonly genesis: Genesis;
  /** Last applied height. */
  readonly head: () => number;
}

/** What `bizra-node snapshot` does, on a running node and on a stopped one. */
export class SnapshotActions {
  private readonly parts: SnapshotActionsParts;

  constructor(parts: SnapshotActionsParts) {
    this.parts = parts;
  }

  list(): SnapshotFields[] {
    return this.parts.snapshots.archive.list().map(snapshotFields);
  }

  async create(onProgress: ReportProgress, signal?: AbortSignal): Promise<SnapshotFields> {
    const { snapshots } = this.parts;
    return snapshotFields(
      await snapshots.create({ signal, onProgress: ({ leaves, bytes }) => onProgress({ leaves, bytes }) }),
    );
  }

  async delete(height: number): Promise<{ readonly deleted: number }> {
    await this.parts.snapshots.delete(height);
    return { deleted: height };
  }

  async export(
    request: { readonly height: number | undefined; readonly output: string },
    onProgress: ReportProgress,
    signal?: AbortSignal,
  ): Promise<ExportedSnapshot> {
    const { snapshots, blockStore, genesis, head } = this.parts;
    const { evidence } = await blockStore.params(head() + 1);
    const source = {
      archive: snapshots.archive,
      chainId: genesis.chainId,
      genesisHash: genesis.hash,
      lightBlock: (height: number) => lightBlockOf(blockStore, head(), height),
      isRecent: (then: Header, now: Header) => !isExpired(evidence, now, then),
      compress,
    };
    return exportSnapshot(source, request, (progress) => onProgress({ ...progress }), signal);
  }
}

export function handleSnapshotCommands(admin: AdminServer, node: Node): void {
  const { snapshots, blockStore, genesis, chain } = node;
  if (snapshots === undefined) return;
  const actions = new SnapshotActions({ snapshots, blockStore, genesis, head: () => chain.state.height });
  admin.handle('snapshot-list', async () => actions.list());
  admin.handle('snapshot-create', (_, progress, signal) => actions.create(progress, signal));
  admin.handle('snapshot-delete', (args) => actions.delete(heightIn(args) ?? missing('height')));
  admin.handle('snapshot-export', (args, progress, signal) =>
    actions.export({ height: heightIn(args), output: outputIn(args) }, progress, signal),
  );
}

export function snapshotFields({ height, id, chunks, leaves, bytes, storedBytes }: SnapshotInfo): SnapshotFields {
  return { height, id: toHex(id), chunks, leaves, bytes, stored_bytes: storedBytes };
}

function heightIn({ height }: AdminArgs): number | undefined {
  return typeof height === 'number' && Number.isSafeInteger(height) ? height : undefined;
}

function outputIn({ output }: AdminArgs): string {
  return typeof output === 'string' ? output : missing('output');
}

function missing(name: string): never {
  throw new BizraError('admin_bad_request', `the request has no ${name}`);
}
