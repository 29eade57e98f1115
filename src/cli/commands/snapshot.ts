import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type HomePaths, homePaths, loadHomeSettings } from '#config/home.ts';
import type { SnapshotFields } from '#node/snapshot-commands.ts';
import type { ExportedSnapshot } from '#node/snapshot-export.ts';
import type { ImportTrust } from '#node/snapshot-import.ts';
import { fromHex } from '#util/bytes.ts';
import { callAdmin } from '../admin-client.ts';
import { usageError } from '../errors.ts';
import { type HomeOptions, type JsonOptions, wholeNumber, withHome, withJson } from '../options.ts';
import { formatPairs, formatTable, groupDigits, megabytes, print } from '../output.ts';
import type { Terminal } from '../terminal.ts';

type SnapshotOptions = HomeOptions & JsonOptions;

interface ExportOptions extends SnapshotOptions {
  readonly output?: string;
  readonly height?: number;
}

const HEIGHT_MAX = 2 ** 48;
const HOURS_MAX = 1_000_000;
const NANOS_PER_HOUR = 3_600_000_000_000n;

type Progress = Readonly<Record<string, unknown>>;
type OnProgress = (progress: Progress) => void;
type Stopped = typeof import('#node/stopped-snapshots.ts');
/** The same on the files of a home on which no node runs. */
type Act<Answer> = (stopped: Stopped, paths: HomePaths, onProgress: OnProgress) => Promise<Answer>;

/** Asks the daemon of the home; where none runs, does the same on its files. */
async function ask<Answer>(
  terminal: Terminal,
  home: string,
  request: { readonly command: string; readonly args: Readonly<Record<string, unknown>> },
  act: Act<Answer>,
): Promise<Answer> {
  const onProgress: OnProgress = (progress) => terminal.progress(progressLine(progress));
  const answer = (await callAdmin(home, request.command, request.args, onProgress)) as Answer | undefined;
  if (answer !== undefined) {
    terminal.progress('');
    return answer;
  }
  // The ledger and all that comes with it: other commands start faster without.
  const stopped = await import('#node/stopped-snapshots.ts');
  terminal.progress('opening the database');
  const done = await act(stopped, homePaths(home), onProgress);
  terminal.progress('');
  return done;
}

function progressLine({ leaves, chunks, of, bytes }: Progress): string {
  const done = of === undefined ? `${groupDigits(Number(leaves))} leaves` : `${Number(chunks)} of ${Number(of)} chunks`;
  return `${done}, ${megabytes(Number(bytes))}`;
}

async function list(terminal: Terminal, { home, json }: SnapshotOptions): Promise<void> {
  const request = { command: 'snapshot-list', args: {} };
  const all = await ask<SnapshotFields[]>(terminal, home, request, ({ listStopped }, paths) => listStopped(paths));
  print(terminal, json === true, all, () =>
    all.length === 0
      ? ['no snapshots; [snapshots] interval in config.toml makes them, and: bizra-node snapshot create']
      : formatTable(
          ['height', 'chunks', 'leaves', 'size', 'on disk', 'id'],
          all.map(({ height, chunks, leaves, bytes, stored_bytes, id }) => [
            String(height),
            String(chunks),
            groupDigits(leaves),
            megabytes(bytes),
            megabytes(stored_bytes),
            id,
          ]),
          [0, 1, 2, 3, 4],
        ),
  );
}

async function create(terminal: Terminal, { home, json }: SnapshotOptions): Promise<void> {
  const request = { command: 'snapshot-create', args: {} };
  const made = await ask<SnapshotFields>(terminal, home, request, ({ withStoppedSnapshots }, paths, onProgress) =>
    withStoppedSnapshots(paths, (actions) => actions.create(onProgress)),
  );
  print(terminal, json === true, made, () => formatPairs(pairsOf(made)));
}

function pairsOf({ height, chunks, leaves, bytes, stored_bytes, id }: SnapshotFields): [string, string][] {
  return [
    ['height', groupDigits(height)],
    ['chunks', groupDigits(chunks)],
    ['leaves', groupDigits(leaves)],
    ['size', `${megabytes(bytes)}, ${megabytes(stored_bytes)} on disk`],
    ['id', id],
  ];
}

async function remove(terminal: Terminal, height: number, { home, json }: SnapshotOptions): Promise<void> {
  const request = { command: 'snapshot-delete', args: { height } };
  const done = await ask(terminal, home, request, ({ deleteStopped }, paths) => deleteStopped(paths, height));
  print(terminal, json === true, done, () => [`deleted the snapshot at height ${groupDigits(height)}`]);
}

