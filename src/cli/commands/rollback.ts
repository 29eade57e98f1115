import type { Command } from 'commander';
import { homePaths } from '#config/home.ts';
import { RealClock } from '#node/real-clock.ts';
import { rollback } from '#node/rollback.ts';
import { withDatabase } from '#node/stopped-home.ts';
import { deleteSnapshotsAbove } from '#node/stopped-snapshots.ts';
import { usageError } from '../errors.ts';
import { type HomeOptions, type JsonOptions, wholeNumber, withHome, withJson } from '../options.ts';
import { groupDigits, print } from '../output.ts';
import type { Terminal } from '../terminal.ts';

interface RollbackOptions extends HomeOptions, JsonOptions {
  readonly to?: number;
}

async function runRollback(terminal: Terminal, options: RollbackOptions): Promise<void> {
  const { to } = options;
  if (to === undefined) throw usageError('give --to HEIGHT: the height whose state is to be the newest');
  const clock = new RealClock();
  const paths = homePaths(options.home);
  const done = await withDatabase(paths, async (kv) => {
    const range = await rollback(kv, to, {
      pause: () => clock.yield(),
      onHeight: (height) => terminal.progress(`height ${groupDigits(height)}, back to ${groupDigits(to)}`),
    });
    await deleteSnapshotsAbove(paths.dataDirectory, to);
    return range;
  });
  terminal.progress('');
  print(terminal, options.json === true, done, () => [
    done.from === done.to
      ? `The state is at height ${groupDigits(done.to)} already.`
      : `The state is at height ${groupDigits(done.to)}, it was at ${groupDigits(done.from)}. The next start applies the blocks in between again.`,
  ]);
}

export function registerRollback(program: Command, terminal: Terminal): void {
  withJson(withHome(program.command('rollback'), terminal))
    .description('take the state of a stopped node back to an earlier height')
    .option('--to <height>', 'the height whose state is to be the newest', wholeNumber('--to', 0, 2 ** 48))
    .addHelpText(
      'after',
      `
Undoes state, results and indexes, one height after the other; it can be stopped at any moment and run again. Blocks
and commits stay: the next start checks and applies them again, then those of peers. What the validator key has signed
stays as well: it signs nothing at heights at which it may have signed before.`,
    )
    .action((options: RollbackOptions) => runRollback(terminal, options));
}
