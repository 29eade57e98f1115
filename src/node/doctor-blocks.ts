import type { Verifier } from '#crypto/verifier.ts';
import type { ChainState } from '#engine/chain-state.ts';
import { committedAt } from '#engine/evidence-rows.ts';
import { evidenceHash } from '#evidence/evidence.ts';
import { Indexer } from '#indexer/indexer.ts';
import type { KeyValue, WriteBatch } from '#ports/key-value.ts';
import type { BlockMeta, BlockStore } from '#storage/block-store.ts';
import { type Block, blockIdOf, checkBlockBasics, txHash } from '#types/block.ts';
import { equalBlockIds } from '#types/block-id.ts';
import { verifyCommit } from '#types/commit-verification.ts';
import { hashHeader } from '#types/header.ts';
import { hashResults } from '#types/results.ts';
import { equalBytes, toHex } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import type { Check } from './doctor.ts';

export interface DoctorBlocks {
  readonly kv: KeyValue;
  readonly blockStore: BlockStore;
  readonly chainState: ChainState;
  readonly verifier: Verifier;
}

type Find = Parameters<Check['run']>[0];

const BLOCK_ADVICE =
  'start the node: it fetches a damaged block from peers when it is asked for it; or restore a backup';
/** Results, indexes and marks are made again by executing the block. */
const redo = (height: number): string =>
  `run bizra-node rollback --to ${height - 1}, which the next start follows by executing the blocks again; where that is too far back, restore a backup`;

/** Checks of decided blocks, and of what came of each. */
export function blockChecks(parts: DoctorBlocks): Check[] {
  const { headerBase, base } = parts.blockStore;
  const each = (
    name: string,
    from: number,
    look: (height: number, find: Find) => Promise<void>,
    advice: (height: number) => string = redo,
  ): Check => ({
    name,
    run: async (find, told) => {
      const { height: head } = parts.chainState;
      for (let height = Math.max(from, 1); height <= head; height++) {
        await contained(height, find, () => look(height, find), advice(height));
        told(`height ${height} of ${head}`);
      }
    },
  });
  return [
    each(
      'headers and commits',
      headerBase,
      (height, find) => checkHeader(parts, height, find),
      () => BLOCK_ADVICE,
    ),
    each(
      'blocks',
      base,
      (height, find) => checkBlock(parts, height, find),
      () => BLOCK_ADVICE,
    ),
    each('results', base, (height, find) => checkResults(parts, height, find)),
    each('indexes', base, (height, find) => checkIndexes(parts, height, find)),
    each('evidence marks', base, (height, find) => checkMarks(parts, height, find)),
  ];
}

/** One height that cannot be read does not keep the others from being looked at. */
async function contained(height: number, find: Find, look: () => Promise<void>, advice: string): Promise<void> {
  try {
    await look();
  } catch (error) {
    if (!(error instanceof BizraError)) throw error;
    find(`height ${height}: ${error.message}`, advice);
  }
}

/** The header is the one that was signed, follows the one before, and names the state that came of it. */
async function checkHeader(parts: DoctorBlocks, height: number, find: Find): Promise<void> {
  const { blockStore, chainState, verifier } = parts;
  const meta = mustHave(blockStore.meta(height), `the header of block ${height} is missing`);
  const commit = mustHave(blockStore.commit(height), `the commit of block ${height} is missing`);
  const { header, blockId } = meta;
  const wrong = (what: string): void => find(`block ${height} ${what}`, BLOCK_ADVICE);
  if (header.height !== height || !equalBytes(hashHeader(header), blockId.hash))
    wrong('has another header than its id');
  const before = height > blockStore.headerBase ? blockStore.meta(height - 1) : undefined;
  if (before !== undefined && !equalBlockIds(header.lastBlockId, before.blockId))
    wrong(`does not follow block ${height - 1}`);
  const signers = await blockStore.signers(height);
  if (!equalBytes(signers.hash(), header.validatorsHash)) wrong('was signed by other validators than are stored');
  await verifyCommit(verifier, chainState.chainId, signers, blockId, height, commit);
  checkAppHash(parts, meta, find);
}

