import { type ChildProcess, spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const BIN = fileURLToPath(new URL('../../../bin/bizra-node', import.meta.url));
/** A command that must end by itself and did not within this time is ended, and its exit code is a signal's. */
const RUN_TIMEOUT_MS = 60_000;

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `bizra-node ARGS` to its end. */
export async function run(args: readonly string[]): Promise<Outcome> {
  const child = spawn(BIN, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], timeout: RUN_TIMEOUT_MS });
  const code = new Promise<number | null>((resolve, reject) => child.once('close', resolve).once('error', reject));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, stdout, stderr };
}

/** What runs a node: the real program, or a test's own main around the same daemon. */
export interface NodeProgram {
  readonly command: string;
  readonly args: readonly string[];
}

const REAL_NODE: NodeProgram = { command: BIN, args: ['start'] };

/** A node that stops when this process ends, however it ends. Both of its outputs go to the open file `log`. */
export function startNode(
  home: string,
  flags: readonly string[],
  log: number,
  program: NodeProgram = REAL_NODE,
): ChildProcess {
  const child = spawn(program.command, [...program.args, '--home', home, '--stop-with-input', ...flags], {
    cwd: ROOT,
    stdio: ['pipe', log, log],
  });
  // The pipe breaks when the node is killed, which tests do.
  child.stdin?.on('error', () => {});
  return child;
}
