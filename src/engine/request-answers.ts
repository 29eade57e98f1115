import type {
  BlockAnswer,
  BlocksAnswer,
  GetBlockById,
  GetBlocks,
  GetTxs,
  PendingAnswer,
  StatusAnswer,
  TxsAnswer,
} from '#network/messages.ts';
import type { Clock } from '#ports/clock.ts';
import type { PeerId } from '#ports/transport.ts';
import { type Block, decodeBlock } from '#types/block.ts';
import { type BlockId, equalBlockIds } from '#types/block-id.ts';
import type { Commit } from '#types/commit.ts';
import {
  ANSWER_COST_BYTES,
  BYTES_PER_SECOND,
  MAX_BLOCKS_BYTES,
  MAX_BLOCKS_PER_ANSWER,
  SIGNATURE_BYTES,
} from './answer-limits.ts';
import type { Engine } from './engine.ts';
import { ServingBudget } from './serving-budget.ts';
import { workSlice } from './work-slice.ts';

/** Decided blocks, as a peer may ask for them. */
export interface BlockArchive {
  head(): number;
  base(): number;
  headBlockId(): BlockId;
  blockBytes(height: number): Promise<Uint8Array | undefined>;
  blockId(height: number): Promise<BlockId | undefined>;
  commit(height: number): Promise<Commit | undefined>;
}

export interface RequestAnswersComponents {
  readonly engine: Pick<Engine, 'body'>;
  readonly archive: BlockArchive;
  readonly clock: Clock;
  /** Raw bytes of pending transactions in the order of their admission. */
  readonly pendingTxs: () => readonly Uint8Array[];
}

/**
 * What peers are told when they ask: decided blocks, blocks of the height under way, and what is pending. What is decided
 * is read from the disk, and each peer has its share of that.
 */
export class RequestAnswers {
  private readonly parts: RequestAnswersComponents;
  private readonly budget: ServingBudget;

  constructor(components: RequestAnswersComponents) {
    this.parts = components;
    this.budget = new ServingBudget(components, { perSecond: BYTES_PER_SECOND });
  }

  async blocks(peer: PeerId, { from, count, maxBytes }: GetBlocks): Promise<BlocksAnswer> {
    await this.budget.turn(peer);
    const { archive, clock } = this.parts;
    const pause = workSlice(clock);
    const blocks: { block: Uint8Array; commit: Commit }[] = [];
    const most = Math.min(maxBytes, MAX_BLOCKS_BYTES);
    let bytes = 0;
    const end = Math.min(from + Math.min(count, MAX_BLOCKS_PER_ANSWER) - 1, archive.head());
    for (let height = from; height <= end; height++) {
      const [block, commit] = await Promise.all([archive.blockBytes(height), archive.commit(height)]);
      if (block === undefined || commit === undefined) break;
      const size = block.length + SIGNATURE_BYTES * commit.signatures.length;
      if (blocks.length > 0 && bytes + size > most) break;
      bytes += size;
      blocks.push({ block, commit });
      await pause();
    }
    this.budget.charge(peer, ANSWER_COST_BYTES + bytes);
    return { blocks };
  }

  async txs(peer: PeerId, { blockId, height, indexes }: GetTxs): Promise<TxsAnswer> {
    const block = this.parts.engine.body(blockId)?.block ?? (await this.decidedBlock(peer, blockId, height));
    return { txs: indexes.map((index) => block?.txs[index]) };
  }

  async block(peer: PeerId, { blockId, height }: GetBlockById): Promise<BlockAnswer> {
    const body = this.parts.engine.body(blockId);
    return { block: body?.bytes ?? (await this.decidedBytes(peer, blockId, height)) };
  }

  async pending(): Promise<PendingAnswer> {
    return { txs: this.parts.pendingTxs() };
  }

  async status(): Promise<StatusAnswer> {
    const { archive } = this.parts;
    return { headHeight: archive.head(), baseHeight: archive.base(), headBlockId: archive.headBlockId() };
  }

  private async decidedBytes(peer: PeerId, blockId: BlockId, height: number): Promise<Uint8Array | undefined> {
    await this.budget.turn(peer);
    const { archive } = this.parts;
    const decided = await archive.blockId(height);
    const isAsked = decided !== undefined && equalBlockIds(decided, blockId);
    const bytes = isAsked ? await archive.blockBytes(height) : undefined;
    this.budget.charge(peer, ANSWER_COST_BYTES + (bytes?.length ?? 0));
    return bytes;
  }

  private async decidedBlock(peer: PeerId, blockId: BlockId, height: number): Promise<Block | undefined> {
    const bytes = await this.decidedBytes(peer, blockId, height);
    return bytes === undefined ? undefined : decodeBlock(bytes);
  }
}
