import { Command, CommanderError } from 'commander';
import { commandsFor } from './command-table.ts';
import { EXIT_OK, EXIT_USAGE, exitCodeOf, messageOf } from './errors.ts';
import type { Terminal } from './terminal.ts';

async function createProgram(args: readonly string[], terminal: Terminal): Promise<Command> {
  const program = new Command('bizra-node')
    .description('One node of a BIZRA network: run it, ask it, pay on it.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.line(text.trimEnd()),
      writeErr: (text) => terminal.warn(text.trimEnd()),
      outputError: () => {}, // the message comes with the exception, and is printed once, in one line
    })
    .showSuggestionAfterError()
    .option('--log-level <level>', 'debug shows what led to an error');
  for (const register of await commandsFor(args)) register(program, terminal);
  return program;
}

/** Commander's words without its "error: " and line breaks, and where to look further. */
function describeUsage(error: CommanderError): string {
  const text = messageOf(error).replace(/^error: /, '');
  return `${text}${/[.)?]$/.test(text) ? '' : ';'} see bizra-node --help`;
}

function report(terminal: Terminal, error: unknown, debug: boolean): void {
  terminal.warn(`bizra-node: ${error instanceof CommanderError ? describeUsage(error) : messageOf(error)}`);
  if (debug && error instanceof Error && error.stack !== undefined) terminal.warn(error.stack);
}

function wantsDetails(args: readonly string[], terminal: Terminal): boolean {
  const index = args.indexOf('--log-level');
  return (
    args[index + 1] === 'debug' ||
    args.includes('--log-level=debug') ||
    terminal.environment.BIZRA_LOG_LEVEL === 'debug'
  );
}

/** Runs one command. Resolves to the exit code: 0, 1 (failed) or 2 (usage or configuration). */
export async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    const program = await createProgram(args, terminal);
    await program.parseAsync([...args], { from: 'user' });
    // An answer that did not get out is none.
    await terminal.flush();
    return EXIT_OK;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT_OK; // --help was shown
      // A group without its command: commander has printed the group's help already.
      if (error.code !== 'commander.help') report(terminal, error, false);
      return EXIT_USAGE;
    }
    terminal.progress('');
    report(terminal, error, wantsDetails(args, terminal));
    return exitCodeOf(error);
  }
}
