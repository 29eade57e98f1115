import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** Long enough for a loaded two-core machine; a test that waits longer has failed. */
const READY_TIMEOUT_MS = 60_000;

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

export interface DevnetEvent {
  readonly event: string;
  readonly [key: string]: unknown;
}

/** A devnet of real processes on free ports, and the nodes that a test restarts beside it. */
export class Devnet {
  readonly directory: string;
  readonly ready: Ready;
  readonly events: DevnetEvent[];
  private readonly process: ChildProcess;
  private readonly restarted = new Set<ChildProcess>();

  private constructor(directory: string, ready: Ready, events: DevnetEvent[], process: ChildProcess) {
    this.directory = directory;
    this.ready = ready;
    this.events = events;
    this.process = process;
  }

  static async start(...flags: string[]): Promise<Devnet> {
    const directory = await mkdtemp(join(tmpdir(), 'bizra-devnet-'));
    const child = spawn(
      process.execPath,
      ['devnet/devnet.ts', '--json', '--base-port', '0', '--output', join(directory, 'net'), ...flags],
      { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const events: DevnetEvent[] = [];
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    const ready = new Promise<Ready>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the devnet was not ready in time')), READY_TIMEOUT_MS);
      lines.on('line', (line) => {
        const event = JSON.parse(line) as DevnetEvent;
        events.push(event);
        if (event.event !== 'ready') return;
        clearTimeout(timer);
        resolve(event as unknown as Ready);
      });
      child.once('exit', (code) => {
        clearTimeout(timer);
        reject(new Error(`the devnet ended with exit code ${code}`));
      });
    });
    return new Devnet(directory, await ready, events, child);
  }

  get nodes(): readonly DevnetNode[] {
    return this.ready.nodes;
  }

  node(index: number): DevnetNode {
    const node = this.ready.nodes[index];
    assert(node !== undefined, `there is no node ${index}`);
    return node;
  }

  /** SIGKILL, and waits until the process is gone. */
  async kill(index: number): Promise<void> {
    const { pid } = this.node(index);
    process.kill(pid, 'SIGKILL');
    await until(`node ${index} is dead`, async () => !isAlive(pid));
  }

  /** Starts a killed node again on its home, as an operator would. */
  start(index: number): void {
    const node = this.node(index);
    const child = spawn(join(ROOT, 'bin/bizra-node'), ['start', '--home', node.home], {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    assert(child.pid !== undefined, 'the node was started');
    node.pid = child.pid;
    this.restarted.add(child);
    child.once('exit', () => this.restarted.delete(child));
  }

  async stop(): Promise<void> {
    for (const child of this.restarted) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill('SIGTERM');
      await once(this.process, 'exit');
    }
    await rm(this.directory, { recursive: true, force: true });
  }
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

/** Polls a condition of another process, which sends no event for it. */
export async function until(what: string, condition: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    if (await condition().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`not within ${timeoutMs} ms: ${what}`);
}

/** One JSON-RPC call. Throws with the node's text on an error. */
export async function call<T>(rpc: string, method: string, params: Record<string, unknown> = {}): Promise<T> {
  const response = await fetch(rpc, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const body = (await response.json()) as { result?: T; error?: { message: string; data?: string } };
  if (body.error !== undefined) throw new Error(`${method}: ${body.error.data ?? body.error.message}`);
  return body.result as T;
}

export async function heightOf(rpc: string): Promise<number> {
  const status = await call<{ sync_info: { latest_block_height: string } }>(rpc, 'status');
  return Number(status.sync_info.latest_block_height);
}

export async function waitForHeight(rpc: string, height: number, timeoutMs?: number): Promise<void> {
  await until(`${rpc} reaches height ${height}`, async () => (await heightOf(rpc)) >= height, timeoutMs);
}

/** App hash in the header of `height`: the state after `height - 1`. */
export async function appHashAt(rpc: string, height: number): Promise<string> {
  const { header } = await call<{ header: { app_hash: string } }>(rpc, 'header', { height: String(height) });
  return header.app_hash;
}
