import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { homePaths, loadHomeSettings } from '#config/home.ts';
import type { PruneFields, PruneRequest } from '#node/prune-command.ts';
import { callAdmin } from '../admin-client.ts';
import { type HomeOptions, type JsonOptions, wholeNumber, withHome, withJson } from '../options.ts';
import { formatPairs, groupDigits, megabytes, print } from '../output.ts';
import type { Terminal } from '../terminal.ts';

interface PruneOptions extends HomeOptions, JsonOptions, PruneRequest {}

type Progress = Readonly<Record<string, unknown>>;

const HEIGHTS_MAX = 2 ** 48;

async function runPrune(terminal: Terminal, options: PruneOptions): Promise<void> {
  const { home, json, retainBlocks, undoHeights } = options;
  const database = join(homePaths(home).dataDirectory, 'chain.db');
  const before = await sizeOf(database);
  const done = await ask(terminal, home, { retainBlocks, undoHeights });
  terminal.progress('');
  const after = await sizeOf(database);
  const { rows, block_base, header_base, state_base, head } = done;
  print(terminal, json === true, { ...done, bytes_before: before, bytes_after: after }, () =>
    formatPairs([
      ['blocks', `${groupDigits(block_base)} to ${groupDigits(head)}`],
      ['headers', `from ${groupDigits(header_base)}`],
      ['past state', `from ${groupDigits(state_base)}`],
      ['rows deleted', groupDigits(rows)],
      ['database', `${megabytes(after)}, it was ${megabytes(before)}`],
    ]),
  );
}

/** Asks the daemon of the home; where none runs, does the same on its files. */
async function ask(terminal: Terminal, home: string, request: PruneRequest): Promise<PruneFields> {
  const onProgress = ({ steps, rows }: Progress): void =>
    terminal.progress(`${groupDigits(Number(steps))} heights, ${groupDigits(Number(rows))} rows`);
  const answer = (await callAdmin(home, 'prune', { ...request }, onProgress)) as PruneFields | undefined;
  if (answer !== undefined) return answer;
  const settings = await loadHomeSettings(home, { environment: terminal.environment });
  // The ledger and all that comes with it: other commands start faster without.
  const { pruneStopped } = await import('#node/prune-command.ts');
  return pruneStopped(homePaths(home), settings, request, onProgress);
}

/** Bytes of the files in a directory; 0 for one that is not there. A running database may delete some meanwhile. */
async function sizeOf(directory: string): Promise<number> {
  const names = await readdir(directory).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(directory, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

export function registerPrune(program: Command, terminal: Terminal): void {
  withJson(withHome(program.command('prune'), terminal))
    .description('forget old heights now and give their space back to the disk')
    .option(
      '--retain-blocks <n>',
      'blocks to keep, 0 for all (default: retain_blocks of the home)',
      wholeNumber('--retain-blocks', 0, HEIGHTS_MAX),
    )
    .option(
      '--undo-heights <n>',
      'past heights whose state to keep (default: undo_heights of the home)',
      wholeNumber('--undo-heights', 1, HEIGHTS_MAX),
    )
    .addHelpText(
      'after',
      `
A running node prunes itself, little by little, by what [storage] of its config.toml says; this does it at once, with the
node or without. The last two heights stay, headers for as long as evidence of their height counts, and blocks that
follow on a snapshot of this home. It can be stopped at any moment and run again.`,
    )
    .action((options: PruneOptions) => runPrune(terminal, options));
}
