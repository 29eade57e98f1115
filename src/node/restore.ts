import type { Verifier } from '#crypto/verifier.ts';
import type { Clock } from '#ports/clock.ts';
import type { KeyValue } from '#ports/key-value.ts';
import { badBackup } from '#storage/backup/format.ts';
import type { BackupReader } from '#storage/backup/reader.ts';
import { BlockStore } from '#storage/block-store.ts';
import type { NodeDirectories } from '#storage/node-directories.ts';
import { equalBlockIds } from '#types/block-id.ts';
import { verifyCommit } from '#types/commit-verification.ts';
import type { Genesis } from '#types/genesis.ts';
import { toHex } from '#util/bytes.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import { checkStore, openChain } from './database.ts';
import { UNFINISHED_SUFFIX } from './database-names.ts';

/** What the disk that is restored to does, whatever is in the backup. */
const THIS_DISK: ReadonlySet<string> = new Set(['database_failed', 'io_failed']);
/** Newest heights whose blocks are followed from one to the one before. */
const LINKED_HEIGHTS = 10_000;

export interface RestoreParts {
  readonly directories: NodeDirectories;
  readonly openDatabase: (path: string) => Promise<KeyValue>;
  readonly clock: Clock;
  readonly verifier: Verifier;
}

export interface RestoreTarget {
  /** Where the database is to be. */
  readonly path: string;
  readonly genesis: Genesis;
}

export interface RestoreProgress {
  readonly step: 'copying' | 'verifying';
  readonly records: number;
  /** Of the backup, read so far, and all. */
  readonly bytes: number;
  readonly size: number;
}

/**
 * Fills a database from a backup beside its place, verifies it as a start would and more, and renames it: killed in
 * between, it leaves nothing that counts. Throws 'home_occupied', 'bad_backup', 'damaged_backup', and what opening a
 * database throws where the backup's was damaged.
 */
export async function restoreBackup(
  parts: RestoreParts,
  reader: BackupReader,
  { path, genesis }: RestoreTarget,
  onProgress: (progress: RestoreProgress) => void = () => {},
): Promise<void> {
  const { directories } = parts;
  if (await directories.exists(path)) throw occupied(path);
  checkBelongs(reader, genesis);
  const unfinished = path + UNFINISHED_SUFFIX;
  await directories.remove(unfinished);
  const told = (step: RestoreProgress['step']): void =>
    onProgress({ step, records: reader.records, bytes: reader.offset, size: reader.size });
  try {
    await withDatabase(parts, unfinished, (kv) => copy(reader, kv, () => told('copying')));
    told('verifying');
    await withDatabase(parts, unfinished, (kv) => verifyDatabase(kv, genesis, reader, parts));
    // LevelDB syncs its last log alone: what came before it must be on the disk before the directory counts.
    await directories.syncContents(unfinished);
    await directories.rename(unfinished, path);
    await directories.syncName(path);
  } catch (error) {
    await directories.remove(unfinished);
    throw error;
  }
}

/** Throws 'bad_backup' when it is of another chain. */
export function checkBelongs({ path, header }: BackupReader, { chainId, hash }: Genesis): void {
  if (header.chain_id !== chainId)
    throw badBackup(`${path} is of chain ${header.chain_id}, this home of ${chainId}: use another --home or --input`);
  if (header.genesis_hash === toHex(hash)) return;
  throw badBackup(
    `${path} is of chain ${chainId} with another genesis file (hash ${header.genesis_hash}, not ${toHex(hash)}): put the right genesis.json into the home, or use another --input`,
  );
}

async function withDatabase(
  { openDatabase }: RestoreParts,
  path: string,
  use: (kv: KeyValue) => Promise<void>,
): Promise<void> {
  const kv = await openDatabase(path);
  try {
    await use(kv);
  } finally {
    await kv.close();
  }
}

async function copy(reader: BackupReader, kv: KeyValue, onSection: () => void): Promise<void> {
  for await (const records of reader.sections()) {
    const batch = kv.batch();
    for (const [key, value] of records) batch.put(key, value);
    await batch.write({ sync: false });
    onSection();
  }
}

/** The whole state against its root, the newest heights whole, and that their validators decided them. */
async function verifyDatabase(
  kv: KeyValue,
  genesis: Genesis,
  { path, header }: BackupReader,
  { clock, verifier }: RestoreParts,
): Promise<void> {
  try {
    const { state, chainState } = await openChain(kv, genesis, { pause: () => clock.yield() });
    if (chainState.height !== header.height || toHex(state.appHash) !== header.app_hash)
      throw new MachineError('damaged', `it ends at height ${chainState.height}, not at ${header.height}`);
    const blocks = await BlockStore.open(kv);
    await checkStore({ kv, clock }, blocks, chainState);
    await checkLinks(blocks, chainState.initialHeight);
    await checkHead(blocks, genesis.chainId, verifier);
  } catch (error) {
    if (!(error instanceof BizraError) || THIS_DISK.has(error.code)) throw error;
    throw badBackup(`${path} was made of a damaged database and cannot be used: ${error.message}`);
  }
}

async function checkLinks(blocks: BlockStore, initialHeight: number): Promise<void> {
  const { head } = blocks;
  const first = Math.max(blocks.headerBase, initialHeight, head - LINKED_HEIGHTS);
  for (let height = head; height > first; height--) {
    const [meta, before] = [blocks.meta(height), blocks.meta(height - 1)];
    const isLinked =
      meta?.header.height === height && before !== undefined && equalBlockIds(meta.header.lastBlockId, before.blockId);
    if (!isLinked) throw new MachineError('damaged', `block ${height} does not follow block ${height - 1}`);
  }
}

async function checkHead(blocks: BlockStore, chainId: string, verifier: Verifier): Promise<void> {
  const { head } = blocks;
  const [meta, commit] = [blocks.meta(head), blocks.commit(head)];
  if (meta === undefined || commit === undefined) return; // no block yet
  await verifyCommit(verifier, chainId, await blocks.signers(head), meta.blockId, head, commit);
}

function occupied(path: string): BizraError<'home_occupied'> {
  return new BizraError(
    'home_occupied',
    `${path} exists: a backup is restored into a home without data; stop the node and move it away, but leave priv_validator_state.json where it is`,
  );
}
