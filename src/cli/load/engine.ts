import { setTimeout as delay } from 'node:timers/promises';
import { assert } from '#util/assert.ts';
import type { AccountKey } from '../account-key.ts';
import { failure } from '../errors.ts';
import { listAt, numberAt } from '../json-shape.ts';
import { RpcClient } from '../rpc-client.ts';
import { BlockFollower, type SeenBlock } from './follower.ts';
import { Lane } from './lane.ts';
import { type Chain, prepareAccounts } from './load-accounts.ts';
import { buildReport, type LoadReport } from './load-report.ts';
import { Pace } from './pace.ts';
import { ownCpuMicros, type ProcessUsage, readUsage } from './process-usage.ts';
import { signTransfers, spendingOf } from './transactions.ts';

export interface LoadOptions {
  /** RPC addresses; transactions go to all in turn, blocks are read from the first. */
  readonly nodes: readonly string[];
  /** Transactions a second; 0 sends as fast as they are taken, with at most `window` not yet committed. */
  readonly rate: number;
  readonly durationSeconds: number;
  readonly accounts: number;
  /** Pays for the load accounts where they have too little. */
  readonly funder: AccountKey;
  readonly prefix: string;
  readonly denom: string;
  /** `0.025ubizra`. */
  readonly gasPrice: string;
  /** Processes of the nodes, whose CPU and memory are reported. */
  readonly pids: readonly number[];
  readonly window: number;
  readonly batchSize: number;
  readonly connectionsPerNode: number;
  /** Signed at most, at rate 0. */
  readonly maxTransactions: number;
  readonly progress: (text: string) => void;
  readonly signal?: AbortSignal;
}

/** Milliseconds between two looks at what is due, at least: fine enough for thousands a second, and cheap. */
const TICK_MS = 1;
/** Milliseconds without any commit after which the rest is given up. */
const DRAIN_SILENCE_MS = 15_000;
const DRAIN_POLL_MS = 20;
const PROGRESS_MS = 500;
/** At rate 0: more than any network of this kind takes, so that the duration ends the run. */
const MAX_EXPECTED_RATE = 10_000;

/** The course of one run. Times are milliseconds on the monotonic clock. */
class Run {
  readonly transactions: readonly string[];
  readonly submittedMs: Float64Array;
  readonly committedMs: Float64Array;
  readonly refusals = new Map<string, number>();
  readonly blocks: SeenBlock[] = [];
  offered = 0;
  accepted = 0;
  refused = 0;
  committed = 0;
  lastChangeMs = 0;
  private readonly options: LoadOptions;
  private readonly lanes: Lane[];
  /** Undefined: as fast as they are taken. */
  private readonly pace: Pace | undefined;
  private readonly indexOf = new Map<string, number>();

  constructor(options: LoadOptions, transactions: readonly string[]) {
    this.options = options;
    this.pace = options.rate === 0 ? undefined : new Pace(options.rate);
    this.transactions = transactions;
    this.submittedMs = new Float64Array(transactions.length).fill(Number.NaN);
    this.committedMs = new Float64Array(transactions.length).fill(Number.NaN);
    for (const [index, tx] of transactions.entries()) this.indexOf.set(tx, index);
    const laneCount = options.nodes.length * options.connectionsPerNode;
    this.lanes = Array.from({ length: laneCount }, (_, lane) => this.makeLane(lane));
  }

  private makeLane(lane: number): Lane {
    return new Lane({
      url: this.options.nodes[lane % this.options.nodes.length] as string,
      batchSize: this.options.batchSize,
      transactions: this.transactions,
      accountOf: (index) => index % this.options.accounts,
      onAccepted: () => {
        this.accepted++;
      },
      onRefused: (_index, reason) => {
        this.refused++;
        this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
      },
    });
  }

  /** Transactions on their way: offered, and neither refused nor committed. */
  get inFlight(): number {
    return this.offered - this.refused - this.committed;
  }

  takeBlock(block: SeenBlock): void {
    this.blocks.push(block);
    for (const tx of block.txs) {
      const index = this.indexOf.get(tx);
      if (index === undefined || !Number.isNaN(this.committedMs[index] as number)) continue;
      this.committedMs[index] = block.seenMs;
      this.committed++;
      this.lastChangeMs = performance.now();
    }
  }

  /** `dueMs` is when it should leave: waiting behind a slow node counts as latency. */
  private offer(dueMs: number): void {
    const index = this.offered++;
    this.submittedMs[index] = dueMs;
    this.lanes[(index % this.options.accounts) % this.lanes.length]?.push(index);
  }

  private flush(): void {
    for (const lane of this.lanes) lane.flush();
  }

