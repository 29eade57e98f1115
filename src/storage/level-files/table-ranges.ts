import { compareBytes, EMPTY_BYTES } from '#util/bytes.ts';
import type { UserRange } from './table.ts';
import type { TableFile } from './version-edit.ts';

/** From level 1 on in the order of their keys, which do not overlap there. */
export function byLevel(tables: Iterable<TableFile>): TableFile[][] {
  const levels: TableFile[][] = [];
  for (const table of tables) {
    levels[table.level] ??= [];
    levels[table.level]?.push(table);
  }
  const least = ({ smallest }: TableFile): Uint8Array => smallest ?? EMPTY_BYTES;
  for (const level of levels.slice(1)) level?.sort((a, b) => compareBytes(least(a), least(b)));
  return Array.from(levels, (level) => level ?? []);
}

/** Tables that an iterator over the range may look at: all of level 0, else those that overlap, with their neighbours. */
export function inReach(tables: readonly TableFile[], range: UserRange): readonly TableFile[] {
  if (tables[0]?.level === 0) return tables;
  const first = tables.findIndex(({ largest }) => !isBelow(largest, range.low));
  if (first < 0) return tables.slice(-1);
  const behind = tables.findIndex(({ smallest }) => isBelow(range.high, smallest));
  return tables.slice(Math.max(0, first - 1), behind < 0 ? tables.length : behind + 1);
}

function isBelow(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && compareBytes(a, b) < 0;
}

export function overlaps({ smallest, largest }: TableFile, { low, high }: UserRange): boolean {
  return !isBelow(high, smallest) && !isBelow(largest, low);
}
