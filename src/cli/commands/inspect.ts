import { join } from 'node:path';
import type { Command } from 'commander';
import { type HomePaths, homePaths } from '#config/home.ts';
import { inspectBlock, inspectDatabase, inspectFiles } from '#node/inspect.ts';
import { withDatabaseCopy } from '#node/stopped-home.ts';
import { NodeFiles } from '#storage/node-files.ts';
import { interruptible } from '../interrupt.ts';
import { type HomeOptions, type JsonOptions, wholeNumber, withHome, withJson } from '../options.ts';
import { formatPairs, formatTable, groupDigits, megabytes, print } from '../output.ts';
import type { Terminal } from '../terminal.ts';
import { readVersion } from '../version.ts';

type InspectOptions = HomeOptions & JsonOptions;
type Database = Awaited<ReturnType<typeof inspectDatabase>>;
type Files = Awaited<ReturnType<typeof inspectFiles>>;

async function inspect(terminal: Terminal, { home, json }: InspectOptions): Promise<void> {
  const paths = homePaths(home);
  const version = await readVersion();
  const { database, files } = await withDatabaseCopy(paths, async (kv) => ({
    database: await inspectDatabase(kv, (rows) => terminal.progress(`${groupDigits(rows)} rows`)),
    files: await inspectFiles(new NodeFiles(), filesOf(paths)),
  }));
  terminal.progress('');
  print(terminal, json === true, { version, home: paths.home, ...database, ...files }, () => [
    ...formatPairs([['version', version], ['home', paths.home], ...chainPairs(database), ...filePairs(files)]),
    '',
    ...formatTable(
      ['validator', 'power', 'priority'],
      database.validators.map(({ address, power, priority }) => [address, groupDigits(power), priority]),
      [1, 2],
    ),
    '',
    ...formatTable(
      ['store', 'leaves', 'root'],
      database.stores.map(({ name, leaves, root }) => [name, groupDigits(leaves), root]),
      [1],
    ),
    '',
    ...formatTable(
      ['rows of', 'rows', 'bytes'],
      database.rows.map(({ kind, rows, bytes }) => [kind, groupDigits(rows), groupDigits(bytes)]),
      [1, 2],
    ),
  ]);
}

function filesOf({ dataDirectory, privValidatorStateFile }: HomePaths) {
  return {
    walDirectory: join(dataDirectory, 'wal'),
    snapshotDirectory: join(dataDirectory, 'snapshots'),
    privValidatorStateFile,
  };
}

function chainPairs({ chain_id, heights, last_block, app_hash }: Database): [string, string][] {
  const { head, base, header_base, last_stored_block, state_base, lowest_rollback } = heights;
  return [
    ['chain id', chain_id],
    ['height', groupDigits(head)],
    ['last block', `${last_block.hash} of ${last_block.time}, ${groupDigits(last_block.txs)} transactions`],
    ['app hash', app_hash],
    ['blocks', `${groupDigits(base)} to ${groupDigits(head)}, headers from ${groupDigits(header_base)}`],
    ...(last_stored_block > head
      ? [['to apply again', `blocks up to ${groupDigits(last_stored_block)}`] as [string, string]]
      : []),
    ['state', `readable from height ${groupDigits(state_base)} on; rollback reaches ${groupDigits(lowest_rollback)}`],
  ];
}

function filePairs({ wal, signed, snapshots }: Files): [string, string][] {
  const fault = wal?.fault === 'middle' ? ', DAMAGED' : wal?.fault === 'torn' ? ', its end was not fully written' : '';
  return [
    ['snapshots', snapshots.length === 0 ? 'none' : snapshots.map(groupDigits).join(' ')],
    ['log', wal === null ? 'none' : `${groupDigits(wal.records)} records, ${megabytes(wal.bytes)}${fault}`],
    ['key signed last', signedText(signed)],
  ];
}

function signedText(signed: Files['signed']): string {
  if (signed === null) return 'not known';
  return 'fault' in signed ? `DAMAGED: ${signed.fault}` : `${signed.height}/${signed.round}/${signed.step}`;
}

async function block(terminal: Terminal, height: number, { home, json }: InspectOptions): Promise<void> {
  const found = await withDatabaseCopy(homePaths(home), (kv) => inspectBlock(kv, height));
  print(terminal, json === true, found, () => {
    const { results, ...header } = found;
    const pairs = Object.entries({ ...header, ...results });
    return formatPairs(pairs.map(([name, value]) => [name.replaceAll('_', ' '), String(value ?? 'not kept')]));
  });
}

export function registerInspect(program: Command, terminal: Terminal): void {
  const command = withJson(withHome(program.command('inspect'), terminal))
    .description('what a stopped node has on its disk')
    .addHelpText(
      'after',
      '\nNothing in the home is changed: a copy of the database is read (hard links to its tables) and removed.',
    )
    .action((options: InspectOptions) => interruptible(terminal, (watched) => inspect(watched, options)));
  withJson(withHome(command.command('block'), terminal))
    .argument('<height>', 'height of the block', wholeNumber('height', 1, Number.MAX_SAFE_INTEGER))
    .description('one stored block and what came of it')
    .action((height: number, _options: unknown, self: Command) =>
      block(terminal, height, self.optsWithGlobals<InspectOptions>()),
    );
}
