import { statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { State } from '#state/state.ts';
import { compress } from '#storage/compression.ts';
import { NodeDirectories } from '#storage/node-directories.ts';
import { attempt, NodeFiles } from '#storage/node-files.ts';
import type { Logger } from '#telemetry/logger.ts';
import type { NodePorts } from './node-ports.ts';
import type { NodeSettings } from './settings.ts';
import { SnapshotStore } from './snapshot-store.ts';
import { Snapshots } from './snapshots.ts';

/** The snapshots in a data directory. */
export function openSnapshotStore(dataDirectory: string, logger: Logger): Promise<SnapshotStore> {
  const components = {
    files: new NodeFiles(),
    directories: new NodeDirectories(),
    logger: logger.child('snapshots'),
    compress,
    freeBytes,
  };
  return SnapshotStore.open(components, join(dataDirectory, 'snapshots'));
}

/** Absent where there is no place for them. */
export function makeSnapshots(
  { snapshotStore, clock, logger, onFatal }: NodePorts,
  settings: NodeSettings['snapshots'],
  state: State,
  moreUrgent: () => Promise<void> | undefined,
): Snapshots | undefined {
  if (snapshotStore === undefined) return undefined;
  return new Snapshots(
    { store: snapshotStore, state, clock, logger: logger.child('snapshots'), moreUrgent, onFatal },
    settings,
  );
}

/** The directory itself comes with its first snapshot. */
function freeBytes(path: string): Promise<number> {
  const at = dirname(path);
  return attempt('read', at, async () => {
    const { bavail, bsize } = await statfs(at);
    return bavail * bsize;
  });
}
