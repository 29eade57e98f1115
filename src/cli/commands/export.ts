import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { homePaths, readTextFile } from '#config/home.ts';
import { openChain } from '#node/database.ts';
import { exportGenesis, type ExportOptions as GenesisOptions } from '#node/export.ts';
import { RealClock } from '#node/real-clock.ts';
import { rollback } from '#node/rollback.ts';
import { withDatabaseCopy } from '#node/stopped-home.ts';
import type { KeyValue } from '#ports/key-value.ts';
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
  const output = options.output === undefined ? undefined : resolve(options.output);
  if (output !== undefined && (await readTextFile(output)) !== undefined)
    throw usageError(`${output} exists; choose another --output`);
  await withDatabaseCopy(paths, async (kv) => {
    const pieces = (height: number): GenesisOptions => ({
      chainId,
      initialHeight: options.continueHeights === true ? height + 1 : 1,
    });
    const { height, text } = await textOf(terminal, kv, genesis, options.height, pieces);
    if (output === undefined) {
      for await (const piece of text) terminal.line(piece.replace(/\n$/, ''));
      return;
    }
    const bytes = await writePieces(output, text, (written) =>
      terminal.progress(`height ${groupDigits(height)}: ${megabytes(written)}`),
    );
    terminal.progress('');
    print(terminal, options.json === true, { file: output, height, bytes }, () => [
      `wrote ${output}: the state at height ${groupDigits(height)}, ${megabytes(bytes)}`,
    ]);
  });
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

/** A whole file or none. */
async function writePieces(
  path: string,
  pieces: AsyncIterable<string>,
  onWritten: (bytes: number) => void,
): Promise<number> {
  const partial = `${path}.${process.pid}.tmp`;
  const stream = createWriteStream(partial, { flush: true });
  const told = async function* (): AsyncGenerator<string> {
    for await (const piece of pieces) {
      onWritten(stream.bytesWritten);
      yield piece;
    }
  };
  try {
    await pipeline(told(), stream);
    await rename(partial, path);
    return stream.bytesWritten;
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
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
    .option('--continue-heights', 'the first block of the new chain has the next height (default: 1)')
    .addHelpText(
      'after',
      `
The file holds accounts with their sequences, balances, supply, parameters, validators, and who was punished. Its time is
that of the last block. Where the old chain goes on, give --chain-id: a transaction of the one would count on the other.`,
    )
    .action((options: ExportOptions) => interruptible(terminal, (watched) => runExport(watched, options)));
}
