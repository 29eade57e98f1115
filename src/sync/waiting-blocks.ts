import type { PeerId } from '#ports/transport.ts';
import type { FetchedBlock } from './block-sync.ts';

/** Bytes of blocks that wait for their turn: decoded they take some times as much. */
const WAITING_MAX_BYTES = 16 * 1024 * 1024;
/** Blocks are prepared in groups of this many bytes or heights, so that small ones share a trip to other threads. */
const GROUP_BYTES = 256 * 1024;
const GROUP_HEIGHTS = 32;
/** Groups in preparation at a time: while the signatures of one are checked elsewhere, the next is decoded. */
const GROUPS_MAX = 2;
/**
 * Prepared blocks that wait: two or three full ones. Their decoded transactions take ten times their bytes, and what lives
 * longer than it must is what garbage collection pays for.
 */
const PREPARED_MAX_BYTES = 1.5 * 1024 * 1024;

export interface WaitingBlock<Fetched extends FetchedBlock> {
  readonly peer: PeerId;
  readonly block: Fetched;
  /** Ends when its preparation has; undefined before it began. */
  prepared: Promise<void> | undefined;
}

/** Fetched blocks that wait for their turn, with who sent them; the next ones are prepared meanwhile. */
export class WaitingBlocks<Fetched extends FetchedBlock> {
  private readonly prepare: (blocks: readonly Fetched[]) => Promise<void>;
  private readonly blocks = new Map<number, WaitingBlock<Fetched>>();
  private bytes = 0;
  private groups = 0;
  private preparesAfter = 0;

  /** `prepare` never rejects. */
  constructor(prepare: (blocks: readonly Fetched[]) => Promise<void>) {
    this.prepare = prepare;
  }

  get isFull(): boolean {
    return this.bytes >= WAITING_MAX_BYTES;
  }

  has(height: number): boolean {
    return this.blocks.has(height);
  }

  add(peer: PeerId, block: Fetched): void {
    this.remove(block.height);
    this.blocks.set(block.height, { peer, block, prepared: undefined });
    this.bytes += block.size;
  }

  take(height: number): WaitingBlock<Fetched> | undefined {
    const taken = this.blocks.get(height);
    this.remove(height);
    return taken;
  }

  dropUpTo(height: number): void {
    for (const waiting of this.blocks.keys()) if (waiting <= height) this.remove(waiting);
  }

  dropOf(peer: PeerId): void {
    for (const [height, waiting] of this.blocks) if (waiting.peer === peer) this.remove(height);
  }

  /** Begins to prepare what follows `height` without a gap, as far as there is room. */
  prepareAfter(height: number): void {
    this.preparesAfter = height;
    while (this.groups < GROUPS_MAX) {
      const group = this.nextGroup(height);
      if (group.length === 0) return;
      this.groups++;
      const prepared = this.prepare(group.map(({ block }) => block)).then(() => {
        this.groups--;
        this.prepareAfter(this.preparesAfter);
      });
      for (const waiting of group) waiting.prepared = prepared;
    }
  }

  private nextGroup(after: number): WaitingBlock<Fetched>[] {
    const group: WaitingBlock<Fetched>[] = [];
    let ahead = 0;
    let bytes = 0;
    for (let height = after + 1; group.length < GROUP_HEIGHTS && bytes < GROUP_BYTES; height++) {
      const waiting = this.blocks.get(height);
      // The next one is always prepared: everything waits for it.
      if (waiting === undefined || (ahead >= PREPARED_MAX_BYTES && height > after + 1)) break;
      ahead += waiting.block.size;
      if (waiting.prepared !== undefined) continue;
      bytes += waiting.block.size;
      group.push(waiting);
    }
    return group;
  }

  private remove(height: number): void {
    const waiting = this.blocks.get(height);
    if (waiting === undefined) return;
    this.blocks.delete(height);
    this.bytes -= waiting.block.size;
  }
}
