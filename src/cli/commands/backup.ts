import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type HomePaths, homePaths } from '#config/home.ts';
import type { BackupProgress, WrittenBackup } from '#node/backup.ts';
import { RealClock } from '#node/real-clock.ts';
import { formatTime } from '#types/time.ts';
import { callAdmin } from '../admin-client.ts';
import { usageError } from '../errors.ts';
import { type HomeOptions, type JsonOptions, withHome, withJson } from '../options.ts';
import { formatPairs, groupDigits, megabytes, print, safeText } from '../output.ts';
import type { Terminal } from '../terminal.ts';

interface BackupOptions extends HomeOptions, JsonOptions {
  readonly output?: string;
}

const NOT_IN_IT =
  'Not in it: keys (config/, keyring/) and what the validator key signed last (data/priv_validator_state.json). Keep copies of the keys, and never put back an old signing record.';

async function backup(terminal: Terminal, options: BackupOptions): Promise<void> {
  const paths = homePaths(options.home);
  const output = absolute(options.output);
  const draw = (progress: BackupProgress): void =>
    terminal.progress(
      `height ${groupDigits(progress.height)}: ${groupDigits(progress.records)} records, ${megabytes(progress.bytes)}`,
    );
  const onProgress = (progress: unknown): void => draw(progress as BackupProgress);
  const written =
    ((await callAdmin(options.home, 'backup', { output }, onProgress)) as WrittenBackup | undefined) ??
    (await backupStopped(paths, output, draw));
  terminal.progress('');
  print(terminal, options.json === true, written, () => [
    ...formatPairs([
      ['file', written.file],
      ['chain id', written.chain_id],
      ['height', groupDigits(written.height)],
      ['app hash', written.app_hash.toUpperCase()],
      ['records', groupDigits(written.records)],
      ['size', megabytes(written.bytes)],
    ]),
    '',
    NOT_IN_IT,
  ]);
}

/** No daemon runs: the database is free to be opened. */
async function backupStopped(
  paths: HomePaths,
  output: string,
  onProgress: (progress: BackupProgress) => void,
): Promise<WrittenBackup> {
  const { genesisFile } = paths;
  // The ledger and all that comes with it: other commands start faster without.
  const [{ withDatabase }, { writeBackup }] = await Promise.all([
    import('#node/stopped-home.ts'),
    import('#node/backup.ts'),
  ]);
  const time = formatTime(new RealClock().now());
  return withDatabase(paths, (kv) => writeBackup({ kv, genesisFile, time }, { output, onProgress }));
}

async function verify(terminal: Terminal, file: string, { json }: JsonOptions): Promise<void> {
  const { verifyBackup } = await import('#node/verify-backup.ts');
  const verified = await verifyBackup(resolve(file), ({ step, bytes, size }) =>
    terminal.progress(`${step}: ${megabytes(bytes)} of ${megabytes(size)}`),
  );
  terminal.progress('');
  print(terminal, json === true, verified, () => [
    ...formatPairs([
      ['file', `${verified.file}: every byte is as it was written, and the state gives the app hash`],
      ['chain id', safeText(verified.chain_id)],
      ['height', groupDigits(verified.height)],
      ['app hash', safeText(verified.app_hash.toUpperCase())],
      ['time', safeText(verified.time)],
      ['records', groupDigits(verified.records)],
      ['size', megabytes(verified.bytes)],
    ]),
  ]);
}

/** The daemon has another working directory. A slash at the end is told apart, so it stays. */
function absolute(output: string | undefined): string {
  // An empty one is a variable that was not set, and not the working directory.
  if (output === undefined || output === '') throw usageError('give --output FILE, or a directory');
  return resolve(output) + (output.endsWith('/') ? '/' : '');
}

export function registerBackup(program: Command, terminal: Terminal): void {
  const command = withJson(withHome(program.command('backup'), terminal))
    .description('write all data of a node at one height to a file, while it runs or while it is stopped')
    .option(
      '--output <file>',
      'a new file; or a directory (it exists, or ends in a slash) for a file CHAIN-HEIGHT.backup in it',
    )
    .addHelpText('after', `\n${NOT_IN_IT}\n\nTake it back with: bizra-node restore --home DIR --input FILE`)
    .action((options: BackupOptions) => backup(terminal, options));
  withJson(command.command('verify'))
    .argument('<file>', 'as `backup` wrote it')
    .description('read a backup whole: every byte, and the app hash of the state in it')
    .action((file: string, _options: unknown, self: Command) => verify(terminal, file, self.optsWithGlobals()));
}
