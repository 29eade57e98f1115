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
import { type Block, decodeBlock } from '#types/block.ts';
import { type BlockId, equalBlockIds } from '#types/block-id.ts';
import type { Commit } from '#types/commit.ts';
import type { Engine } from './engine.ts';

/** Blocks in one answer to a peer that syncs, however small they are. */
const MAX_BLOCKS_PER_ANSWER = 64;

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
  /** Raw bytes of pending transactions in the order of their admission. */
  readonly pendingTxs: () => readonly Uint8Array[];
}

/** What peers are told when they ask: decided blocks, blocks of the height under way, and what is pending. */
export class RequestAnswers {
  private readonly parts: RequestAnswersComponents;

  constructor(components: RequestAnswersComponents) {
    this.parts = components;
  }

  async blocks({ from, count, maxBytes }: GetBlocks): Promise<BlocksAnswer> {
    const { archive } = this.parts;
    const blocks: { block: Uint8Array; commit: Commit }[] = [];
    let bytes = 0;
    const end = Math.min(from + Math.min(count, MAX_BLOCKS_PER_ANSWER) - 1, archive.head());
    for (let height = from; height <= end; height++) {
      const [block, commit] = await Promise.all([archive.blockBytes(height), archive.commit(height)]);
      if (block === undefined || commit === undefined) break;
      bytes += block.length;
      if (blocks.length > 0 && bytes > maxBytes) break;
      blocks.push({ block, commit });
    }
    return { blocks };
  }

  async txs({ blockId, height, indexes }: GetTxs): Promise<TxsAnswer> {
    const block = this.parts.engine.body(blockId)?.block ?? (await this.decidedBlock(blockId, height));
    return { txs: indexes.map((index) => block?.txs[index]) };
  }

  async block({ blockId, height }: GetBlockById): Promise<BlockAnswer> {
    const body = this.parts.engine.body(blockId);
    return { block: body?.bytes ?? (await this.decidedBytes(blockId, height)) };
  }

  async pending(): Promise<PendingAnswer> {
    return { txs: this.parts.pendingTxs() };
  }

  async status(): Promise<StatusAnswer> {
    const { archive } = this.parts;
    return { headHeight: archive.head(), baseHeight: archive.base(), headBlockId: archive.headBlockId() };
  }

  private async decidedBytes(blockId: BlockId, height: number): Promise<Uint8Array | undefined> {
    const { archive } = this.parts;
    const decided = await archive.blockId(height);
    if (decided === undefined || !equalBlockIds(decided, blockId)) return undefined;
    return archive.blockBytes(height);
  }

  private async decidedBlock(blockId: BlockId, height: number): Promise<Block | undefined> {
    const bytes = await this.decidedBytes(blockId, height);
    return bytes === undefined ? undefined : decodeBlock(bytes);
  }
}
