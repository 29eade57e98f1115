import type { Clock, Timer } from '#ports/clock.ts';
import type { PeerId } from '#ports/transport.ts';
import { type BlockId, blockIdKey } from '#types/block-id.ts';

/** Between two attempts for one body, so that a missing one costs little. */
const RETRY_MS = 100;

/** Asks one peer; resolves true when the body has been handed to the engine. Never rejects. */
export type FetchBody = (peer: PeerId, height: number, blockId: BlockId) => Promise<boolean>;

/** Peers to ask, best first. */
export type Candidates = (round: number, blockId: BlockId) => readonly PeerId[];

interface Wanted {
  readonly height: number;
  readonly round: number;
  readonly blockId: BlockId;
  next: number;
  busy: boolean;
}

/** Fetches bodies that a rule needs, from one peer after the other, until they arrive or their height is over. */
export class BlockFetcher {
  private readonly clock: Clock;
  private readonly fetchBody: FetchBody;
  private readonly candidates: Candidates;
  private readonly wanted = new Map<string, Wanted>();
  private timer: Timer | undefined;

  constructor(components: { clock: Clock; fetchBody: FetchBody; candidates: Candidates }) {
    this.clock = components.clock;
    this.fetchBody = components.fetchBody;
    this.candidates = components.candidates;
  }

  /** `afterMs` leaves a body that may already be under way the time to arrive. */
  want(height: number, round: number, blockId: BlockId, afterMs: number): void {
    const key = blockIdKey(blockId);
    if (this.wanted.has(key)) return;
    this.wanted.set(key, { height, round, blockId, next: 0, busy: false });
    this.later(afterMs);
  }

  arrived(blockId: BlockId): void {
    this.wanted.delete(blockIdKey(blockId));
  }

  heightStarted(height: number): void {
    for (const [key, wanted] of this.wanted) if (wanted.height < height) this.wanted.delete(key);
  }

  stop(): void {
    this.timer?.cancel();
    this.wanted.clear();
  }

  private later(delayMs: number): void {
    if (this.timer !== undefined) return;
    this.timer = this.clock.setTimer(delayMs, () => {
      this.timer = undefined;
      for (const [key, wanted] of this.wanted) this.attempt(key, wanted);
      if (this.wanted.size > 0) this.later(RETRY_MS);
    });
  }

  private attempt(key: string, wanted: Wanted): void {
    if (wanted.busy) return;
    const peers = this.candidates(wanted.round, wanted.blockId);
    const peer = peers[wanted.next++ % Math.max(1, peers.length)];
    if (peer === undefined) return;
    wanted.busy = true;
    this.fetchBody(peer, wanted.height, wanted.blockId).then(
      (arrived) => {
        wanted.busy = false;
        if (arrived) this.wanted.delete(key);
      },
      () => {
        wanted.busy = false;
      },
    );
  }
}
