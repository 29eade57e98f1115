import type { PeerId } from '#ports/transport.ts';
import { type BlockId, blockIdKey, equalBlockIds } from '#types/block-id.ts';
import { seededRandom } from '../support/seeded-random.ts';

/** Heights of which the two values are remembered. */
const HEIGHTS_KEPT = 4;

export type Side = 0 | 1;

export interface PlotOptions {
  /** Share of heights in which votes and blocks have two sides: who does it always is punished at once. Default 1. */
  readonly share?: number;
  /** Makes other heights the ones. */
  readonly salt?: number;
}

/** What byzantine machines agree on: who is shown which of two values. */
export class Plot {
  private readonly share: number;
  private readonly salt: number;
  private readonly ordinals = new Map<PeerId, number>();
  private readonly values = new Map<string, { readonly height: number; readonly pair: readonly [BlockId, BlockId] }>();

  private readonly said = new Map<string, string>();
  private readonly invalidIds = new Set<string>();

  constructor(options: PlotOptions = {}) {
    this.share = options.share ?? 1;
    this.salt = options.salt ?? 0;
  }

  /** One peer of two in every other height, one of three in the rest: both ways to split what is left of a quorum. */
  side(peer: PeerId, height: number): Side {
    if (!this.isOn(height)) return 0;
    let ordinal = this.ordinals.get(peer);
    if (ordinal === undefined) {
      ordinal = this.ordinals.size;
      this.ordinals.set(peer, ordinal);
    }
    return (ordinal + height) % (2 + (height % 2)) === 0 ? 1 : 0;
  }

  private isOn(height: number): boolean {
    return seededRandom(Math.imul(height, 0x9e3779b1) ^ this.salt)() < this.share;
  }

  /** A proposer made two blocks for one round. */
  proposed(height: number, round: number, pair: readonly [BlockId, BlockId]): void {
    this.values.set(`${height}/${round}`, { height, pair });
    for (const [key, value] of this.values) if (value.height + HEIGHTS_KEPT < height) this.values.delete(key);
  }

  /** True when something else was said at this place before. */
  contradicts(place: string, value: string): boolean {
    const before = this.said.get(place);
    if (before === undefined) this.said.set(place, value);
    return before !== undefined && before !== value;
  }

  /** A block that must never be decided. */
  invalid(blockId: BlockId): void {
    this.invalidIds.add(blockIdKey(blockId));
  }

  isInvalid(blockId: BlockId): boolean {
    return this.invalidIds.has(blockIdKey(blockId));
  }

  /** The other value of a round, where there are two. */
  other(height: number, round: number, blockId: BlockId): BlockId | undefined {
    const pair = this.values.get(`${height}/${round}`)?.pair;
    if (pair === undefined) return undefined;
    if (equalBlockIds(pair[0], blockId)) return pair[1];
    return equalBlockIds(pair[1], blockId) ? pair[0] : undefined;
  }
}