  /** Offers transactions for the whole duration, then waits for what is under way. */
  async drive(follower: BlockFollower): Promise<void> {
    const startMs = performance.now();
    const endMs = startMs + this.options.durationSeconds * 1_000;
    let shownMs = startMs;
    while (this.offered < this.transactions.length && !this.stopped(follower)) {
      const nowMs = performance.now();
      if (nowMs >= endMs) break;
      this.offerDue(startMs, nowMs);
      this.flush();
      if (nowMs - shownMs >= PROGRESS_MS) {
        shownMs = nowMs;
        this.show((nowMs - startMs) / 1_000);
      }
      await delay(this.untilNextMs(startMs));
    }
    this.lastChangeMs = performance.now();
    while (this.inFlight > 0 && performance.now() - this.lastChangeMs < DRAIN_SILENCE_MS && !this.stopped(follower)) {
      this.flush();
      await delay(DRAIN_POLL_MS);
    }
    for (const lane of this.lanes) lane.close();
  }

  private offerDue(startMs: number, nowMs: number): void {
    const { pace } = this;
    if (pace === undefined) {
      while (this.offered < this.transactions.length && this.inFlight < this.options.window) this.offer(nowMs);
      return;
    }
    const due = Math.min(this.transactions.length, pace.dueCount(nowMs - startMs));
    while (this.offered < due) this.offer(startMs + pace.dueMs(this.offered));
  }

  /** Until the next one is due. Waking more often would cost more than sending does, at the rates where latency counts. */
  private untilNextMs(startMs: number): number {
    if (this.pace === undefined) return TICK_MS;
    const waitMs = startMs + this.pace.dueMs(this.offered) - performance.now();
    return Math.min(PROGRESS_MS, Math.max(TICK_MS, waitMs));
  }

  private stopped(follower: BlockFollower): boolean {
    if (follower.fault !== undefined) throw failure(`following the blocks broke off: ${follower.fault.message}`);
    return this.options.signal?.aborted === true;
  }

  private show(seconds: number): void {
    const rate = (this.committed / seconds).toFixed(0);
    this.options.progress(`${seconds.toFixed(0)} s: offered ${this.offered}, committed ${this.committed} (${rate}/s)`);
  }
}

async function usageOf(pids: readonly number[]): Promise<Map<number, ProcessUsage>> {
  const found = new Map<number, ProcessUsage>();
  for (const pid of pids) {
    const usage = await readUsage(pid);
    if (usage !== undefined) found.set(pid, usage);
  }
  return found;
}

/** Transactions of ours that were committed with a code other than 0. Read after the run, so as not to weigh on it. */
async function countFailed(client: RpcClient, run: Run): Promise<number> {
  const ours = new Set(run.transactions);
  let failed = 0;
  for (const block of run.blocks) {
    if (!block.txs.some((tx) => ours.has(tx))) continue;
    const results = listAt(await client.call('block_results', { height: String(block.height) }), 'txs_results');
    for (const [index, tx] of block.txs.entries()) {
      if (ours.has(tx) && numberAt(results[index], 'code') !== 0) failed++;
    }
  }
  return failed;
}

/** Runs a load from signing to report. Throws BizraError `failed`, `refused` or `unreachable`. */
export async function runLoad(options: LoadOptions): Promise<LoadReport> {
  const [firstNode] = options.nodes;
  assert(firstNode !== undefined, 'a load needs a node');
  const client = new RpcClient(firstNode);
  const { prefix, denom, gasPrice } = options;
  const chain: Chain = { client, chainId: await client.chainId(), prefix, denom, gasPrice };
  const wanted = options.rate === 0 ? MAX_EXPECTED_RATE : options.rate;
  const limit = options.rate === 0 ? options.maxTransactions : Number.POSITIVE_INFINITY;
  const count = Math.min(limit, Math.ceil(wanted * options.durationSeconds));
  options.progress(`preparing ${options.accounts} accounts`);
  const accounts = await prepareAccounts(
    chain,
    options.funder,
    options.accounts,
    spendingOf(chain, options.accounts, count),
  );
  const transactions = await signTransfers(chain, accounts, count, (signed) =>
    options.progress(`signing ${signed} of ${count} transactions`),
  );
  const run = new Run(options, transactions);
  const follower = new BlockFollower(client, (block) => run.takeBlock(block));
  await follower.start();
  const before = await usageOf(options.pids);
  const startMs = performance.now();
  const startCpuMicros = ownCpuMicros();
  await run.drive(follower);
  const elapsedMs = performance.now() - startMs;
  const generatorCpuMicros = ownCpuMicros() - startCpuMicros;
  const after = await usageOf(options.pids);
  follower.stop();
  options.progress('reading the results');
  const failed = await countFailed(client, run);
  return buildReport({ run, startMs, elapsedMs, failed, before, after, generatorCpuMicros });
}
