import { MAX_LIGHT_BLOCKS_BYTES } from '#network/state-sync-codec.ts';
import type {
  ChunkAnswer,
  GetChunk,
  GetLightBlocks,
  GetManifest,
  LightBlocksAnswer,
  ManifestAnswer,
  SnapshotOffer,
  SnapshotsAnswer,
} from '#network/state-sync-messages.ts';
import type { Clock } from '#ports/clock.ts';
import type { PeerId } from '#ports/transport.ts';
import type { SnapshotArchive } from '#state/snapshot/archive.ts';
import type { LightBlock } from '#types/light-block.ts';
import { equalBytes } from '#util/bytes.ts';
import { ANSWER_COST_BYTES, BYTES_PER_SECOND, SIGNATURE_BYTES } from './answer-limits.ts';
import { ServingBudget } from './serving-budget.ts';
import { workSlice } from './work-slice.ts';

/** An estimate of a light block's bytes: enough to keep answers within their bound. */
const HEADER_BYTES = 700;
const VALIDATOR_BYTES = 90;

export interface StateSyncAnswersComponents {
  readonly clock: Clock;
  readonly snapshots: SnapshotArchive;
  /** Last applied height. */
  readonly head: () => number;
  /** Header, commit and validators of a height whose header rows are kept. */
  readonly lightBlock: (height: number) => Promise<LightBlock | undefined>;
}

/** What a node that begins with a snapshot asks of others. */
export class StateSyncAnswers {
  private readonly parts: StateSyncAnswersComponents;
  private readonly budget: ServingBudget;

  constructor(components: StateSyncAnswersComponents) {
    this.parts = components;
    this.budget = new ServingBudget(components, { perSecond: BYTES_PER_SECOND });
  }

  async snapshots(peer: PeerId): Promise<SnapshotsAnswer> {
    await this.budget.turn(peer);
    this.budget.charge(peer, ANSWER_COST_BYTES);
    const { snapshots, head } = this.parts;
    // One of the head itself cannot be proven yet: the header that names its app hash is the next one.
    const provable = snapshots.list().filter(({ height }) => height < head());
    return { snapshots: provable.map(({ height, id, chunks }) => ({ height, id, chunks })) };
  }

  async manifest(peer: PeerId, wanted: GetManifest): Promise<ManifestAnswer> {
    await this.budget.turn(peer);
    const manifest = this.has(wanted) ? await this.parts.snapshots.manifest(wanted.height) : undefined;
    this.budget.charge(peer, ANSWER_COST_BYTES + (manifest?.length ?? 0));
    return { manifest };
  }

  async chunk(peer: PeerId, wanted: GetChunk): Promise<ChunkAnswer> {
    await this.budget.turn(peer);
    const chunk = this.has(wanted) ? await this.parts.snapshots.chunk(wanted.height, wanted.index) : undefined;
    this.budget.charge(peer, ANSWER_COST_BYTES + (chunk?.length ?? 0));
    return { chunk };
  }

  async lightBlocks(peer: PeerId, { from, count }: GetLightBlocks): Promise<LightBlocksAnswer> {
    await this.budget.turn(peer);
    const { head, lightBlock, clock } = this.parts;
    const pause = workSlice(clock);
    const first = from === 0 ? head() : from;
    const blocks: LightBlock[] = [];
    let bytes = 0;
    for (let height = first; height < first + count && height <= head(); height++) {
      const block = await lightBlock(height);
      if (block === undefined) break;
      const size = bytesOf(block, blocks.at(-1));
      if (blocks.length > 0 && bytes + size > MAX_LIGHT_BLOCKS_BYTES) break;
      bytes += size;
      blocks.push(block);
      await pause();
    }
    this.budget.charge(peer, ANSWER_COST_BYTES + bytes);
    return { blocks };
  }

  private has({ height, id }: Pick<SnapshotOffer, 'height' | 'id'>): boolean {
    return this.parts.snapshots.list().some((kept) => kept.height === height && equalBytes(kept.id, id));
  }
}

function bytesOf({ commit, validators }: LightBlock, before: LightBlock | undefined): number {
  const isKnown = before !== undefined && equalBytes(before.validators.hash(), validators.hash());
  return HEADER_BYTES + SIGNATURE_BYTES * commit.signatures.length + (isKnown ? 0 : VALIDATOR_BYTES * validators.size);
}