async function exportTo(terminal: Terminal, options: ExportOptions): Promise<void> {
  if (options.output === undefined) throw usageError('give --output FILE');
  const { home, height, json } = options;
  const wanted = { height, output: resolve(options.output) };
  const request = { command: 'snapshot-export', args: wanted };
  const written = await ask<ExportedSnapshot>(terminal, home, request, ({ withStoppedSnapshots }, paths, onProgress) =>
    withStoppedSnapshots(paths, (actions) => actions.export(wanted, onProgress)),
  );
  const { trust_height, trust_hash } = written;
  print(terminal, json === true, written, () => [
    ...formatPairs([
      ['file', written.file],
      ['chain id', written.chain_id],
      ['height', groupDigits(written.height)],
      ['chunks', groupDigits(written.chunks)],
      ['leaves', groupDigits(written.leaves)],
      ['size', megabytes(written.bytes)],
      ['header', `${trust_height} ${trust_hash.toUpperCase()}`],
    ]),
    '',
    'Whoever imports it names that header, from a source that they trust more than this file:',
    `bizra-node snapshot import FILE --home DIR --trust-height ${trust_height} --trust-hash ${trust_hash}`,
  ]);
}

interface ImportOptions extends SnapshotOptions {
  readonly trustHeight?: number;
  readonly trustHash?: string;
  readonly trustPeriodHours?: number;
}

async function importFrom(terminal: Terminal, file: string, options: ImportOptions): Promise<void> {
  const { home, json } = options;
  const paths = homePaths(home);
  const { storage, statesync } = await loadHomeSettings(home, { environment: terminal.environment });
  const trust = trustOf(options, statesync.trustPeriodHours);
  terminal.progress('reading');
  // As above.
  const { importIntoHome } = await import('#node/importing.ts');
  const onProgress = (progress: Progress): void => terminal.progress(progressLine(progress));
  const warn = (line: string): void => terminal.warn(line);
  const done = await importIntoHome(paths, resolve(file), { trust, cacheBytes: storage.cacheBytes, onProgress, warn });
  terminal.progress('');
  print(terminal, json === true, { home: paths.home, ...done }, () => [
    ...formatPairs([
      ['home', paths.home],
      ['height', groupDigits(done.height)],
      ['app hash', done.app_hash.toUpperCase()],
      ['chunks', groupDigits(done.chunks)],
      ['leaves', groupDigits(done.leaves)],
      ['headers', `from height ${groupDigits(done.headers_from)} on`],
    ]),
    '',
    `Start it with: bizra-node start --home ${paths.home}`,
  ]);
}

function trustOf({ trustHeight, trustHash, trustPeriodHours }: ImportOptions, byDefault: number): ImportTrust {
  if (trustHeight === undefined || trustHash === undefined) {
    throw usageError(
      'give --trust-height and --trust-hash: a header that you know from an explorer or a node of yours (its /commit); ' +
        'export has named one',
    );
  }
  if (!/^[0-9a-fA-F]{64}$/.test(trustHash)) throw usageError('--trust-hash: give 64 hex digits');
  const periodNs = BigInt(trustPeriodHours ?? byDefault) * NANOS_PER_HOUR;
  return { height: trustHeight, hash: fromHex(trustHash), periodNs };
}

function height(text: string): number {
  return wholeNumber('height', 1, HEIGHT_MAX)(text);
}

export function registerSnapshot(program: Command, terminal: Terminal): void {
  const group = program
    .command('snapshot')
    .description('snapshots of the state, from which other nodes begin: make, list, delete, export and import them');
  const command = (name: string): Command => withJson(withHome(group.command(name), terminal));
  command('list')
    .description('snapshots of a node, the newest first')
    .action((options: SnapshotOptions) => list(terminal, options));
  command('create')
    .description('make one of the newest state now, while the node runs or while it is stopped')
    .action((options: SnapshotOptions) => create(terminal, options));
  command('delete')
    .argument('<height>', 'as list shows it', height)
    .description('delete one')
    .action((at: number, options: SnapshotOptions) => remove(terminal, at, options));
  command('export')
    .description('write one to a file, with the headers that verify it')
    .option('--output <file>', 'a new file')
    .option('--height <n>', 'as list shows it (default: the newest)', height)
    .action((options: ExportOptions) => exportTo(terminal, options));
  command('import')
    .argument('<file>', 'as export wrote it')
    .description('fill a home without data from such a file, and verify all of it')
    .option('--trust-height <n>', 'height of a header that you trust', height)
    .option('--trust-hash <hash>', 'its hash')
    .option(
      '--trust-period-hours <n>',
      'how old that header may be (default: statesync.trust_period_hours)',
      wholeNumber('--trust-period-hours', 1, HOURS_MAX),
    )
    .addHelpText(
      'after',
      `
The home is one that init made, of the same chain, without data/chain.db. Killed in between, run it again: it goes on.
The blocks after the snapshot come from peers when the node starts.`,
    )
    .action((file: string, options: ImportOptions) => importFrom(terminal, file, options));
}
