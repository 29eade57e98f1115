/**
 * `npm run bench` prints how and where it measures, then tables. Options: `--quick` (shorter), `--only PART`, `--json`,
 * `--large` (ten million leaves, a million transactions: half an hour and 8 GB), `--markdown` (for `docs/performance.md`),
 * `--window N` (transactions on their way when sending as fast as they are taken).
 * Nothing here passes or fails by a time; it fails when a network loses a transaction or its nodes differ.
 */
import { parseArgs } from 'node:util';
import { EXIT_FAILED, EXIT_USAGE, exitCodeOf, failure, messageOf, usageError } from '#cli/errors.ts';
import { wholeNumber } from '#cli/options.ts';
import { formatPairs } from '#cli/output.ts';
import type { BenchContext, Part } from './context.ts';
import { describeMachine, type Machine } from './machine.ts';
import { consensusPart } from './micro/consensus-part.ts';
import { cryptoPart } from './micro/crypto-part.ts';
import { framesPart } from './micro/frames-part.ts';
import { ledgerPart } from './micro/ledger-part.ts';
import { snapshotPart } from './micro/snapshot-part.ts';
import { statePart } from './micro/state-part.ts';
import { diskPart } from './network/disk-part.ts';
import { networkPart } from './network/network-part.ts';
import { formatMarkdown, formatSection, type Section } from './report.ts';
import { syncPart } from './sync/sync-part.ts';

const PARTS: Readonly<Record<string, Part>> = {
  network: networkPart,
  disk: diskPart,
  ledger: ledgerPart,
  crypto: cryptoPart,
  state: statePart,
  snapshot: snapshotPart,
  consensus: consensusPart,
  'network-frames': framesPart,
  sync: syncPart,
};

/** Saturates two cores: from 2,000 to 12,000 the rate was the same within 6 %, only the waiting grew. */
const DEFAULT_WINDOW = 4_000;

interface Options {
  readonly quick: boolean;
  readonly large: boolean;
  readonly json: boolean;
  readonly markdown: boolean;
  readonly window: number;
  readonly parts: readonly Part[];
}

function parseOptions(args: readonly string[]): Options {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean' },
        large: { type: 'boolean' },
        json: { type: 'boolean' },
        markdown: { type: 'boolean' },
        only: { type: 'string' },
        window: { type: 'string' },
      },
    });
    const { quick = false, large = false, json = false, markdown = false, only } = values;
    const window = wholeNumber('--window', 1, 1_000_000)(values.window ?? String(DEFAULT_WINDOW));
    if (only === undefined) return { quick, large, json, markdown, window, parts: Object.values(PARTS) };
    const part = Object.hasOwn(PARTS, only) ? PARTS[only] : undefined;
    if (part === undefined) throw usageError(`no part "${only}"; there are ${Object.keys(PARTS).join(', ')}`);
    return { quick, large, json, markdown, window, parts: [part] };
  } catch (error) {
    throw usageError(messageOf(error));
  }
}

function describe(machine: Machine, quick: boolean): string[] {
  return [
    `bizra-node bench${quick ? ', quick: short loads and few repetitions, figures are rough' : ''}`,
    '',
    ...formatPairs([
      ['date', machine.date],
      ['commit', machine.commit],
      ['machine', `${machine.cores} cores, ${machine.cpu}, ${machine.memoryGib} GiB, ${machine.system}`],
      ['Node', machine.node],
    ]),
    '',
  ];
}

/** Bar of work on a terminal's last line; nothing where nobody looks. */
function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

async function main(args: readonly string[]): Promise<void> {
  const { quick, large, json, markdown, window, parts } = parseOptions(args);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => stop.abort(failure(`stopped by ${signal}`)));
  const machine = await describeMachine();
  const write = (lines: readonly string[]): void => void process.stdout.write(`${lines.join('\n')}\n`);
  if (!json) write(describe(machine, quick));
  const context: BenchContext = { quick, large, window, progress: showProgress, signal: stop.signal };
  const sections: Section[] = [];
  for (const part of parts) {
    stop.signal.throwIfAborted();
    const section = await part(context);
    showProgress('');
    sections.push(section);
    if (!json) write(markdown ? formatMarkdown(section) : formatSection(section));
  }
  if (json) write([JSON.stringify({ machine, quick, sections })]);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`bench: ${messageOf(error)}\n`);
  process.exitCode = exitCodeOf(error) === EXIT_USAGE ? EXIT_USAGE : EXIT_FAILED;
});
