import { join } from 'node:path';
import type { KeyValue } from '#ports/key-value.ts';
import { BlockStore } from '#storage/block-store.ts';
import { decompress } from '#storage/compression.ts';
import { openLevel } from '#storage/level.ts';
import { NodeDirectories } from '#storage/node-directories.ts';
import type { Genesis } from '#types/genesis.ts';
import { initializeChain } from './database.ts';
import { DATABASE_NAME } from './database-names.ts';
import { ensureDatabase, removeSiblings } from './fresh-database.ts';
import type { NodeSettings } from './settings.ts';
import { type StateSyncingComponents, syncState } from './state-syncing.ts';

export type ChainDatabaseComponents = Pick<
  StateSyncingComponents,
  'transport' | 'clock' | 'random' | 'verifier' | 'logger' | 'signal'
>;

/** Opens the daemon's database; where there is none, makes it: from a snapshot of peers, or from genesis. */
export async function openChainDatabase(
  components: ChainDatabaseComponents,
  dataDirectory: string,
  genesis: Genesis,
  settings: NodeSettings,
): Promise<KeyValue> {
  const path = join(dataDirectory, DATABASE_NAME);
  const directories = new NodeDirectories();
  const { cacheBytes, maxOpenFiles } = settings.storage;
  // Reads of what is damaged are refused one by one; this says it before anybody asks.
  const onDamage = (error: Error): void =>
    components.logger.error('the database is damaged', { reason: error.message });
  const onUnheld = (error: Error): void =>
    components.logger.warn('damage of merged tables may go unseen', { reason: error.message });
  const options = { cacheBytes, maxOpenFiles, onDamage, onUnheld };
  const openDatabase = (at: string): Promise<KeyValue> => openLevel(at, options);
  if (settings.statesync.enable && !(await directories.exists(path))) {
    await syncState({ ...components, directories, openDatabase, decompress, path }, genesis, settings);
  }
  await ensureDatabase(directories, path, openDatabase, async (kv) =>
    initializeChain(kv, genesis, await BlockStore.open(kv)),
  );
  await removeSiblings(directories, path, components.logger);
  return openDatabase(path);
}
