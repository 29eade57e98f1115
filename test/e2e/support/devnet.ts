import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type DevnetNode, LOG_FILE, Net, type Ready } from './net.ts';
import { ROOT, run } from './process.ts';
import { until } from './rpc.ts';

export type { DevnetNode, Ready } from './net.ts';

/** Long enough for a loaded two-core machine; a test that waits longer has failed. */
const READY_TIMEOUT_MS = 120_000;

interface DevnetEvent {
  readonly event: string;
  readonly [key: string]: unknown;
}

/** A devnet of real processes on free ports, and the nodes that a test restarts or adds beside it. */
export class Devnet extends Net {
  private readonly process: ChildProcess;

  private constructor(directory: string, ready: Ready, process: ChildProcess) {
    super(directory, ready);
    this.process = process;
  }

  static async start(...flags: string[]): Promise<Devnet> {
    const directory = await mkdtemp(join(tmpdir(), 'bizra-devnet-'));
    const output = join(directory, 'net');
    const args = ['devnet/devnet.ts', '--json', '--base-port', '0', '--output', output, ...flags];
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
    return new Devnet(directory, await readyEvent(child), child);
  }

  /**
   * A new node with a key of its own, which knows the genesis file and one bootstrap address. `prepare` may
   * fill its home before it starts. Resolves when it answers.
   */
  async join(moniker: string, bootstrap: number, prepare?: (home: string) => Promise<void>): Promise<DevnetNode> {
    const home = join(this.directory, moniker);
    const genesis = join(this.node(0).home, 'config', 'genesis.json');
    await run(['init', moniker, '--home', home, '--genesis', genesis]);
    await prepare?.(home);
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

  protected override processes(): ChildProcess[] {
    return [...super.processes(), this.process];
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
