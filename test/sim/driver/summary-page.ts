import { FAULTS, SOMETIMES } from '../world/coverage.ts';
import type { PartSummary } from './summary.ts';

const BEGIN = '<!-- simulation: begin -->';
const END = '<!-- simulation: end -->';
/** Rounds from here on share a row. */
const MANY_ROUNDS = 8;

/** The page with fresh tables. Throws when it has no place for them. */
export function renderParts(page: string, parts: readonly PartSummary[]): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`the page needs the lines ${BEGIN} and ${END}`);
  const tables = [partsTable(parts), sizesTable(parts), roundsTable(parts), countsTables(parts)].join('\n\n');
  return `${page.slice(0, begin + BEGIN.length)}\n\n${tables}\n\n${page.slice(end)}`;
}

function partsTable(parts: readonly PartSummary[]): string {
  const rows = parts.map((part) => [
    `${part.nodes}`,
    `${part.firstSeed}-${part.firstSeed + part.seeds - 1}`,
    grouped(part.heights),
    grouped(part.txs),
    hours(part.virtualSeconds),
    (part.heights / part.cpuSeconds).toFixed(0),
    `${part.slowestHealRounds}`,
    `${(part.slowestHealMs / 1000).toFixed(1)} s (seed ${part.slowestHealSeed})`,
    part.failed.length === 0 ? 'none' : part.failed.join(' '),
  ]);
  const total = [
    'all',
    grouped(sum(parts.map(({ seeds }) => seeds))),
    grouped(sum(parts.map(({ heights }) => heights))),
    grouped(sum(parts.map(({ txs }) => txs))),
    hours(sum(parts.map(({ virtualSeconds }) => virtualSeconds))),
    (sum(parts.map(({ heights }) => heights)) / sum(parts.map(({ cpuSeconds }) => cpuSeconds))).toFixed(0),
    `${Math.max(0, ...parts.map(({ slowestHealRounds }) => slowestHealRounds))}`,
    `${(Math.max(0, ...parts.map(({ slowestHealMs }) => slowestHealMs)) / 1000).toFixed(1)} s`,
    `${sum(parts.map(({ failed }) => failed.length))}`,
  ];
  const head = ['nodes', 'seeds', 'heights', 'transactions', 'virtual time', 'heights/s and core'];
  return table([...head, 'slowest heal, rounds', 'slowest heal', 'failed'], [...rows, total]);
}

function sizesTable(parts: readonly PartSummary[]): string {
  const sizes = [...new Set(parts.flatMap((part) => Object.keys(part.sizes)))].sort((a, b) => Number(a) - Number(b));
  return table(
    ['validators', 'seeds', 'heights', 'heights/s and core'],
    sizes.map((size) => {
      const of = parts.flatMap((part) => part.sizes[size] ?? []);
      const heights = sum(of.map((entry) => entry.heights));
      const pace = heights / sum(of.map(({ cpuSeconds }) => cpuSeconds));
      return [size, grouped(sum(of.map(({ seeds }) => seeds))), grouped(heights), pace.toFixed(0)];
    }),
  );
}

function roundsTable(parts: readonly PartSummary[]): string {
  const counts: number[] = [];
  for (const part of parts) {
    for (const [round, count] of part.rounds.entries()) {
      const row = Math.min(round, MANY_ROUNDS);
      counts[row] = (counts[row] ?? 0) + count;
    }
  }
  const rows = Array.from(counts, (count, round) => [
    round === MANY_ROUNDS ? `${round} and more` : `${round}`,
    grouped(count ?? 0),
  ]);
  const highest = Math.max(0, ...parts.map(({ rounds }) => rounds.length - 1));
  return `${table(['decided in round', 'heights'], rows)}\n\nThe highest round that decided a height: ${highest}.`;
}

function countsTables(parts: readonly PartSummary[]): string {
  const counts = new Map<string, number>();
  for (const part of parts)
    for (const [name, count] of Object.entries(part.counts)) counts.set(name, (counts.get(name) ?? 0) + count);
  const rows = (names: readonly string[]): string[][] => names.map((name) => [name, grouped(counts.get(name) ?? 0)]);
  const byzantine = [...counts.keys()].filter((name) => name.startsWith('byzantine ')).sort();
  return [
    table(['fault', 'injected'], rows(FAULTS)),
    table(['situation', 'reached'], rows(SOMETIMES)),
    table(['byzantine', 'deeds'], rows(byzantine)),
  ].join('\n\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '--')), ...rows.map(line)].join('\n');
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function grouped(value: number): string {
  return value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ',');
}

function hours(seconds: number): string {
  return `${(seconds / 3600).toFixed(1)} h`;
}
