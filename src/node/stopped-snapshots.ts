import { BlockStore } from '#storage/block-store.ts';
import { NodeDirectories } from '#storage/node-directories.ts';
import { parseLogLevels } from '#telemetry/log-levels.ts';
import { createLogger, type Logger } from '#telemetry/logger.ts';
import { formatTime } from '#types/time.ts';
import { BizraError } from '#util/errors.ts';
import { openChain } from './database.ts';
import { readGenesis } from './genesis-file.ts';
import { RealClock } from './real-clock.ts';
import { SnapshotActions, type SnapshotFields, snapshotFields } from './snapshot-commands.ts';
import type { SnapshotStore } from './snapshot-store.ts';
import { openSnapshotStore } from './snapshot-wiring.ts';
import { deleteSnapshot, Snapshots } from './snapshots.ts';
import type { NodePaths } from './start.ts';
import { namedGenesisError } from './start-errors.ts';
import { withDatabase, withLockedHome } from './stopped-home.ts';

type Paths = Pick<NodePaths, 'dataDirectory' | 'privValidatorKeyFile' | 'genesisFile'>;

/** The snapshots of a home on which no node runs. Throws 'node_running', 'no_database'. */
export function listStopped(paths: Paths): Promise<SnapshotFields[]> {
  return withStoppedStore(paths, async (store) => store.list().map(snapshotFields));
}

/** Throws 'node_running', 'no_database' and 'snapshot_missing'. */
export function deleteStopped(paths: Paths, height: number): Promise<{ readonly deleted: number }> {
  return withStoppedStore(paths, async (store) => {
    await deleteSnapshot(store, height);
    return { deleted: height };
  });
}

/** Of a state that was taken back, perhaps because it is wrong: whoever began with one would ban this node. */
export async function deleteSnapshotsAbove(dataDirectory: string, height: number): Promise<void> {
  const store = await openSnapshotStore(dataDirectory, makeLogger());
  for (const snapshot of store.list()) if (snapshot.height > height) await deleteSnapshot(store, snapshot.height);
}

async function withStoppedStore<Result>(
  paths: Paths,
  use: (snapshots: SnapshotStore) => Promise<Result>,
): Promise<Result> {
  const { dataDirectory } = paths;
  if (!(await new NodeDirectories().exists(dataDirectory)))
    throw new BizraError('no_database', `${dataDirectory}: there is no such directory; give the node's --home`);
  return withLockedHome(paths, async () => use(await openSnapshotStore(dataDirectory, makeLogger())));
}

/**
 * What needs the state or the blocks of a home on which no node runs. Throws 'node_running', 'no_database', and what
 * opening its chain throws.
 */
export async function withStoppedSnapshots<Result>(
  paths: Paths,
  use: (actions: SnapshotActions) => Promise<Result>,
): Promise<Result> {
  const genesis = await readGenesis(paths.genesisFile);
  return withDatabase(paths, async (kv) => {
    const clock = new RealClock();
    const { state } = await openChain(kv, genesis, { pause: () => clock.yield() }).catch((error: unknown) => {
      throw namedGenesisError(error, paths.genesisFile);
    });
    const logger = makeLogger();
    const store = await openSnapshotStore(paths.dataDirectory, logger);
    const parts = { store, state, clock, logger, moreUrgent: () => undefined, onFatal: () => undefined };
    const snapshots = new Snapshots(parts, { interval: 0, keepRecent: 0 });
    const blockStore = await BlockStore.open(kv);
    return use(new SnapshotActions({ snapshots, blockStore, genesis, head: () => state.height }));
  });
}

function makeLogger(): Logger {
  const clock = new RealClock();
  const sink = (line: string): void => void process.stderr.write(`${line}\n`);
  const components = { sink, timestamp: () => formatTime(clock.now()) };
  return createLogger(components, { format: 'text', levels: parseLogLevels('warn') }, 'snapshot');
}
