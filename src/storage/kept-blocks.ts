import type { KeyValue, WriteBatch } from '#ports/key-value.ts';
import { type Block, decodeBlock } from '#types/block.ts';
import { type Commit, decodeCommit } from '#types/commit.ts';
import { decodeMeta, encodeHeight, RESULTS_PER_ROW, ROW, rowKey, singleKey } from './block-rows.ts';
import { checkedValue } from './checksummed.ts';

/** Rows that an empty store does not have. */
const RANGE_ROWS = [ROW.head, ROW.base, ROW.headerBase, ROW.sweptBlocks, ROW.sweptHeaders];

/** A decided block above the head, which a rollback has left there. */
export interface KeptBlock {
  readonly block: Block;
  /** The commit that decided it. */
  readonly commit: Commit;
  /** State after it, as it was computed when it was applied before. */
  readonly appHash: Uint8Array;
}

/** Undefined where there is none. Throws MachineError 'damaged'. */
export function keptBlock(kv: KeyValue, height: number): KeptBlock | undefined {
  const read = (kind: number, what: string): Uint8Array | undefined => {
    const key = rowKey(kind, height);
    const record = kv.get(key);
    return record === undefined ? undefined : checkedValue(record, key, what);
  };
  const bytes = read(ROW.block, 'block');
  const commit = read(ROW.commit, 'commit');
  const meta = read(ROW.meta, 'block meta');
  if (bytes === undefined || commit === undefined || meta === undefined) return undefined;
  return { block: decodeBlock(bytes, bytes.length), commit: decodeCommit(commit), appHash: decodeMeta(meta).appHash };
}

/** The last height of the blocks that follow `head` without a gap; `head` itself when there are none. */
export function lastKeptBlock(kv: KeyValue, head: number): number {
  let height = head;
  while (kv.get(rowKey(ROW.commit, height + 1)) !== undefined) height++;
  return height;
}

/**
 * Adds to `batch` what makes the height before `height`, the head, the head: nothing is left of what came of its block.
 * The block and its commit stay, to be applied again. `isFirst`: of the chain.
 */
export function putBack(batch: WriteBatch, kv: KeyValue, height: number, txCount: number, isFirst: boolean): void {
  for (let part = 0; part * RESULTS_PER_ROW < txCount; part++) batch.delete(rowKey(ROW.results, height, part));
  // Rows that few heights have; deleting what is not there would leave a mark in the database.
  const seldom = [
    rowKey(ROW.events, height),
    rowKey(ROW.updates, height),
    rowKey(ROW.validators, height + 1),
    rowKey(ROW.params, height + 1),
  ];
  for (const key of seldom) if (kv.get(key) !== undefined) batch.delete(key);
  if (!isFirst) batch.put(singleKey(ROW.head), encodeHeight(height - 1));
  else for (const kind of RANGE_ROWS) batch.delete(singleKey(kind));
}
