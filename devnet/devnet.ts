import { fileURLToPath } from 'node:url';
import { EXIT_FAILED, EXIT_OK, exitCodeOf, messageOf } from '#cli/errors.ts';
import { parseDevnetOptions } from './options.ts';
import { takeOutputDirectory } from './output-directory.ts';
import { Session, type SessionOutput } from './session.ts';

const BIN = fileURLToPath(new URL('../bin/bizra-node', import.meta.url));
const DEFAULT_OUTPUT_ROOT = fileURLToPath(new URL('../.devnet', import.meta.url));
/** Milliseconds between looks whether the process that started us still lives. */
const PARENT_POLL_MS = 500;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Comes once: with the first signal, with the end of our reader, or with the death of the process that started us. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const parent = process.ppid;
  // A repeated signal changes nothing: Ctrl-C arrives from the terminal and again through npm.
  for (const signal of SIGNALS) process.on(signal, () => controller.abort(signal));
  process.stdout.on('error', () => controller.abort('output closed'));
  setInterval(() => {
    if (process.ppid !== parent) controller.abort('parent ended');
  }, PARENT_POLL_MS).unref();
  return controller.signal;
}

function processOutput(): SessionOutput {
  return {
    line: (text) => void process.stdout.write(`${text}\n`),
    warn: (text) => void process.stderr.write(`${text}\n`),
    interactive: process.stdout.isTTY === true,
  };
}

async function main(args: readonly string[]): Promise<number> {
  const output = processOutput();
  const signal = stopSignal();
  const options = parseDevnetOptions(args, (text) => output.line(text.trimEnd()));
  if (options === undefined) return EXIT_OK;
  const directory = await takeOutputDirectory(options.output, options.reset === true, DEFAULT_OUTPUT_ROOT);
  try {
    const command = [BIN, 'start', '--stop-with-input'];
    return await new Session(output, signal, { ...options, command, directory: directory.path }).run();
  } finally {
    await directory.release();
  }
}

function reportAndEnd(error: unknown): never {
  process.stderr.write(`devnet: ${messageOf(error)}\n`);
  process.exit(exitCodeOf(error));
}

process.on('uncaughtException', (error) => {
  process.stderr.write(`devnet: internal error: ${error.stack ?? messageOf(error)}\n`);
  process.exit(EXIT_FAILED); // the nodes notice by the end of their standard input
});
main(process.argv.slice(2)).then((code) => process.exit(code), reportAndEnd);
