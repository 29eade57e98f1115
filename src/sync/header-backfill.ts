import type { Verifier } from '#crypto/verifier.ts';
import { verifyBackwards } from '#light/index.ts';
import type { Clock } from '#ports/clock.ts';
import type { PeerId } from '#ports/transport.ts';
import type { Logger } from '#telemetry/logger.ts';
import { equalBlockIds } from '#types/block-id.ts';
import { commitSignBytes, FLAG_COMMIT, hashCommit } from '#types/commit.ts';
import type { Header } from '#types/header.ts';
import type { LightBlock } from '#types/light-block.ts';
import { equalBytes } from '#util/bytes.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import type { StateSyncPeers } from './state-sync-peers.ts';

/** Headers in one request, and requests ahead of what is verified. */
const RANGE_HEIGHTS = 128;
const RANGES_AHEAD = 6;
const PER_PEER = 2;
/** A peer that did not deliver is left alone this long, and counts as one whose headers take so long each. */
const REST_MS = 1_000;
const FAILED_MS_PER_HEADER = 5_000;
/** Weight of the newest answer in the running average. */
const NEWEST = 0.25;
/** Signatures that wait to be verified: some 100 MB. Above it only the next range is asked for. */
const HELD_SIGNATURES_MAX = 200_000;
/** Where all who are there keep nothing so old, others may still come for so long. */
const SETTLED_MS = 10_000;
const LOOK_EVERY_MS = 200;
const REPORT_EVERY_MS = 5_000;

/** Where headers go, downwards without a gap. */
export interface HeaderSink {
  /** The lowest one that is there. */
  lowest(): Header;
  /** Whether evidence about this header's height could still be in a block: then the one below may be needed. */
  isRecent(header: Header): boolean;
  /** In the order of falling heights, each verified. */
  put(blocks: readonly LightBlock[]): Promise<void>;
}

/** Who gives headers: peers, or a file that they come with. */
export type HeaderPeers = Pick<StateSyncPeers, 'usable' | 'lightBlocks' | 'isSilence' | 'sleep' | 'lied'>;

export interface HeaderBackfillComponents {
  readonly peers: HeaderPeers;
  readonly sink: HeaderSink;
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Range {
  from: number;
  readonly to: number;
  /** Who is asked for what is missing. */
  asked: PeerId | undefined;
  /** Ascending, as far as they came, and who sent them. */
  blocks: { readonly peer: PeerId; readonly block: LightBlock }[];
}

/**
 * Fetches headers with commits and validators below a verified header, back to the age of evidence: without them a node
 * cannot judge evidence that a block may carry. Hash links prove headers, their hashes prove validators and commits.
 */
export class HeaderBackfill {
  private readonly parts: HeaderBackfillComponents;
  private readonly options: { readonly chainId: string; readonly lowest: number; readonly patienceMs: number };
  private readonly ranges: Range[] = [];
  private readonly restUntilMs = new Map<PeerId, number>();
  /** How long a header of each peer took of late; those that were never asked count as quick, so that each is tried. */
  private readonly msPerHeader = new Map<PeerId, number>();
  /** Peers that have no header below this height. */
  private readonly floors = new Map<PeerId, number>();
  private nextTo: number;
  private progressMs: number;
  private reportedMs: number;
  private failure: { readonly error: unknown } | undefined;

  /** `lowest` is the chain's first height. */
  constructor(
    components: HeaderBackfillComponents,
    options: { readonly chainId: string; readonly lowest: number; readonly patienceMs: number },
  ) {
    this.parts = components;
    this.options = options;
    this.nextTo = components.sink.lowest().height - 1;
    this.progressMs = components.clock.monotonicMs();
    this.reportedMs = this.progressMs;
  }

  /** True when all that is needed is there; false when nobody had more for `patienceMs`. */
  async run(): Promise<boolean> {
    const { sink, peers, clock } = this.parts;
    for (;;) {
      if (this.failure !== undefined) throw this.failure.error;
      const lowest = sink.lowest();
      if (lowest.height <= this.options.lowest || !sink.isRecent(lowest)) return true;
      // Without anybody to ask there is nobody who does not have them.
      if (peers.usable().length === 0) this.progressMs = clock.monotonicMs();
      const waitedMs = clock.monotonicMs() - this.progressMs;
      if (waitedMs > this.options.patienceMs || (waitedMs > SETTLED_MS && this.isBelowAll())) return false;
      this.askMore();
      this.report(lowest.height);
      if (!(await this.takeNext())) await peers.sleep(LOOK_EVERY_MS);
    }
  }

  /** All who are there have said that they keep nothing so old. */
  private isBelowAll(): boolean {
    const wanted = this.ranges[0]?.from ?? 0;
    const usable = this.parts.peers.usable();
    return usable.length > 0 && usable.every((peer) => (this.floors.get(peer) ?? 0) > wanted);
  }

  private askMore(): void {
    while (this.ranges.length < RANGES_AHEAD && this.nextTo >= this.options.lowest) {
      const from = Math.max(this.options.lowest, this.nextTo - RANGE_HEIGHTS + 1);
      this.ranges.push({ from, to: this.nextTo, asked: undefined, blocks: [] });
      this.nextTo = from - 1;
    }
    for (const range of this.ranges) {
      if (range.asked !== undefined || isFull(range)) continue;
      if (range !== this.ranges[0] && this.heldSignatures() > HELD_SIGNATURES_MAX) return;
      const peer = this.freePeer(range);
      if (peer === undefined) continue;
      range.asked = peer;
      this.fetch(range, peer).catch((error: unknown) => {
        this.failure ??= { error };
      });
    }
  }

