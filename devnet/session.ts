import { setTimeout as delay } from 'node:timers/promises';
import { addressText } from '#cli/account-key.ts';
import { EXIT_FAILED, EXIT_OK, failure } from '#cli/errors.ts';
import { readGenesisAccounts } from '#cli/genesis-accounts.ts';
import { DEFAULT_STAKE } from '#cli/genesis-builder.ts';
import { buildNetwork, GAS_PRICE_AMOUNT, type NodePlace, PORTS_PER_NODE } from '#cli/network-builder.ts';
import { testAccounts } from '#cli/test-accounts.ts';
import { Display } from './display.ts';
import type { DevnetOptions } from './options.ts';
import { choosePorts } from './ports.ts';
import {
  type DoneEvent,
  describeDone,
  describeReady,
  type ReadyEvent,
  readyEvent,
  type StartedNode,
} from './report.ts';
import { Supervisor } from './supervisor.ts';
import { type HeightView, Watcher } from './watcher.ts';

const CHAIN_ID = 'bizra-devnet';
/** Milliseconds: blocks come at once when there is work, empty ones once a second, so that a person sees it move. */
const BLOCK_INTERVAL_MIN_MS = 0;
const EMPTY_BLOCK_INTERVAL_MS = 1_000;
/** A devnet is for trying things: web pages may call it, load tools send large batches. It listens on loopback. */
const SETTINGS = { 'p2p.dht': 'false', 'rpc.cors_allowed_origins': '*', 'rpc.max_request_batch_size': '1000' };

/** Milliseconds. A node answers within seconds; a loaded machine takes longer. */
const READY_DEADLINE_MS = 120_000;
const READY_POLL_MS = 50;
const HEIGHT_POLL_MS = 100;

export interface SessionOptions extends DevnetOptions {
  /** The program that runs a node and its first arguments; `--home HOME` is added. */
  readonly command: readonly string[];
  /** Directory of the homes; exists and is empty. */
  readonly directory: string;
}

export interface SessionOutput {
  /** A line on standard output. */
  line(text: string): void;
  /** A line on standard error. */
  warn(text: string): void;
  readonly interactive: boolean;
}

function places(options: DevnetOptions, basePort: number): NodePlace[] {
  return Array.from({ length: options.validators + options.fullNodes }, (_, index) => {
    const validator = index < options.validators;
    const moniker = validator ? `validator${index}` : `full${index - options.validators}`;
    const p2pPort = basePort + PORTS_PER_NODE * index;
    return { moniker, host: '127.0.0.1', p2pPort, rpcPort: p2pPort + 1, validator };
  });
}

/** Sleeps, or less when the signal comes. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await delay(milliseconds, undefined, { signal }).catch(() => {}); // aborted: the caller looks at the signal
}

/** One run of a network, from its files to its end. */
export class Session {
  private readonly output: SessionOutput;
  private readonly options: SessionOptions;
  private readonly signal: AbortSignal;
  private readonly supervisor: Supervisor;
  private startedAt = 0;
  private nodes: StartedNode[] = [];
  private watchers: Watcher[] = [];
  private ready = false;

  constructor(output: SessionOutput, signal: AbortSignal, options: SessionOptions) {
    this.output = output;
    this.options = options;
    this.signal = signal;
    this.supervisor = new Supervisor({
      command: options.command,
      onExit: (moniker, code) => this.reportExit(moniker, code),
    });
  }

  /** Resolves to the exit code when the signal or the height came and all nodes are gone. Throws when a start fails. */
  async run(): Promise<number> {
    try {
      await this.launch();
      if (!(await this.waitUntilReady())) return EXIT_OK;
      return await this.watch();
    } finally {
      await this.shutDown();
    }
  }

  private get asJson(): boolean {
    return this.options.json === true;
  }

  /** JSON for machines, lines for people: never both. */
  private tell(event: object, lines: () => readonly string[]): void {
    if (this.asJson) this.output.line(JSON.stringify(event));
    else for (const line of lines()) this.output.line(line);
  }

  private reportExit(moniker: string, code: number): void {
    // Before the network is up, an end is a failed start and reported as such.
    if (!this.ready) return;
    // On a terminal the table shows it.
    this.tell({ event: 'exit', moniker, code }, () =>
      this.output.interactive ? [] : [`${moniker} ended with code ${code}`],
    );
  }

  private async launch(): Promise<void> {
    const { options } = this;
    const nodes = options.validators + options.fullNodes;
    const basePort = await choosePorts(options.basePort, nodes);
    const built = await buildNetwork({
      output: options.directory,
      chainId: CHAIN_ID,
      prefix: options.prefix,
      denom: options.denom,
      timeMs: Date.now(),
      blockIntervalMinMs: BLOCK_INTERVAL_MIN_MS,
      emptyBlockIntervalMs: EMPTY_BLOCK_INTERVAL_MS,
      stake: DEFAULT_STAKE,
      nodes: places(options, basePort),
      accounts: await readGenesisAccounts(options.genesisAccounts, options.prefix, options.denom),
      testAccounts: await testAccounts(),
      settings: SETTINGS,
    });
    if (this.signal.aborted) return;
    this.startedAt = Date.now();
    if (!this.asJson) this.output.line(`starting ${nodes} ${nodes === 1 ? 'node' : 'nodes'} ...`);
    this.nodes = built.map((node) => ({ ...node, pid: this.supervisor.start(node) }));
    this.watchers = built.map((node) => new Watcher(node.rpc));
  }

