import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT, run, startNode } from './process.ts';
import { until, waitForHeight } from './rpc.ts';

/** Long enough for a loaded two-core machine; a test that waits longer has failed. */
const READY_TIMEOUT_MS = 120_000;
const LOG_FILE = 'node.log';
/** Set, it keeps the homes of a run, to look for a fault in their logs. */
const KEEP_HOMES = 'BIZRA_E2E_KEEP';

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

interface DevnetEvent {
  readonly event: string;
  readonly [key: string]: unknown;
}

/** A devnet of real processes on free ports, and the nodes that a test restarts or adds beside it. */
export class Devnet {
  readonly directory: string;
  readonly ready: Ready;
  private readonly process: ChildProcess;
  /** Running processes that this class started, by pid. */
  private readonly started = new Map<number, ChildProcess>();

  private constructor(directory: string, ready: Ready, process: ChildProcess) {
    this.directory = directory;
    this.ready = ready;
    this.process = process;
  }

  static async start(...flags: string[]): Promise<Devnet> {
    const directory = await mkdtemp(join(tmpdir(), 'bizra-devnet-'));
    const output = join(directory, 'net');
    const args = ['devnet/devnet.ts', '--json', '--base-port', '0', '--output', output, ...flags];
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
    return new Devnet(directory, await readyEvent(child), child);
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

  /** Starts a killed node again on its home, as an operator would. */
  async restart(index: number): Promise<void> {
    const node = this.node(index);
    node.pid = await this.spawn(node.home, []);
  }

  /**
   * A new node with a key of its own, which knows the genesis file and one bootstrap address. Resolves when it answers.
   */
  async join(moniker: string, bootstrap: number): Promise<DevnetNode> {
    const home = join(this.directory, moniker);
    const genesis = join(this.node(0).home, 'config', 'genesis.json');
    await run(['init', moniker, '--home', home, '--genesis', genesis]);
    const peer = this.node(bootstrap).p2p;
    const addresses = ['--p2p.laddr', 'tcp://127.0.0.1:0', '--rpc.laddr', 'tcp://127.0.0.1:0'];
    const settings = ['--p2p.bootstrap_peers', peer, '--rpc.max_request_batch_size', '1000'];
    const pid = await this.spawn(home, [...addresses, ...settings, '--json']);
    let answer: { rpc: string; p2p: string[] } | undefined;
    await until(`${moniker} is ready`, async () => {
      const line = (await readFile(join(home, LOG_FILE), 'utf8'))
        .split('\n')
        .find((text) => text.startsWith('{"event"'));
      answer = line === undefined ? undefined : JSON.parse(line);
      return answer !== undefined;
    });
    assert(answer !== undefined);
    const node = { moniker, home, pid, rpc: answer.rpc, rest: null, p2p: answer.p2p[0] ?? '' };
    this.ready.nodes.push(node);
    return node;
  }

  log(index: number): Promise<string> {
    return readFile(join(this.node(index).home, LOG_FILE), 'utf8');
  }

  async waitForAll(height: number, timeoutMs?: number): Promise<void> {
    await Promise.all(this.nodes.map(({ rpc }) => waitForHeight(rpc, height, timeoutMs)));
  }

  /** SIGTERM, as an operator stops it; everybody ends with exit code 0. */
  async stop(): Promise<void> {
    const children = [...this.started.values(), this.process];
    for (const child of children) child.kill('SIGTERM');
    const codes = await Promise.all(children.map(ended));
    if (process.env[KEEP_HOMES] === undefined) await rm(this.directory, { recursive: true, force: true });
    else console.log(`    homes are kept in ${this.directory}`);
    assert.deepEqual(
      codes,
      codes.map(() => 0),
      'exit codes',
    );
  }

  private async spawn(home: string, flags: readonly string[]): Promise<number> {
    const log = await open(join(home, LOG_FILE), 'a');
    const child = startNode(home, flags, log.fd);
    await log.close();
    const { pid } = child;
    assert(pid !== undefined, 'the node was started');
    this.started.set(pid, child);
    child.once('exit', () => this.started.delete(pid));
    return pid;
  }
}

function readyEvent(child: ChildProcess): Promise<Ready> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  return new Promise<Ready>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGTERM');
      reject(new Error('the devnet was not ready in time'));
    }, READY_TIMEOUT_MS);
    lines.on('line', (line) => {
      const event = JSON.parse(line) as DevnetEvent;
      if (event.event !== 'ready') return;
      clearTimeout(timer);
      resolve(event as unknown as Ready);
    });
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`the devnet ended with exit code ${code}`));
    });
  });
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
