import { resolve } from 'node:path';
import type { Command } from 'commander';
import { homePaths, PUBLIC_MODE } from '#config/home.ts';
import { openChain } from '#node/database.ts';
import { exportGenesis, type ExportOptions as GenesisOptions } from '#node/export.ts';
import { RealClock } from '#node/real-clock.ts';
import { rollback } from '#node/rollback.ts';
import { withDatabaseCopy } from '#node/stopped-home.ts';
import type { KeyValue } from '#ports/key-value.ts';
import { NewFile } from '#storage/new-file.ts';
import type { Genesis } from '#types/genesis.ts';
import { usageError } from '../errors.ts';
import { readHomeGenesis } from '../home-genesis.ts';
import { interruptible } from '../interrupt.ts';
import { type HomeOptions, type JsonOptions, wholeNumber, withHome, withJson } from '../options.ts';
import { groupDigits, megabytes, print } from '../output.ts';
import type { Terminal } from '../terminal.ts';

interface ExportOptions extends HomeOptions, JsonOptions {
  readonly height?: number;
  readonly output?: string;
  readonly chainId?: string;
  readonly continueHeights?: boolean;
  readonly initialHeight?: number;
}

const HEIGHT_MAX = 2 ** 48;

async function runExport(terminal: Terminal, options: ExportOptions): Promise<void> {
  const paths = homePaths(options.home);
  const genesis = await readHomeGenesis(paths);
  const { chainId } = options;
  if (chainId !== undefined && !/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,49}$/.test(chainId))
    throw usageError(
      `chain id "${chainId.slice(0, 60)}" is not accepted; use up to 50 letters, digits, ".", "_" or "-"`,
    );
  if (options.continueHeights === true && options.initialHeight !== undefined)
    throw usageError('give --continue-heights or --initial-height, not both');
  const { output } = options;
  const file = output === undefined ? undefined : await NewFile.create(resolve(output), { mode: PUBLIC_MODE });
  try {
    await withDatabaseCopy(paths, (kv) => exportFrom(terminal, kv, genesis, options, file));
  } catch (error) {
    await file?.abandon();
    throw error;
  }
}

async function exportFrom(
  terminal: Terminal,
  kv: KeyValue,
  genesis: Genesis,
  { height: wanted, chainId, continueHeights, initialHeight = 1, json }: ExportOptions,
  file: NewFile | undefined,
): Promise<void> {
  const optionsAt = (height: number): GenesisOptions => ({
    chainId,
    initialHeight: continueHeights === true ? height + 1 : initialHeight,
  });
  const { height, text } = await textOf(terminal, kv, genesis, wanted, optionsAt);
  if (file === undefined) {
    // Pieces are whole lines.
    for await (const piece of text) {
      terminal.line(piece.slice(0, -1));
      terminal.progress('');
    }
    return;
  }
  const encoder = new TextEncoder();
  for await (const piece of text) {
    await file.write(encoder.encode(piece));
    terminal.progress(`height ${groupDigits(height)}: ${megabytes(file.bytes)}`);
  }
  await file.finish();
  const { path, bytes } = file;
  terminal.progress('');
  print(terminal, json === true, { file: path, height, bytes }, () => [
    `wrote ${path}: the state at height ${groupDigits(height)}, ${megabytes(bytes)}`,
  ]);
}

/** The database is a copy, so an earlier height is had by taking it back. */
async function textOf(
  terminal: Terminal,
  kv: KeyValue,
  genesis: Genesis,
  height: number | undefined,
  optionsAt: (height: number) => GenesisOptions,
): Promise<{ readonly height: number; readonly text: AsyncIterable<string> }> {
  const clock = new RealClock();
  const pause = (): Promise<void> => clock.yield();
  if (height !== undefined) {
    const onHeight = (at: number): void =>
      terminal.progress(`height ${groupDigits(at)}, back to ${groupDigits(height)}`);
    await rollback(kv, height, { pause, onHeight });
  }
  const { state, chainState } = await openChain(kv, genesis, { pause });
  return { height: chainState.height, text: exportGenesis(state, chainState, genesis, optionsAt(chainState.height)) };
}

export function registerExport(program: Command, terminal: Terminal): void {
  withJson(withHome(program.command('export'), terminal))
    .description('write the state of a stopped node as a genesis file, to start a network from it')
    .option(
      '--height <height>',
      'state after this height (default: the newest)',
      wholeNumber('--height', 0, HEIGHT_MAX),
    )
    .option('--output <file>', 'a new file (default: standard output)')
    .option('--chain-id <id>', 'name of the new chain (default: that of the old one)')
    .option(
      '--continue-heights',
      'the first block of the new chain has the next height (the keys may have signed it already: see below)',
    )
    .option('--initial-height <n>', 'its height (default: 1)', wholeNumber('--initial-height', 1, HEIGHT_MAX))
    .addHelpText(
      'after',
      `
The file holds accounts with their sequences, balances, supply, parameters, validators, and who was punished. Its time is
that of the last block. Where the old chain goes on, give --chain-id: a transaction of the one would count on the other.
A validator key signs nothing at or below the height in its signing record, on the new chain neither. Where keys go on, give
an --initial-height above the records of all of them, and keep the records. --continue-heights is not enough: a validator
has mostly signed at the height after the newest already, and rounds of it that led to nothing.`,
    )
    .action((options: ExportOptions) => interruptible(terminal, (watched) => runExport(watched, options)));
}
