import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { choosePorts } from '../../../devnet/ports.ts';
import { call, until } from './rpc.ts';

const VERSION = '0.38.26';
const PACKAGE = `github.com/cometbft/cometbft/cmd/cometbft@v${VERSION}`;
/** Download and build through the module proxy, the first time on a machine; outside the checkout. */
export const BUILD_TIMEOUT_MS = 600_000;
const CACHE = join(tmpdir(), `bizra-cometbft-${VERSION}`);

/** Path of CometBFT's own program, built if need be. Undefined: neither it nor Go is on this machine. */
export async function cometbftProgram(): Promise<string | undefined> {
  const installed = spawnSync('cometbft', ['version'], { encoding: 'utf8' });
  if (installed.status === 0 && installed.stdout.trim() === VERSION) return 'cometbft';
  const built = join(CACHE, 'cometbft');
  if (await exists(built)) return built;
  if (spawnSync('go', ['version']).status !== 0) return undefined;
  await mkdir(CACHE, { recursive: true });
  const environment = { ...process.env, GOBIN: CACHE };
  await promisify(execFile)('go', ['install', PACKAGE], { env: environment, cwd: CACHE, timeout: BUILD_TIMEOUT_MS });
  return built;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

export interface LightClientOptions {
  readonly program: string;
  readonly home: string;
  readonly chainId: string;
  readonly primary: string;
  readonly witnesses: readonly string[];
  readonly trustedHeight: number;
  /** Hex. */
  readonly trustedHash: string;
  readonly sequential: boolean;
}

/** Go's light client, serving what it verified at `rpc`. */
export class LightClient {
  readonly rpc: string;
  private readonly process: ChildProcess;
  private output = '';

  private constructor(rpc: string, child: ChildProcess) {
    this.rpc = rpc;
    this.process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
  }

  /** Resolves when it serves. Rejects with its words when it ends instead. */
  static async start(options: LightClientOptions): Promise<LightClient> {
    const port = await choosePorts(0, 1);
    const address = `tcp://127.0.0.1:${port}`;
    const trust = ['--height', String(options.trustedHeight), '--hash', options.trustedHash];
    const peers = ['-p', options.primary, '-w', options.witnesses.join(',')];
    const args = ['light', options.chainId, ...peers, ...trust, '--home-dir', options.home, '--laddr', address];
    if (options.sequential) args.push('--sequential');
    const child = spawn(options.program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const client = new LightClient(`http://127.0.0.1:${port}`, child);
    await client.serves();
    return client;
  }

  async stop(): Promise<void> {
    if (this.hasEnded) return;
    this.process.kill('SIGKILL');
    await once(this.process, 'exit');
  }

  private get hasEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  private async serves(): Promise<void> {
    try {
      await until('the light client serves', async () => {
        if (this.hasEnded) return true;
        await call(this.rpc, 'status');
        return true;
      });
    } catch (error) {
      await this.stop();
      throw error;
    }
    if (this.hasEnded) throw new Error(`the light client ended: ${this.output.trim().split('\n').at(-1)}`);
  }
}
