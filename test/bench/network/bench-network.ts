import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { addressText, keyOf } from '#cli/account-key.ts';
import { failure } from '#cli/errors.ts';
import { DEFAULT_DENOM, DEFAULT_PREFIX, DEFAULT_STAKE } from '#cli/genesis-builder.ts';
import { deriveLoadKeys } from '#cli/load/load-accounts.ts';
import { directoryBytes, type ProcessUsage, readUsage } from '#cli/load/process-usage.ts';
import { type BuiltNode, buildNetwork, PORTS_PER_NODE } from '#cli/network-builder.ts';
import { homePaths } from '#config/home.ts';
import { sha256 } from '#crypto/hash.ts';
import { choosePorts } from '../../../devnet/ports.ts';
import { Supervisor } from '../../../devnet/supervisor.ts';
import { type HeightView, Watcher } from '../../../devnet/watcher.ts';

const BIN = fileURLToPath(new URL('../../../bin/bizra-node', import.meta.url));
const VALIDATORS = 4;
/** The Go stack was measured with as many. */
export const LOAD_ACCOUNTS = 200;
/** Enough for all loads of a run. */
const LOAD_ACCOUNT_AMOUNT = 1_000_000_000_000n;
/** The devnet's settings; see `devnet/session.ts`. */
const SETTINGS = { 'p2p.dht': 'false', 'rpc.max_request_batch_size': '1000' };
const READY_DEADLINE_MS = 120_000;
const POLL_MS = 50;

/** Pays for nothing: the load accounts follow from it, and are funded in the genesis file. */
export const FUNDER = keyOf(sha256(new TextEncoder().encode('bizra-bench funder')));

export interface NodeDisk {
  readonly databaseBytes: number;
  /** Everything else under `data`: the log of consensus, the signer's record. */
  readonly otherBytes: number;
}

export interface BenchNetworkOptions {
  readonly validators?: number;
  /** Keys of config.toml, without their sections, that one of the nodes has differently. */
  readonly settingsOf?: (index: number) => Readonly<Record<string, string>>;
}

/** Validators as processes of their own, on this machine; four, if nobody says otherwise. */
export class BenchNetwork {
  private readonly directory: string;
  private readonly supervisor: Supervisor;
  private readonly nodes: readonly BuiltNode[];
  private readonly watchers: readonly Watcher[];
  readonly pids: readonly number[];

  private constructor(directory: string, supervisor: Supervisor, nodes: readonly BuiltNode[], pids: readonly number[]) {
    this.directory = directory;
    this.supervisor = supervisor;
    this.nodes = nodes;
    this.watchers = nodes.map(({ rpc }) => new Watcher(rpc));
    this.pids = pids;
  }

  static async start(
    emptyBlockIntervalMs: number,
    { validators = VALIDATORS, settingsOf = () => ({}) }: BenchNetworkOptions = {},
  ): Promise<BenchNetwork> {
    const directory = await mkdtemp(join(tmpdir(), 'bizra-bench-'));
    const nodes = await build(directory, emptyBlockIntervalMs, validators);
    for (const [index, { home }] of nodes.entries()) await changeSettings(home, settingsOf(index));
    const onExit = (moniker: string, code: number): void => {
      process.stderr.write(`${moniker} ended with code ${code}\n`);
    };
    const supervisor = new Supervisor({ command: [BIN, 'start', '--stop-with-input'], onExit });
    const pids = nodes.map((node) => supervisor.start(node));
    const network = new BenchNetwork(directory, supervisor, nodes, pids);
    await network.whenReady();
    return network;
  }

  get urls(): readonly string[] {
    return this.nodes.map(({ rpc }) => rpc);
  }

  usage(): Promise<readonly ProcessUsage[]> {
    return Promise.all(
      this.pids.map(async (pid) => {
        const usage = await readUsage(pid);
        if (usage === undefined) throw failure(`process ${pid} of the network has ended`);
        return usage;
      }),
    );
  }

