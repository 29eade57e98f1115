import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type NodeProgram, startNode } from './process.ts';
import { until, waitForHeight } from './rpc.ts';

export const LOG_FILE = 'node.log';
/** Set, it keeps the homes of a run, to look for a fault in their logs. */
const KEEP_HOMES = 'BIZRA_E2E_KEEP';
/** A node stops within seconds, on a loaded machine too; then it is killed, and its exit code says so. */
const STOP_TIMEOUT_MS = 30_000;

export interface DevnetNode {
  readonly moniker: string;
  readonly home: string;
  pid: number;
  readonly rpc: string;
  readonly rest: string | null;
  readonly p2p: string;
}

export interface Ready {
  readonly chain_id: string;
  readonly prefix: string;
  readonly denom: string;
  readonly gas_price: string;
  readonly nodes: DevnetNode[];
  readonly accounts: readonly { readonly name: string; readonly address: string; readonly mnemonic: string }[];
}

/** Nodes in processes of their own, whoever started them, and what a test does to them. */
export abstract class Net {
  readonly directory: string;
  readonly ready: Ready;
  /** Running processes that this class started, by pid. */
  protected readonly started = new Map<number, ChildProcess>();
  /** Stopped processes, by pid, each with the process that wakes it should this one die. */
  private readonly frozen = new Map<number, ChildProcess>();

  protected constructor(directory: string, ready: Ready) {
    this.directory = directory;
    this.ready = ready;
  }

  get nodes(): readonly DevnetNode[] {
    return this.ready.nodes;
  }

  node(index: number): DevnetNode {
    const node = this.ready.nodes[index];
    assert(node !== undefined, `there is no node ${index}`);
    return node;
  }

  /** SIGKILL to all of them at the same instant, and waits until the processes are gone. */
  async kill(...indexes: number[]): Promise<void> {
    const pids = indexes.map((index) => this.node(index).pid);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    for (const pid of pids) await until(`process ${pid} is gone`, async () => !isAlive(pid));
  }

  /** Starts a node that ended again on its home, as an operator would. */
  async restart(index: number, ...flags: string[]): Promise<void> {
    const node = this.node(index);
    node.pid = await this.spawn(node.home, flags);
  }

  /** SIGSTOP. The process goes on with `thaw`, and also when this process dies: then it must be able to stop. */
  freeze(...indexes: number[]): void {
    for (const { pid } of indexes.map((index) => this.node(index))) {
      // The pipe to its input closes when we end, however we end.
      const guard = spawn('sh', ['-c', `read _; kill -CONT ${pid}`], { stdio: ['pipe', 'ignore', 'ignore'] });
      guard.stdin?.on('error', () => {});
      this.frozen.set(pid, guard);
      process.kill(pid, 'SIGSTOP');
    }
  }

  /** SIGCONT. */
  async thaw(...indexes: number[]): Promise<void> {
    for (const { pid } of indexes.map((index) => this.node(index))) await this.wake(pid);
  }

  log(index: number): Promise<string> {
    return readFile(join(this.node(index).home, LOG_FILE), 'utf8');
  }

  async waitForAll(height: number, timeoutMs?: number): Promise<void> {
    await Promise.all(this.nodes.map(({ rpc }) => waitForHeight(rpc, height, timeoutMs)));
  }

  /** SIGTERM, as an operator stops it; everybody ends with exit code 0. */
  async stop(): Promise<void> {
    for (const pid of [...this.frozen.keys()]) await this.wake(pid);
    const codes = await stopAll(this.processes());
    if (process.env[KEEP_HOMES] === undefined) await rm(this.directory, { recursive: true, force: true });
    else console.log(`    homes are kept in ${this.directory}`);
    assert.deepEqual(
      codes,
      codes.map(() => 0),
      'exit codes',
    );
  }

  /** What `stop` ends. */
  protected processes(): ChildProcess[] {
    return [...this.started.values()];
  }

  protected async spawn(home: string, flags: readonly string[], program?: NodeProgram): Promise<number> {
    const log = await open(join(home, LOG_FILE), 'a');
    const child = startNode(home, flags, log.fd, program);
    await log.close();
    const { pid } = child;
    assert(pid !== undefined, 'the node was started');
    this.started.set(pid, child);
    child.once('exit', () => this.started.delete(pid));
    return pid;
  }

  /** SIGTERM to one that this class started; resolves when it is gone. */
  protected async end(pid: number): Promise<void> {
    const child = this.started.get(pid);
    assert(child !== undefined, `process ${pid} runs`);
    await stopAll([child]);
  }

  private async wake(pid: number): Promise<void> {
    const guard = this.frozen.get(pid);
    assert(guard !== undefined, `process ${pid} is stopped`);
    this.frozen.delete(pid);
    const gone = once(guard, 'exit');
    guard.stdin?.end();
    await gone;
  }
}

async function stopAll(children: readonly ChildProcess[]): Promise<(number | string | null)[]> {
  for (const child of children) child.kill('SIGTERM');
  const overdue = setTimeout(() => {
    for (const child of children) child.kill('SIGKILL');
  }, STOP_TIMEOUT_MS);
  try {
    return await Promise.all(children.map(ended));
  } finally {
    clearTimeout(overdue);
  }
}

/** Its exit code once it has ended, or the signal that ended it. */
async function ended(child: ChildProcess): Promise<number | string | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode ?? child.signalCode;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // ESRCH: there is no such process.
    return false;
  }
}
