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

/** A node that stops when this process ends, however it ends. Both of its outputs go to the open file `log`. */
export function startNode(home: string, flags: readonly string[], log: number): ChildProcess {
  const child = spawn(BIN, ['start', '--home', home, '--stop-with-input', ...flags], {
    cwd: ROOT,
    stdio: ['pipe', log, log],
  });
  // The pipe breaks when the node is killed, which tests do.
  child.stdin?.on('error', () => {});
  return child;
}