  /** False when the stop signal came first. Throws `failed` when a node ends or is silent for too long. */
  private async waitUntilReady(): Promise<boolean> {
    const silent = new Set(this.nodes.keys());
    while (!this.signal.aborted) {
      for (const index of silent) if (await this.answers(index)) silent.delete(index);
      if (silent.size === 0) return true;
      await pause(READY_POLL_MS, this.signal);
    }
    return false;
  }

  private async answers(index: number): Promise<boolean> {
    const node = this.nodes[index] as StartedNode;
    const code = this.supervisor.exitCodeOf(node.moniker);
    if (code !== undefined) {
      throw failure(`${node.moniker} ended with code ${code}: ${await this.supervisor.lastLogLine(node)}`);
    }
    // Before the first block a node has no hashes to show, and wallets (cosmjs among them) do not accept its status.
    if (((await this.watchers[index]?.height()) ?? 0) >= 1) return true;
    if (Date.now() > this.startedAt + READY_DEADLINE_MS) {
      const words = await this.supervisor.lastLogLine(node);
      throw failure(
        `${node.moniker} does not answer after ${READY_DEADLINE_MS / 1_000} s; ${node.home}/node.log: ${words}`,
      );
    }
    return false;
  }

  private async readyEvent(): Promise<ReadyEvent> {
    const { prefix, denom } = this.options;
    const accounts = (await testAccounts()).map(({ name, mnemonic, key }) => ({
      name,
      mnemonic,
      address: addressText(prefix, key.address),
    }));
    return readyEvent({ chainId: CHAIN_ID, prefix, denom, gasPrice: GAS_PRICE_AMOUNT + denom }, this.nodes, accounts);
  }

  private async watch(): Promise<number> {
    const event = await this.readyEvent();
    this.ready = true;
    this.tell(event, () => describeReady(event, this.options.directory));
    const finished = new AbortController();
    const showing = this.show(AbortSignal.any([this.signal, finished.signal]));
    const { untilHeight } = this.options;
    const code = untilHeight === undefined ? await this.untilSignal() : await this.untilHeight(untilHeight);
    finished.abort();
    await showing;
    return code;
  }

  private async show(signal: AbortSignal): Promise<void> {
    if (this.asJson) return;
    const { nodes, watchers, supervisor } = this;
    const write = (text: string): void => this.output.line(text.replace(/\n$/, ''));
    await new Display({ nodes, watchers, supervisor }, { interactive: this.output.interactive, write }).run(signal);
  }

  private untilSignal(): Promise<number> {
    return new Promise((resolve) => {
      if (this.signal.aborted) resolve(EXIT_OK);
      this.signal.addEventListener('abort', () => resolve(EXIT_OK), { once: true });
    });
  }

  /** Nodes that the devnet started and that have not ended. */
  private living(): number[] {
    return [...this.nodes.keys()].filter(
      (index) => this.supervisor.exitCodeOf(this.nodes[index]?.moniker ?? '') === undefined,
    );
  }

  /** Waits until every living node has the height, then compares what they say about it. */
  private async untilHeight(target: number): Promise<number> {
    const behind = new Set(this.nodes.keys());
    while (!this.signal.aborted) {
      const living = this.living();
      if (living.length === 0) throw failure(`all nodes ended before height ${target}; see node.log in their homes`);
      for (const index of behind) {
        if (!living.includes(index) || ((await this.watchers[index]?.height()) ?? 0) >= target) behind.delete(index);
      }
      if (behind.size === 0) return this.compare(target, living);
      await pause(HEIGHT_POLL_MS, this.signal);
    }
    return EXIT_OK;
  }

  private async compare(height: number, indexes: readonly number[]): Promise<number> {
    const views = await Promise.all(indexes.map((index) => this.watchers[index]?.heightView(height)));
    const first = views.find((view) => view !== undefined);
    if (first === undefined) throw failure(`no node answers for height ${height}`);
    const event: DoneEvent = {
      event: 'done',
      height,
      block_id: first.blockId,
      app_hash: first.appHash,
      validators: this.options.validators,
      seconds: Math.round(Date.now() - this.startedAt) / 1_000,
    };
    const differing = this.differences(views, first, indexes);
    for (const line of differing) this.output.warn(line);
    this.tell(event, () => describeDone(event));
    return differing.length === 0 ? EXIT_OK : EXIT_FAILED;
  }

  private differences(
    views: readonly (HeightView | undefined)[],
    first: HeightView,
    indexes: readonly number[],
  ): string[] {
    return views.flatMap((view, position) => {
      const moniker = this.nodes[indexes[position] as number]?.moniker;
      if (view === undefined) return [`${moniker} gives no answer`];
      if (view.blockId === first.blockId && view.appHash === first.appHash) return [];
      return [`${moniker} differs: block ${view.blockId}, app hash ${view.appHash}`];
    });
  }

  private async shutDown(): Promise<void> {
    if (this.nodes.length > 0 && !this.asJson) this.output.line('stopping ...');
    for (const moniker of await this.supervisor.stop())
      this.output.warn(`${moniker} did not stop in time and was killed`);
    if (this.nodes.length > 0 && !this.asJson) this.output.line('all nodes have stopped');
  }
}
