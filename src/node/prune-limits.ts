import { isExpired } from '#evidence/evidence.ts';
import type { SnapshotArchive } from '#state/snapshot/archive.ts';
import type { ConsensusParams } from '#types/params.ts';
import type { Time } from '#types/time.ts';

/**
 * Heights that no setting can prune: the head and the one before it, which consensus, evidence and a query without a
 * height read.
 */
export const KEPT_HEIGHTS = 2;

/** Lowest height whose block is kept, when `retainBlocks` are, the newest included; 0 keeps all from `base` on. */
export function blockBase(
  { base, head }: { readonly base: number; readonly head: number },
  retainBlocks: number,
  neededFrom: number | undefined,
): number {
  if (retainBlocks === 0) return base;
  const wanted = head - Math.max(retainBlocks, KEPT_HEIGHTS) + 1;
  return Math.max(base, Math.min(wanted, neededFrom ?? wanted));
}

/** Lowest height whose state is kept, when that of `undoHeights` before the head is. */
export function undoBase(
  { base, head }: { readonly base: number; readonly head: number },
  undoHeights: number,
): number {
  return Math.max(base, head - Math.max(undoHeights, KEPT_HEIGHTS - 1));
}

/**
 * Lowest height from `base` to `head` whose undo rows, with those of all heights above it, fit into `bytesMax`;
 * `bytesUpTo` grows with the height.
 */
export async function undoBaseWithin(
  { base, head }: { readonly base: number; readonly head: number },
  bytesMax: number,
  bytesUpTo: (height: number) => number,
  pause: () => Promise<void>,
): Promise<number> {
  const highest = Math.max(base, head - (KEPT_HEIGHTS - 1));
  const all = bytesUpTo(head);
  let low = base;
  let high = highest;
  while (low < high) {
    await pause();
    const middle = Math.floor((low + high) / 2);
    if (all - bytesUpTo(middle) <= bytesMax) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Header rows that are looked at in one go: some milliseconds. */
const HEADERS_LOOKED_AT = 500;

/**
 * Lowest height whose header rows are kept: all of which evidence may still be, and the one before the blocks. After a
 * long time it is found in several calls.
 */
export function headerBase(
  { headerBase: from, base }: { readonly headerBase: number; readonly base: number },
  now: { readonly height: number; readonly time: Time },
  params: ConsensusParams['evidence'],
  timeOf: (height: number) => Time | undefined,
): number {
  let height = from;
  for (const end = Math.min(base - 1, from + HEADERS_LOOKED_AT); height < end; height++) {
    const time = timeOf(height);
    if (time === undefined || !isExpired(params, now, { height, time })) break;
  }
  return height;
}

/** Lowest height whose block somebody needs who begins with one of these snapshots. */
export function lowestNeeded(snapshots: Pick<SnapshotArchive, 'list' | 'making'>): number | undefined {
  const heights = snapshots.list().map(({ height }) => height);
  // Making one may take as many heights as are kept.
  if (snapshots.making !== undefined) heights.push(snapshots.making);
  return heights.length === 0 ? undefined : Math.min(...heights) + 1;
}

/** One height less of each: for tests of the checkers alone. */
export function lessThan<Limits extends { readonly retainBlocks: number; readonly undoHeights: number }>(
  limits: Limits,
): Limits {
  const less = (kept: number): number => (kept === 0 ? 0 : Math.max(1, kept - 1));
  return { ...limits, retainBlocks: less(limits.retainBlocks), undoHeights: less(limits.undoHeights) };
}
