import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { failure } from '#cli/errors.ts';
import { newNodeIdentity, writeHome } from '#cli/home-builder.ts';
import { type ProcessUsage, readUsage } from '#cli/load/process-usage.ts';
import { PORTS_PER_NODE } from '#cli/network-builder.ts';
import { homePaths } from '#config/home.ts';
import { loadSettings } from '#config/settings.ts';
import { choosePorts } from '../../../devnet/ports.ts';
import { Supervisor } from '../../../devnet/supervisor.ts';
import { Watcher } from '../../../devnet/watcher.ts';
import { type ChainShape, makeChain, makeGenesis } from './made-chain.ts';

const BIN = fileURLToPath(new URL('../../../bin/bizra-node', import.meta.url));
const DATABASE = 'chain.db';
/** Where the supervisor puts a node's output. */
const LOG_FILE = 'node.log';
const DEADLINE_MS = 300_000;
/** Between two looks at a node: each costs it a millisecond. The times are those of its log. */
const POLL_MS = 200;

export interface SyncRun {
  readonly seconds: number;
  /** CPU of the syncing process in that time, all its threads; and of all serving ones together. */
  readonly syncingMicros: number;
  readonly servingMicros: number;
  readonly residentBytes: number;
}

interface SyncNode {
  readonly moniker: string;
  readonly home: string;
  readonly p2p: string;
  readonly watcher: Watcher;
}

/** Serving nodes that have a made chain, and a node that has nothing: processes of their own on this machine. */
export class SyncNetwork {
  private readonly directory: string;
  private readonly nodes: readonly SyncNode[];
  private readonly head: number;

  private constructor(directory: string, nodes: readonly SyncNode[], head: number) {
    this.directory = directory;
    this.nodes = nodes;
    this.head = head;
  }

  /** Makes the chain, and a home for each node. */
  static async make(servers: number, shape: ChainShape, progress: (text: string) => void): Promise<SyncNetwork> {
    const directory = await mkdtemp(join(tmpdir(), 'bizra-bench-sync-'));
    const genesis = makeGenesis();
    const nodes = await makeHomes(directory, servers, genesis.text);
    const made = join(directory, DATABASE);
    await makeChain(made, genesis, shape, (height) => progress(`making block ${height} of ${shape.blocks}`));
    for (const { home } of nodes.slice(1))
      await cp(made, join(homePaths(home).dataDirectory, DATABASE), { recursive: true });
    return new SyncNetwork(directory, nodes, shape.blocks);
  }

  /** From the syncing node's start until it has the head. */
  async run(signal: AbortSignal): Promise<SyncRun> {
    const [syncing, ...serving] = this.nodes as [SyncNode, ...SyncNode[]];
    const ended: string[] = [];
    const onExit = (moniker: string, code: number): void => void ended.push(`${moniker} ended with code ${code}`);
    const lastWords = (): Promise<string> => syncer.lastLogLine(syncing);
    const servers = new Supervisor({ command: startWith([]), onExit });
    const syncer = new Supervisor({ command: startWith(serving.map(({ p2p }) => p2p)), onExit });
    try {
      const servingPids = serving.map((node) => servers.start(node));
      for (const { watcher } of serving)
        await until({ ended, signal, lastWords }, async () => (await watcher.height()) === this.head);
      const pid = syncer.start(syncing);
      await until({ ended, signal, lastWords }, async () => (await syncing.watcher.height()) !== undefined);
      const before = await Promise.all([pid, ...servingPids].map(usageOf));
      await until({ ended, signal, lastWords }, async () => (await syncing.watcher.height()) === this.head);
      const seconds = await secondsInLog(syncing.home, this.head);
      const after = await Promise.all([pid, ...servingPids].map(usageOf));
      await this.compare();
      const [syncingMicros = 0, ...others] = after.map(({ cpuMicros }, i) => cpuMicros - (before[i]?.cpuMicros ?? 0));
      const servingMicros = others.reduce((sum, micros) => sum + micros, 0);
      return { seconds, syncingMicros, servingMicros, residentBytes: after[0]?.residentBytes ?? 0 };
    } finally {
      await Promise.all([servers.stop(), syncer.stop()]);
    }
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  /** The figures mean nothing when the node has got another chain. */
  private async compare(): Promise<void> {
    const views = await Promise.all(this.nodes.map(({ watcher }) => watcher.heightView(this.head)));
    const [first] = views;
    if (first === undefined || views.some((view) => view?.appHash !== first.appHash || view.blockId !== first.blockId))
      throw failure(`the nodes differ at height ${this.head}: ${JSON.stringify(views)}`);
  }
}

function startWith(peers: readonly string[]): string[] {
  return [BIN, 'start', '--stop-with-input', '--p2p.persistent_peers', peers.join(',')];
}

async function makeHomes(directory: string, servers: number, genesis: string): Promise<SyncNode[]> {
  const basePort = await choosePorts(0, servers + 1);
  const nodes: SyncNode[] = [];
  for (let i = 0; i <= servers; i++) {
    const moniker = i === 0 ? 'syncing' : `serving${i}`;
    const home = join(directory, moniker);
    const p2pPort = basePort + PORTS_PER_NODE * i;
    const identity = newNodeIdentity();
    const flags = {
      moniker,
      'p2p.laddr': `tcp://127.0.0.1:${p2pPort}`,
      'rpc.laddr': `tcp://127.0.0.1:${p2pPort + 1}`,
      'p2p.dht': 'false',
      log_format: 'json',
    };
    await writeHome(home, { identity, settings: loadSettings({ flags }), genesis });
    const p2p = `/ip4/127.0.0.1/tcp/${p2pPort}/p2p/${identity.peerId}`;
    nodes.push({ moniker, home, p2p, watcher: new Watcher(`http://127.0.0.1:${p2pPort + 1}`) });
  }
  return nodes;
}

interface Watch {
  readonly ended: readonly string[];
  readonly signal: AbortSignal;
  /** Last line in the log of the syncing node. */
  readonly lastWords: () => Promise<string>;
}

async function until({ ended, signal, lastWords }: Watch, reached: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!(await reached())) {
    if (ended.length > 0) throw failure(`${ended.join(', ')}: ${await lastWords()}`);
    if (performance.now() > deadline) throw failure(`the node does not reach the head: ${await lastWords()}`);
    await delay(POLL_MS, undefined, { signal });
  }
}

/** The node's own log says when it was started and when it had each height. */
async function secondsInLog(home: string, head: number): Promise<number> {
  const lines = (await readFile(join(home, LOG_FILE), 'utf8')).trimEnd().split('\n');
  const entries = lines.map((line) => JSON.parse(line) as { time: string; message: string; height?: number });
  const timeOf = (message: string, height?: number): number => {
    const found = entries.find((entry) => entry.message === message && (height ?? entry.height) === entry.height);
    if (found === undefined) throw failure(`the log of ${home} has no line "${message}"`);
    return Date.parse(found.time);
  };
  return (timeOf('block', head) - timeOf('started')) / 1_000;
}

async function usageOf(pid: number): Promise<ProcessUsage> {
  const usage = await readUsage(pid);
  if (usage === undefined) throw failure(`process ${pid} has ended`);
  return usage;
}
