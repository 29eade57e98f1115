import type { CompactBlock } from '#network/messages.ts';
import type { Network } from '#network/network.ts';
import { MAX_TXS_PER_REQUEST } from '#network/request-codec.ts';
import type { Clock } from '#ports/clock.ts';
import type { PeerId } from '#ports/transport.ts';
import { decodeBlock } from '#types/block.ts';
import { type BlockId, blockIdKey, equalBlockIds } from '#types/block-id.ts';
import type { Proposal } from '#types/proposal.ts';
import { BizraError } from '#util/errors.ts';
import { BlockFetcher } from './block-fetcher.ts';
import { type Body, makeBody } from './body.ts';
import { BlockFilling, isCompactOf } from './compact-block.ts';
import type { Engine } from './engine.ts';
import type { PeerProgress } from './vote-relay.ts';

/** Asking for a body or for transactions of a proposal: within a propose timeout there is time for two peers. */
const FETCH_TIMEOUT_MS = 1_000;
/** While a compact block is being filled, the whole body is not asked for yet. */
const FILLING_GRACE_MS = 400;
const MISSING_BODY_GRACE_MS = 20;
/** A peer that has not delivered a proposal's transactions after this long is not the only one to be asked. */
const SLOW_FILLING_MS = 50;
const FILLERS_MAX = 3;

/** From whom a block is being filled, and since when from the last of them. */
interface Filling {
  readonly peers: Set<PeerId>;
  /** Whose compact form was decoded already: that is much work, and none brings it twice to any use. */
  readonly heard: Set<PeerId>;
  sinceMs: number;
}

export interface BlockIntakeComponents {
  readonly network: Pick<Network, 'compactBlock' | 'request' | 'report'>;
  readonly engine: Pick<Engine, 'body' | 'submitBody'>;
  readonly clock: Clock;
  /** Last report of each connected peer. */
  readonly peers: PeerProgress;
  /** Raw bytes of a pending transaction. */
  readonly pendingTx: (hash: Uint8Array) => Uint8Array | undefined;
  /** A compact block became whole. */
  readonly onFilled: (body: Body) => void;
}

/**
 * Gets the blocks of proposals: fills the compact form from the mempool and from its sender, and where that does not
 * succeed fetches the whole from whoever has it.
 */
export class BlockIntake {
  private readonly parts: BlockIntakeComponents;
  private readonly fetcher: BlockFetcher;
  /** By block of a proposal of this height or the next. */
  private readonly fillings = new Map<string, Filling>();

  constructor(components: BlockIntakeComponents) {
    this.parts = components;
    this.fetcher = new BlockFetcher({
      clock: components.clock,
      fetchBody: (peer, height, blockId) => this.fetchBody(peer, height, blockId),
      candidates: (_round, blockId) => this.peersWithBlock(blockId),
    });
  }

  heightStarted(height: number): void {
    this.fillings.clear();
    this.fetcher.heightStarted(height);
  }

  stop(): void {
    this.fetcher.stop();
  }

  /** A rule needs this block and the engine does not have it. */
  want(height: number, round: number, blockId: BlockId): void {
    const isFilling = (this.fillings.get(blockIdKey(blockId))?.peers.size ?? 0) > 0;
    const graceMs = isFilling ? FILLING_GRACE_MS : MISSING_BODY_GRACE_MS;
    this.fetcher.want(height, round, blockId, graceMs);
  }

  /** A peer brought the compact form of a proposal's block, as bytes: only if it is of use is it decoded. */
  fill(peer: PeerId, proposal: Proposal, block: Uint8Array): void {
    const { engine, network } = this.parts;
    const filling = this.fillingOf(proposal.blockId);
    if (engine.body(proposal.blockId) !== undefined || !this.mayFill(filling, peer)) return;
    filling.heard.add(peer);
    const compact = network.compactBlock(peer, block);
    if (compact === undefined) return;
    if (isCompactOf(compact, proposal)) this.begin(filling, peer, proposal, compact);
    else network.report(peer, 'invalid_block');
  }

  private begin(filling: Filling, peer: PeerId, proposal: Proposal, compact: CompactBlock): void {
    filling.peers.add(peer);
    filling.sinceMs = this.parts.clock.monotonicMs();
    this.fillFrom(peer, proposal, compact)
      .catch((error: unknown) => {
        if (!(error instanceof BizraError)) throw error;
        // The peer went away or answered badly (and was punished for it): the fetcher asks others for the whole.
      })
      .catch(() => this.parts.network.report(peer, 'own_failure'))
      .finally(() => filling.peers.delete(peer));
  }

  private fillingOf(blockId: BlockId): Filling {
    const key = blockIdKey(blockId);
    const known = this.fillings.get(key);
    if (known !== undefined) return known;
    const filling = { peers: new Set<PeerId>(), heard: new Set<PeerId>(), sinceMs: Number.NEGATIVE_INFINITY };
    this.fillings.set(key, filling);
    return filling;
  }

  /** From another peer as well when the last takes long: whoever passes a proposal on first may keep its transactions back. */
  private mayFill({ peers, heard, sinceMs }: Filling, peer: PeerId): boolean {
    if (heard.has(peer)) return false;
    if (peers.size === 0) return true;
    const isSlow = this.parts.clock.monotonicMs() - sinceMs >= SLOW_FILLING_MS;
    return isSlow && peers.size < FILLERS_MAX;
  }

  private async fillFrom(peer: PeerId, { blockId, height }: Proposal, compact: CompactBlock): Promise<void> {
    const { engine, network, pendingTx, onFilled } = this.parts;
    const filling = new BlockFilling(compact, pendingTx);
    const missing = filling.missing();
    // Who asks for more at once is punished, and a large block has five times as many.
    for (let from = 0; from < missing.length; from += MAX_TXS_PER_REQUEST) {
      const indexes = missing.slice(from, from + MAX_TXS_PER_REQUEST);
      const request = { kind: 'getTxs', blockId, height, indexes } as const;
      const { txs } = await network.request(peer, request, FETCH_TIMEOUT_MS);
      for (const [at, index] of indexes.entries()) filling.offer(index, txs[at]);
    }
    if (filling.missing().length > 0) return;
    const body = filling.body();
    if (!equalBlockIds(body.blockId, blockId)) {
      network.report(peer, 'invalid_block');
      return;
    }
    this.fetcher.arrived(blockId);
    engine.submitBody(body);
    onFilled(body);
  }

  private async fetchBody(peer: PeerId, height: number, blockId: BlockId): Promise<boolean> {
    const { engine, network } = this.parts;
    try {
      const { block } = await network.request(peer, { kind: 'getBlockById', blockId, height }, FETCH_TIMEOUT_MS);
      if (block === undefined) return false;
      const body = makeBody(decodeBlock(block));
      if (!equalBlockIds(body.blockId, blockId)) {
        network.report(peer, 'wrong_answer');
        return false;
      }
      engine.submitBody(body);
      return true;
    } catch (error) {
      if (!(error instanceof BizraError)) throw error;
      return false;
    }
  }

  /** Those who say that they have it; where nobody does, everybody. */
  private peersWithBlock(blockId: BlockId): PeerId[] {
    const having: PeerId[] = [];
    const others: PeerId[] = [];
    for (const [peer, { hasBlocks }] of this.parts.peers) {
      (hasBlocks.some((held) => equalBlockIds(held, blockId)) ? having : others).push(peer);
    }
    return having.length > 0 ? having : others;
  }
}
