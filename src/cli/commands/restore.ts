import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import {
  type HomePaths,
  homePaths,
  isEmptyDirectory,
  makeDirectory,
  PUBLIC_MODE,
  readTextFile,
  writeTextFile,
} from '#config/home.ts';
import { loadSettings } from '#config/settings.ts';
import { InlineVerifier } from '#crypto/verifier.ts';
import { genesisIn } from '#node/backup-genesis.ts';
import { RealClock } from '#node/real-clock.ts';
import type { RestoreProgress } from '#node/restore.ts';
import { BackupReader } from '#storage/backup/reader.ts';
import { openLevel } from '#storage/level.ts';
import { NodeDirectories } from '#storage/node-directories.ts';
import { type Genesis, parseGenesis } from '#types/genesis.ts';
import { BizraError } from '#util/errors.ts';
import { usageError } from '../errors.ts';
import { newNodeIdentity, writeHome } from '../home-builder.ts';
import { GAS_PRICE_AMOUNT } from '../network-builder.ts';
import { type HomeOptions, type JsonOptions, withHome, withJson } from '../options.ts';
import { formatPairs, groupDigits, megabytes, print } from '../output.ts';
import type { Terminal } from '../terminal.ts';

interface RestoreOptions extends HomeOptions, JsonOptions {
  readonly input?: string;
}

/** What the node still needs before it can sign, if anything. */
type KeyNote = 'new keys' | 'record missing' | undefined;

async function restore(terminal: Terminal, options: RestoreOptions): Promise<void> {
  if (options.input === undefined) throw usageError('give --input FILE, as `backup` wrote it');
  const paths = homePaths(options.home);
  const reader = await BackupReader.open(resolve(options.input));
  try {
    const { genesis, isNew } = await prepareHome(paths, reader);
    await fill(terminal, paths, genesis, reader);
    const note = await noteOf(paths, isNew);
    const { height, chain_id, app_hash } = reader.header;
    const answer = { home: paths.home, chain_id, height, app_hash, records: reader.records, new_keys: isNew };
    print(terminal, options.json === true, { ...answer, signing_record_missing: note === 'record missing' }, () => [
      ...formatPairs([
        ['home', paths.home],
        ['chain id', chain_id],
        ['height', groupDigits(height)],
        ['app hash', app_hash.toUpperCase()],
        ['records', groupDigits(reader.records)],
      ]),
      '',
      ...describe(note, paths),
      `Start it with: bizra-node start --home ${paths.home}`,
    ]);
  } finally {
    await reader.close();
  }
}

/** The genesis of the home; a home that is none yet is made, one without genesis file gets that of the backup. */
async function prepareHome(paths: HomePaths, reader: BackupReader): Promise<{ genesis: Genesis; isNew: boolean }> {
  const text = await readTextFile(paths.genesisFile);
  if (text !== undefined) return { genesis: parseNamed(paths.genesisFile, text), isNew: false };
  const isNew = await isEmptyDirectory(paths.configDirectory);
  if (!isNew && (await readTextFile(paths.configFile)) === undefined) {
    throw usageError(
      `${paths.configDirectory} holds a part of a home; give a whole one (bizra-node init), or one that does not exist`,
    );
  }
  // Its record is all that keeps a validator key from signing twice, and new keys would come with a new one.
  if (isNew && (await readTextFile(paths.privValidatorStateFile)) !== undefined) {
    throw usageError(
      `${paths.privValidatorStateFile} is there, but not the key that it is about: put the files of config/ back (keys, config.toml), or choose another --home`,
    );
  }
  const { text: kept, genesis } = await genesisIn(reader);
  if (!isNew) await writeTextFile(paths.genesisFile, kept, PUBLIC_MODE);
  else await makeHome(paths, kept, genesis);
  return { genesis, isNew };
}

function parseNamed(path: string, text: string): Genesis {
  try {
    return parseGenesis(text);
  } catch (error) {
    throw error instanceof BizraError ? new BizraError(error.code, `${path}: ${error.message}`) : error;
  }
}

async function makeHome(paths: HomePaths, genesisText: string, { chain }: Genesis): Promise<void> {
  const settings = loadSettings({ flags: { 'mempool.min_gas_prices': GAS_PRICE_AMOUNT + chain.baseDenom } });
  try {
    await writeHome(paths.home, { identity: newNodeIdentity(), settings, genesis: genesisText });
  } catch (error) {
    // A part of a home would stand in the way of the next attempt. There was nothing before.
    await rm(paths.configDirectory, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  } finally {
    // Whoever puts an older key in the place of the new one must not find a record that says it signed nothing.
    await rm(paths.privValidatorStateFile, { force: true });
  }
}

async function fill(terminal: Terminal, paths: HomePaths, genesis: Genesis, reader: BackupReader): Promise<void> {
  await makeDirectory(paths.dataDirectory);
  const parts = {
    directories: new NodeDirectories(),
    openDatabase: openLevel,
    clock: new RealClock(),
    verifier: new InlineVerifier(),
  };
  // The ledger and all that comes with it: other commands start faster without.
  const [{ withLockedHome, databasePath }, { restoreBackup }] = await Promise.all([
    import('#node/stopped-home.ts'),
    import('#node/restore.ts'),
  ]);
  const target = { path: databasePath(paths), genesis };
  const onProgress = (progress: RestoreProgress): void => terminal.progress(progressLine(progress));
  // A node that started on this home meanwhile would make a database of its own.
  await withLockedHome(paths, () => restoreBackup(parts, reader, target, onProgress));
  terminal.progress('');
}

function progressLine({ step, records, bytes, size }: RestoreProgress): string {
  if (step === 'verifying') return `verifying ${groupDigits(records)} records against the app hash`;
  return `${Math.floor((bytes / size) * 100)} %: ${groupDigits(records)} records, ${megabytes(bytes)} of ${megabytes(size)}`;
}

async function noteOf({ privValidatorStateFile }: HomePaths, isNew: boolean): Promise<KeyNote> {
  if (isNew) return 'new keys';
  return (await readTextFile(privValidatorStateFile)) === undefined ? 'record missing' : undefined;
}

function describe(note: KeyNote, paths: HomePaths): string[] {
  if (note === undefined) return [];
  if (note === 'new keys') {
    return [
      `The home is new: its keys are new ones, its settings the defaults. Set p2p.persistent_peers in ${paths.configFile}.`,
      'To be a validator again, put its key and its newest signing record there before the first start.',
      '',
    ];
  }
  return [
    `${paths.privValidatorStateFile} is missing: a validator does not start without it. Put the newest one there,`,
    'or, when it is lost and no other process has the key: bizra-node start --recover-signing-record',
    '',
  ];
}

export function registerRestore(program: Command, terminal: Terminal): void {
  withJson(withHome(program.command('restore'), terminal))
    .description('fill a home without data from a backup, and verify all of it')
    .option('--input <file>', 'a file that `backup` wrote')
    .addHelpText(
      'after',
      `
The home is one that init made, of the same chain, without data/chain.db; a signing record that is there stays as it is.
Where genesis.json is missing it is taken from the backup; where there is no home, one is made with new keys.
Refused: a damaged backup (it is said where), one of another chain or of a newer program, a home with data.`,
    )
    .action((options: RestoreOptions) => restore(terminal, options));
}
