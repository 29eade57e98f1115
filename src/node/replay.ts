import type { Verifier } from '#crypto/verifier.ts';
import { readChainState } from '#engine/chain-store.ts';
import type { Clock } from '#ports/clock.ts';
import type { KeyValue } from '#ports/key-value.ts';
import { encodeUpdates, type HeightResults } from '#storage/block-rows.ts';
import { BlockStore } from '#storage/block-store.ts';
import { ByteWriter } from '#storage/byte-codec.ts';
import { encodeEvents, encodeResult } from '#storage/result-codec.ts';
import { SILENT_LOGGER } from '#telemetry/logger.ts';
import type { Block } from '#types/block.ts';
import type { Genesis } from '#types/genesis.ts';
import type { TxResult } from '#types/results.ts';
import { equalBytes, toHex } from '#util/bytes.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import { initializeChain, openChain } from './database.ts';
import { LocalChain } from './local-chain.ts';
import { rollback, rollbackRange } from './rollback.ts';

export interface ReplayParts {
  /** What is compared with; stays as it is. */
  readonly stored: KeyValue;
  readonly verifier: Verifier;
  readonly clock: Clock;
}

/** Heights to execute again, both included. */
export interface ReplayRange {
  readonly from: number;
  readonly to: number;
}

/** The first thing that came out otherwise. */
export interface Difference {
  readonly height: number;
  readonly what: string;
}

export interface ReplayResult {
  readonly blocks: number;
  readonly transactions: number;
  readonly difference: Difference | undefined;
}

/** Where a replay begins: with the database taken back, or, where all blocks are there, with the genesis document. */
export type ReplayStart = 'rollback' | 'genesis';

/** Checks what is asked for. Throws `bad_height` with the heights that can be had. */
export async function planReplay(
  stored: KeyValue,
  range: { readonly from: number; readonly to: number | undefined },
): Promise<ReplayRange & { readonly start: ReplayStart }> {
  const chainState = readChainState(stored);
  if (chainState === undefined) throw new BizraError('chain_missing', 'the database holds no chain: nothing to replay');
  const blockStore = await BlockStore.open(stored);
  const { lowest, head } = rollbackRange(stored, blockStore, chainState);
  const { from, to = head } = range;
  const { initialHeight } = chainState;
  const fromGenesis = from === initialHeight && blockStore.base === initialHeight;
  if (from <= to && to <= head && (from > lowest || fromGenesis)) {
    return { from, to, start: from > lowest ? 'rollback' : 'genesis' };
  }
  const all = blockStore.base === initialHeight && lowest >= initialHeight ? `, or from ${initialHeight} on` : '';
  throw new BizraError(
    'bad_height',
    `heights ${from} to ${to} cannot be replayed: this home can replay from ${lowest + 1} on${all}, up to ${head}`,
  );
}

/**
 * Executes heights again in `working`, a database of its own (a copy of the stored one, or an empty one), and compares
 * results and app hashes with the stored ones. Ends at the first difference.
 */
export async function replay(
  parts: ReplayParts,
  working: KeyValue,
  genesis: Genesis,
  { from, to, start }: ReplayRange & { readonly start: ReplayStart },
  onHeight: (height: number) => void = () => {},
): Promise<ReplayResult> {
  const { stored, verifier, clock } = parts;
  const pause = (): Promise<void> => clock.yield();
  if (start === 'genesis') await initializeChain(working, genesis, await BlockStore.open(working));
  else await rollback(working, from - 1, { pause, onHeight });
  const opened = await openChain(working, genesis, { pause });
  const expected = await BlockStore.open(stored);
  const actual = await BlockStore.open(working);
  const local = new LocalChain({ kv: working, verifier, clock, logger: SILENT_LOGGER }, genesis, {
    ...opened,
    blockStore: actual,
  });
  let transactions = 0;
  for (let height = from; height <= to; height++) {
    const block = mustHave(expected.block(height), height);
    const commit = mustHave(expected.commit(height), height);
    const difference = (await applied(local, block, commit)) ?? differenceAt(height, block, expected, actual);
    transactions += block.txs.length;
    if (difference !== undefined) return { blocks: height - from + 1, transactions, difference };
    onHeight(height);
  }
  return { blocks: to - from + 1, transactions, difference: undefined };
}

/** A block that no longer counts as valid is a difference as well. */
async function applied(
  local: LocalChain,
  block: Block,
  commit: Parameters<LocalChain['apply']>[0]['commit'],
): Promise<Difference | undefined> {
  try {
    await local.apply({ block, commit });
    return undefined;
  } catch (error) {
    if (!(error instanceof BizraError) || error.code !== 'block_unfit') throw error;
    return { height: block.header.height, what: error.message };
  }
}

function differenceAt(height: number, block: Block, expected: BlockStore, actual: BlockStore): Difference | undefined {
  const what =
    resultDifference(block, mustHave(expected.results(height), height), mustHave(actual.results(height), height)) ??
    appHashDifference(height, expected, actual);
  return what === undefined ? undefined : { height, what };
}

function resultDifference(block: Block, expected: HeightResults, actual: HeightResults): string | undefined {
  for (const [index, tx] of block.txs.entries()) {
    const [before, now] = [expected.txResults[index] as TxResult, actual.txResults[index] as TxResult];
    if (equalBytes(encoded(before, tx), encoded(now, tx))) continue;
    return `transaction ${index} has another ${resultField(before, now)}`;
  }
  if (!equalBytes(encodeEvents(expected.blockEvents), encodeEvents(actual.blockEvents))) return 'other block events';
  const updates = [expected.validatorUpdates, actual.validatorUpdates].map(encodeUpdates);
  return equalBytes(updates[0] as Uint8Array, updates[1] as Uint8Array) ? undefined : 'other validator updates';
}

function encoded(result: TxResult, tx: Uint8Array): Uint8Array {
  const writer = new ByteWriter();
  encodeResult(writer, result, tx);
  return writer.finish();
}

function resultField(before: TxResult, now: TxResult): string {
  if (before.code !== now.code || before.codespace !== now.codespace)
    return `code: ${before.codespace}/${before.code} is stored, ${now.codespace}/${now.code} came out (${now.log})`;
  if (before.gasUsed !== now.gasUsed) return `gas: ${before.gasUsed} is stored, ${now.gasUsed} came out`;
  return 'result: its data, log or events differ';
}

/** The header of the next block says what the network computed; of the newest there is what this node computed. */
function appHashDifference(height: number, expected: BlockStore, actual: BlockStore): string | undefined {
  const stored = expected.meta(height + 1)?.header.appHash ?? mustHave(expected.meta(height), height).appHash;
  const computed = mustHave(actual.meta(height), height).appHash;
  if (equalBytes(stored, computed)) return undefined;
  return `the app hash is ${toHex(computed)}, stored is ${toHex(stored)}`;
}

function mustHave<Value>(value: Value | undefined, height: number): Value {
  if (value !== undefined) return value;
  throw new MachineError('damaged', `the records of height ${height} are incomplete: run bizra-node doctor`);
}
