import type { Command } from 'commander';
import { homePaths } from '#config/home.ts';
import { InlineVerifier } from '#crypto/verifier.ts';
import { RealClock } from '#node/real-clock.ts';
import { planReplay, type ReplayResult, replay } from '#node/replay.ts';
import { withDatabaseCopy, withEmptyDatabase, withSecondCopy } from '#node/stopped-home.ts';
import { failure, usageError } from '../errors.ts';
import { readHomeGenesis } from '../home-genesis.ts';
import { interruptible } from '../interrupt.ts';
import { type HomeOptions, type JsonOptions, wholeNumber, withHome, withJson } from '../options.ts';
import { groupDigits, print } from '../output.ts';
import type { Terminal } from '../terminal.ts';

interface ReplayOptions extends HomeOptions, JsonOptions {
  readonly from?: number;
  readonly to?: number;
}

const HEIGHT_MAX = 2 ** 48;

async function runReplay(terminal: Terminal, options: ReplayOptions): Promise<void> {
  if (options.from === undefined) throw usageError('give --from HEIGHT: the first height to execute again');
  const asked = { from: options.from, to: options.to };
  const paths = homePaths(options.home);
  const genesis = await readHomeGenesis(paths);
  const clock = new RealClock();
  await withDatabaseCopy(paths, async (stored) => {
    const plan = await planReplay(stored, asked);
    const provide = plan.start === 'genesis' ? withEmptyDatabase : withSecondCopy;
    let startMs = clock.monotonicMs();
    const onHeight = (height: number): void => {
      if (height < plan.from) startMs = clock.monotonicMs();
      terminal.progress(`height ${groupDigits(height)} of ${groupDigits(plan.from)} to ${groupDigits(plan.to)}`);
    };
    const result = await provide(paths, (working) =>
      replay({ stored, verifier: new InlineVerifier(), clock }, working, genesis, plan, onHeight),
    );
    terminal.progress('');
    report(terminal, options.json === true, plan, result, (clock.monotonicMs() - startMs) / 1000);
  });
}

function report(
  terminal: Terminal,
  asJson: boolean,
  { from, to }: { readonly from: number; readonly to: number },
  { blocks, transactions, difference }: ReplayResult,
  seconds: number,
): void {
  const rate = seconds > 0 ? blocks / seconds : 0;
  const answer = { from, to, blocks, transactions, seconds, blocks_per_second: rate, difference: difference ?? null };
  print(terminal, asJson, answer, () => [
    `Executed ${groupDigits(blocks)} blocks with ${groupDigits(transactions)} transactions in ${seconds.toFixed(1)} s, ${rate.toFixed(1)} blocks/s.`,
    ...(difference === undefined ? ['Results and app hashes are those that are stored.'] : []),
  ]);
  if (difference !== undefined) throw failure(`height ${difference.height} comes out otherwise: ${difference.what}`);
}

export function registerReplay(program: Command, terminal: Terminal): void {
  const height = (flag: string) => wholeNumber(flag, 1, HEIGHT_MAX);
  withJson(withHome(program.command('replay'), terminal))
    .description('execute blocks of a stopped node again and compare with what is stored')
    .option('--from <height>', 'first height to execute', height('--from'))
    .option('--to <height>', 'last height to execute (default: the newest)', height('--to'))
    .addHelpText(
      'after',
      `
Works on a copy of the database (hard links to its tables, so it takes little space) that is removed at the end; the
home stays as it is. Reaches back as far as a rollback does; from the first height on where all blocks are kept.
Compares the results of each transaction, block events, validator updates and app hashes. Ends with exit code 1 at the
first difference, and names it.`,
    )
    .action((options: ReplayOptions) => interruptible(terminal, (watched) => runReplay(watched, options)));
}