  async heights(): Promise<number[]> {
    return Promise.all(
      this.watchers.map(async (watcher) => {
        const height = await watcher.height();
        if (height === undefined) throw failure('a node of the network does not answer');
        return height;
      }),
    );
  }

  /** The height that all nodes have, and what all say about it. Throws `failed` when they differ. */
  async agreement(): Promise<{ readonly height: number } & HeightView> {
    const height = Math.min(...(await this.heights()));
    const views = await Promise.all(this.watchers.map((watcher) => watcher.heightView(height)));
    const [first] = views;
    if (first === undefined || views.some((view) => view?.appHash !== first.appHash || view.blockId !== first.blockId))
      throw failure(`the nodes differ at height ${height}: ${JSON.stringify(views)}`);
    return { height, ...first };
  }

  /** Stops the nodes as an operator would, and measures what they leave on the disk. */
  async stop(): Promise<NodeDisk[]> {
    const killed = await this.supervisor.stop();
    if (killed.length > 0) throw failure(`had to kill ${killed.join(', ')}: nodes close within seconds`);
    return this.disks();
  }

  /** What the nodes have on the disk now. */
  disks(): Promise<NodeDisk[]> {
    return Promise.all(this.nodes.map(({ home }) => diskOf(home)));
  }

  /** Prunes a stopped node by command; returns what is left. */
  async prune(index: number, kept: number): Promise<NodeDisk> {
    const { home } = this.nodes[index] as BuiltNode;
    const windows = ['--retain-blocks', String(kept), '--undo-heights', String(kept)];
    await promisify(execFile)(BIN, ['prune', '--home', home, ...windows]);
    return diskOf(home);
  }

  /** Also ends nodes that are still running. */
  async remove(): Promise<void> {
    await this.supervisor.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  private async whenReady(): Promise<void> {
    const deadline = performance.now() + READY_DEADLINE_MS;
    for (const [index, watcher] of this.watchers.entries()) {
      while (((await watcher.height()) ?? 0) < 1) {
        const node = this.nodes[index] as BuiltNode;
        if (this.supervisor.exitCodeOf(node.moniker) !== undefined || performance.now() > deadline) {
          const words = await this.supervisor.lastLogLine(node);
          await this.remove();
          throw failure(`${node.moniker} does not come up: ${words}`);
        }
        await delay(POLL_MS);
      }
    }
  }
}

async function diskOf(home: string): Promise<NodeDisk> {
  const { dataDirectory } = homePaths(home);
  const databaseBytes = await directoryBytes(join(dataDirectory, 'chain.db'));
  return { databaseBytes, otherBytes: (await directoryBytes(dataDirectory)) - databaseBytes };
}

async function changeSettings(home: string, settings: Readonly<Record<string, string>>): Promise<void> {
  const { configFile } = homePaths(home);
  let text = await readFile(configFile, 'utf8');
  for (const [key, value] of Object.entries(settings)) {
    text = text.replace(new RegExp(`^${key} = .*$`, 'm'), `${key} = ${value}`);
  }
  await writeFile(configFile, text);
}

async function build(directory: string, emptyBlockIntervalMs: number, validators: number): Promise<BuiltNode[]> {
  const basePort = await choosePorts(0, validators);
  const accounts = deriveLoadKeys(FUNDER, LOAD_ACCOUNTS).map((key) => ({
    address: addressText(DEFAULT_PREFIX, key.address),
    amount: LOAD_ACCOUNT_AMOUNT,
  }));
  return buildNetwork({
    output: directory,
    chainId: 'bizra-bench',
    prefix: DEFAULT_PREFIX,
    denom: DEFAULT_DENOM,
    timeMs: Date.now(),
    blockIntervalMinMs: 0,
    emptyBlockIntervalMs,
    stake: DEFAULT_STAKE,
    nodes: Array.from({ length: validators }, (_, index) => {
      const p2pPort = basePort + PORTS_PER_NODE * index;
      return { moniker: `validator${index}`, host: '127.0.0.1', p2pPort, rpcPort: p2pPort + 1, validator: true };
    }),
    accounts,
    testAccounts: [],
    settings: SETTINGS,
  });
}
