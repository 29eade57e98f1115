import type { Command } from 'commander';
import { homePaths, loadHomeSettings } from '#config/home.ts';
import { EXIT_FAILED, messageOf } from '../errors.ts';
import { type HomeOptions, withHome } from '../options.ts';
import { type SettingFlags, settingFlags, withSettings } from '../setting-flags.ts';
import { explainStartError } from '../start-error.ts';
import type { Terminal } from '../terminal.ts';

/** Milliseconds. A stop takes less than five seconds; one that hangs must not keep an operator waiting for ever. */
const STOP_DEADLINE_MS = 15_000;
const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

interface StartOptions extends HomeOptions, SettingFlags {
  readonly stopWithInput?: boolean;
  readonly recoverSigningRecord?: boolean;
  readonly json?: boolean;
}

/** Aborts at the first signal; repeated ones change nothing, because Ctrl-C often arrives twice (terminal and npm). */
function abortOnSignals(controller: AbortController, terminal: Terminal): void {
  const stop = (why: string): void => {
    if (controller.signal.aborted) return;
    controller.abort(why);
    const overdue = setTimeout(() => {
      terminal.warn(`the node did not stop within ${STOP_DEADLINE_MS / 1000} s of ${why}; ended`);
      process.exit(EXIT_FAILED);
    }, STOP_DEADLINE_MS);
    overdue.unref();
  };
  for (const signal of STOP_SIGNALS) process.on(signal, () => stop(signal));
}

/** A devnet holds the other end of standard input: when it dies, however it dies, the pipe closes. */
function abortWithInput(controller: AbortController): void {
  const stop = (): void => controller.abort('end of input');
  process.stdin.on('end', stop).on('close', stop).on('error', stop).resume();
}

/** What nobody caught is a fault of the program: one line, and out before anything more is signed. */
function endOnUncaught(terminal: Terminal): void {
  const end = (error: unknown): void => {
    terminal.warn(`bizra-node: internal error: ${messageOf(error)}`);
    if (process.env.BIZRA_LOG_LEVEL === 'debug' && error instanceof Error) terminal.warn(error.stack ?? '');
    process.exit(EXIT_FAILED);
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}

async function start(terminal: Terminal, options: StartOptions): Promise<void> {
  const settings = await loadHomeSettings(options.home, {
    environment: terminal.environment,
    flags: settingFlags(options),
  });
  const controller = new AbortController();
  abortOnSignals(controller, terminal);
  if (options.stopWithInput === true) abortWithInput(controller);
  endOnUncaught(terminal);
  const { startNode } = await import('#node/start.ts');
  try {
    await startNode({
      settings,
      paths: homePaths(options.home),
      signal: controller.signal,
      recoverSigningRecord: options.recoverSigningRecord,
      onReady: (info) => {
        if (options.json === true) terminal.line(JSON.stringify({ event: 'ready', ...info }));
      },
    });
  } catch (error) {
    throw explainStartError(error, settings);
  }
}

export function registerStart(program: Command, terminal: Terminal): void {
  const command = withHome(program.command('start'), terminal)
    .description('run the node until SIGINT or SIGTERM')
    .option('--json', 'print one JSON object when the node is ready')
    .option(
      '--recover-signing-record',
      'go on where data/priv_validator_state.json is lost or old, once no other process has the key: signs nothing for 10 heights',
    )
    .addHelpText(
      'after',
      '\nEvery setting of config.toml is also a flag: --mempool.size 1000, --consensus.timeout_propose_ms 900 ...',
    );
  withSettings(command);
  command.addOption(command.createOption('--stop-with-input', 'stop when standard input ends').hideHelp());
  command.action(() => start(terminal, command.optsWithGlobals<StartOptions>()));
}