  private freePeer({ from }: Range): PeerId | undefined {
    const now = this.parts.clock.monotonicMs();
    const load = (peer: PeerId): number => this.ranges.filter((range) => range.asked === peer).length;
    return this.parts.peers
      .usable()
      .filter((peer) => (this.restUntilMs.get(peer) ?? 0) <= now && (this.floors.get(peer) ?? 0) <= from)
      .filter((peer) => load(peer) < PER_PEER)
      .sort((a, b) => this.speedOf(a) - this.speedOf(b) || load(a) - load(b))[0];
  }

  private speedOf(peer: PeerId): number {
    return this.msPerHeader.get(peer) ?? 0;
  }

  private timed(peer: PeerId, msPerHeader: number): void {
    const before = this.msPerHeader.get(peer) ?? msPerHeader;
    this.msPerHeader.set(peer, before + NEWEST * (msPerHeader - before));
  }

  private heldSignatures(): number {
    let sum = 0;
    for (const { blocks } of this.ranges) for (const { block } of blocks) sum += block.commit.signatures.length;
    return sum;
  }

  private async fetch(range: Range, peer: PeerId): Promise<void> {
    const { peers, clock } = this.parts;
    const startMs = clock.monotonicMs();
    try {
      const from = range.from + range.blocks.length;
      const blocks = await peers.lightBlocks(peer, from, range.to - from + 1);
      if (blocks.length > 0) this.timed(peer, (clock.monotonicMs() - startMs) / blocks.length);
      if (blocks.length === 0) this.lacks(peer, from, range);
      else range.blocks.push(...blocks.map((block) => ({ peer, block })));
    } catch (error) {
      peers.isSilence(error);
      this.timed(peer, FAILED_MS_PER_HEADER);
      this.restUntilMs.set(peer, clock.monotonicMs() + REST_MS);
    } finally {
      range.asked = undefined;
    }
  }

  /** A peer keeps nothing at `from`, but perhaps something above it in the range: halves of that find where it begins. */
  private lacks(peer: PeerId, from: number, range: Range): void {
    this.floors.set(peer, from + 1);
    if (from === range.to) return;
    const middle = from + Math.ceil((range.to - from + 1) / 2);
    const below: Range[] = [{ from: range.from, to: from, asked: undefined, blocks: range.blocks }];
    if (middle > from + 1) below.unshift({ from: from + 1, to: middle - 1, asked: undefined, blocks: [] });
    this.ranges.splice(this.ranges.indexOf(range) + 1, 0, ...below);
    range.from = middle;
    range.blocks = [];
  }

  /** Verifies and stores the highest range, if it is there. */
  private async takeNext(): Promise<boolean> {
    const { peers, sink } = this.parts;
    const range = this.ranges[0];
    if (range === undefined || !isFull(range)) return false;
    const verified: LightBlock[] = [];
    let above = sink.lowest();
    for (const { peer, block } of range.blocks.toReversed()) {
      if (!sink.isRecent(above)) break;
      try {
        await this.verify(above, block);
      } catch (error) {
        if (!(error instanceof BizraError) || error instanceof MachineError) throw error;
        peers.lied(peer, `headers below ${above.height}: ${error.message}`);
        range.blocks = [];
        return true;
      }
      verified.push(block);
      above = block.header;
    }
    await sink.put(verified);
    this.ranges.shift();
    this.progressMs = this.parts.clock.monotonicMs();
    return true;
  }

  /**
   * The header above commits to the signatures of the commit, which the chain has verified; what it does not commit to,
   * the round and the block id, one of the signatures does.
   */
  private async verify(above: Header, block: LightBlock): Promise<void> {
    const { chainId } = this.options;
    const { commit, validators } = block;
    verifyBackwards(chainId, above, block);
    const isProven =
      equalBytes(hashCommit(commit), above.lastCommitHash) && equalBlockIds(commit.blockId, above.lastBlockId);
    if (!isProven) throw new BizraError('bad_light_block', `the commit of ${commit.height} is not the one decided on`);
    const index = commit.signatures.findIndex(({ flag }) => flag === FLAG_COMMIT);
    const sig = commit.signatures[index];
    const validator = validators.get(index);
    if (sig === undefined || validator === undefined)
      throw new BizraError('bad_light_block', `the commit of ${commit.height} has no signature for its block`);
    const { type, bytes: publicKey } = validator.pubKey;
    const message = commitSignBytes(chainId, commit, index);
    const [valid] = await this.parts.verifier.verify([{ type, publicKey, message, signature: sig.signature }]);
    if (valid !== true) throw new BizraError('bad_light_block', `the commit of ${commit.height} is of another round`);
  }

  private report(height: number): void {
    const now = this.parts.clock.monotonicMs();
    if (now - this.reportedMs < REPORT_EVERY_MS) return;
    this.reportedMs = now;
    this.parts.logger.info('state sync: headers for evidence', { down_to: height });
  }
}

function isFull({ from, to, blocks }: Range): boolean {
  return blocks.length === to - from + 1;
}
