import { formatPairs, formatTable, groupDigits } from '../output.ts';
import type { SeenBlock } from './follower.ts';
import type { ProcessUsage } from './process-usage.ts';
import { intervals, type LatencySummary, summarize } from './statistics.ts';

export interface NodeUsage {
  readonly pid: number;
  readonly cpuSeconds: number;
  /** CPU microseconds for each committed transaction. */
  readonly cpuMicrosPerTx: number | undefined;
  readonly residentMegabytes: number;
}

/** Figures of one run. Rates are per second, latencies and intervals in milliseconds. */
export interface LoadReport {
  readonly offered: number;
  readonly offeredPerSecond: number;
  readonly accepted: number;
  readonly refused: number;
  readonly refusals: Readonly<Record<string, number>>;
  readonly committed: number;
  /** Of the committed ones, those with a code other than 0. */
  readonly failed: number;
  /** From the first submission to the last commit. */
  readonly committedPerSecond: number;
  readonly latency: LatencySummary | undefined;
  readonly blocks: number;
  readonly blockInterval: LatencySummary | undefined;
  readonly largestBlockTxs: number;
  readonly seconds: number;
  readonly nodes: readonly NodeUsage[];
  /** Mean over the nodes. */
  readonly cpuMicrosPerTxAndNode: number | undefined;
  /** Of the load generator, while it sent: on one machine it takes what the nodes then lack. */
  readonly generatorCpuSeconds: number;
}

export interface LoadRecord {
  readonly run: {
    readonly offered: number;
    readonly accepted: number;
    readonly refused: number;
    readonly committed: number;
    readonly refusals: ReadonlyMap<string, number>;
    readonly blocks: readonly SeenBlock[];
    /** By transaction; NaN for those that were not submitted or not committed. */
    readonly submittedMs: Float64Array;
    readonly committedMs: Float64Array;
  };
  readonly startMs: number;
  readonly elapsedMs: number;
  readonly failed: number;
  readonly before: ReadonlyMap<number, ProcessUsage>;
  readonly after: ReadonlyMap<number, ProcessUsage>;
  readonly generatorCpuMicros: number;
}

const BYTES_PER_MEGABYTE = 1_000_000;

function nodeUsages(record: LoadRecord): NodeUsage[] {
  const usages: NodeUsage[] = [];
  for (const [pid, after] of record.after) {
    const before = record.before.get(pid);
    if (before === undefined) continue;
    const micros = after.cpuMicros - before.cpuMicros;
    const { committed } = record.run;
    usages.push({
      pid,
      cpuSeconds: micros / 1_000_000,
      cpuMicrosPerTx: committed === 0 ? undefined : micros / committed,
      residentMegabytes: after.residentBytes / BYTES_PER_MEGABYTE,
    });
  }
  return usages;
}

/** Blocks that were told during the run, idle ones included. */
function blockTimes(record: LoadRecord): number[] {
  const end = record.startMs + record.elapsedMs;
  return record.run.blocks.map(({ seenMs }) => seenMs).filter((time) => time >= record.startMs && time <= end);
}

export function buildReport(record: LoadRecord): LoadReport {
  const { run, startMs } = record;
  const latencies = run.committedMs
    .map((committed, index) => committed - (run.submittedMs[index] as number))
    .filter((value) => !Number.isNaN(value));
  const lastCommit = run.committedMs.reduce((last, time) => (time > last ? time : last), startMs);
  const lastOffer = run.submittedMs.reduce((last, time) => (time > last ? time : last), startMs);
  const nodes = nodeUsages(record);
  const perTx = nodes.flatMap((node) => (node.cpuMicrosPerTx === undefined ? [] : [node.cpuMicrosPerTx]));
  const times = blockTimes(record);
  return {
    offered: run.offered,
    offeredPerSecond: ratePerSecond(run.offered, lastOffer - startMs),
    accepted: run.accepted,
    refused: run.refused,
    refusals: Object.fromEntries(run.refusals),
    committed: run.committed,
    failed: record.failed,
    committedPerSecond: ratePerSecond(run.committed, lastCommit - startMs),
    latency: summarize(latencies),
    blocks: times.length,
    blockInterval: summarize(intervals(times)),
    largestBlockTxs: run.blocks.reduce((most, block) => Math.max(most, block.txs.length), 0),
    seconds: record.elapsedMs / 1_000,
    nodes,
    cpuMicrosPerTxAndNode: perTx.length === 0 ? undefined : perTx.reduce((sum, value) => sum + value, 0) / perTx.length,
    generatorCpuSeconds: record.generatorCpuMicros / 1_000_000,
  };
}

function ratePerSecond(count: number, milliseconds: number): number {
  return milliseconds > 0 ? (count * 1_000) / milliseconds : 0;
}

function describeLatency(summary: LatencySummary | undefined): string {
  if (summary === undefined) return '-';
  const { p50, p95, p99, max } = summary;
  return [p50, p95, p99, max].map((value) => value.toFixed(1)).join(' / ');
}

/** For people. */
export function formatReport(report: LoadReport): string[] {
  const count = (value: number, rate: number): string => `${groupDigits(value)} (${rate.toFixed(1)}/s)`;
  const lines = formatPairs([
    ['offered', count(report.offered, report.offeredPerSecond)],
    ['committed', count(report.committed, report.committedPerSecond)],
    ['failed in a block', groupDigits(report.failed)],
    ['refused', groupDigits(report.refused)],
    ['submitted to committed, p50 / p95 / p99 / max ms', describeLatency(report.latency)],
    ['block interval, p50 / p95 / p99 / max ms', describeLatency(report.blockInterval)],
    ['blocks', `${groupDigits(report.blocks)}, the largest with ${groupDigits(report.largestBlockTxs)} transactions`],
    ...(report.cpuMicrosPerTxAndNode === undefined
      ? []
      : [['CPU per transaction and node', `${report.cpuMicrosPerTxAndNode.toFixed(0)} us`] as const]),
    ['CPU of this load generator', `${report.generatorCpuSeconds.toFixed(2)} s in ${report.seconds.toFixed(1)} s`],
  ]);
  for (const [reason, times] of Object.entries(report.refusals)) lines.push(`refused ${times} times: ${reason}`);
  if (report.nodes.length === 0) return lines;
  const rows = report.nodes.map((node) => [
    String(node.pid),
    node.cpuSeconds.toFixed(2),
    node.cpuMicrosPerTx?.toFixed(0) ?? '-',
    node.residentMegabytes.toFixed(0),
  ]);
  return [...lines, '', ...formatTable(['process', 'CPU s', 'CPU us/tx', 'memory MB'], rows, [0, 1, 2, 3])];
}