function checkAppHash({ blockStore, chainState }: DoctorBlocks, { header, appHash }: BlockMeta, find: Find): void {
  const { height } = header;
  const next = height < chainState.height ? blockStore.meta(height + 1)?.header.appHash : chainState.appHash;
  if (next === undefined || equalBytes(next, appHash)) return;
  find(`height ${height} was computed to the app hash ${toHex(appHash)}, the chain has ${toHex(next)}`, redo(height));
}

async function checkBlock({ blockStore }: DoctorBlocks, height: number, find: Find): Promise<void> {
  const block = mustHave(blockStore.block(height), `block ${height} is missing`);
  const meta = mustHave(blockStore.meta(height), `the header of block ${height} is missing`);
  checkBlockBasics(block);
  if (!equalBlockIds(blockIdOf(block), meta.blockId))
    find(`block ${height} is another than its header's`, BLOCK_ADVICE);
  if (blockStore.heightOf(meta.blockId.hash) !== height) find(`block ${height} is not found by its hash`, BLOCK_ADVICE);
}

async function checkResults({ blockStore, chainState }: DoctorBlocks, height: number, find: Find): Promise<void> {
  const results = mustHave(blockStore.results(height), `the results of block ${height} are missing`);
  const next =
    height < chainState.height ? blockStore.meta(height + 1)?.header.lastResultsHash : chainState.lastResultsHash;
  if (next !== undefined && !equalBytes(hashResults(results.txResults), next))
    find(`the results of block ${height} are not those that the chain agreed on`, redo(height));
}

/** Indexing the height once more would write what is there. */
async function checkIndexes({ kv, blockStore }: DoctorBlocks, height: number, find: Find): Promise<void> {
  const block = mustHave(blockStore.block(height), `block ${height} is missing`);
  const results = mustHave(blockStore.results(height), `the results of block ${height} are missing`);
  const reader = { base: () => blockStore.base, head: () => blockStore.head, results: async () => undefined };
  const indexer = new Indexer({ kv, reader });
  const txHashes = block.txs.map(txHash);
  const rows = new ComparedBatch(kv);
  await indexer.index(rows, { height, txHashes, ...results });
  if (rows.wrong > 0)
    find(`${rows.wrong} of ${rows.length} index rows of height ${height} are not as they must be`, redo(height));
  for (const [index, hash] of txHashes.entries()) {
    const place = indexer.txByHash(hash);
    const found = place === undefined ? undefined : blockStore.block(place.height)?.txs[place.index];
    if (found === undefined || !equalBytes(txHash(found), hash))
      find(`transaction ${index} of block ${height} is not found by its hash`, redo(height));
  }
}

async function checkMarks({ kv, blockStore }: DoctorBlocks, height: number, find: Find): Promise<void> {
  const { evidence }: Pick<Block, 'evidence'> = mustHave(blockStore.block(height), `block ${height} is missing`);
  for (const piece of evidence) {
    if (committedAt(kv, evidenceHash(piece)) !== height)
      find(`evidence in block ${height} is not marked as used`, redo(height));
  }
}

/** A batch that is not written: it counts the rows that are not in the database as they are put. */
class ComparedBatch implements WriteBatch {
  length = 0;
  wrong = 0;
  private readonly kv: KeyValue;

  constructor(kv: KeyValue) {
    this.kv = kv;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.length++;
    const stored = this.kv.get(key);
    if (stored === undefined || !equalBytes(stored, value)) this.wrong++;
  }

  delete(): void {}

  async write(): Promise<void> {}

  async discard(): Promise<void> {}
}

function mustHave<Value>(value: Value | undefined, what: string): Value {
  if (value !== undefined) return value;
  throw new BizraError('damaged', what);
}
