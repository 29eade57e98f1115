import { decidedBlockInvalid } from '#consensus/errors.ts';
import type { Verifier } from '#crypto/verifier.ts';
import type { BlockPreparation } from '#engine/block-preparation.ts';
import { type Body, makeBody } from '#engine/body.ts';
import type { Chain } from '#engine/chain.ts';
import type { Engine } from '#engine/engine.ts';
import type { Exchange } from '#engine/exchange.ts';
import { workSlice } from '#engine/work-slice.ts';
import type { Network } from '#network/network.ts';
import type { Clock } from '#ports/clock.ts';
import type { PeerId } from '#ports/transport.ts';
import type { FetchedBlock, SyncChain, SyncPeers } from '#sync/block-sync.ts';
import type { PeerHeights } from '#sync/request-plan.ts';
import type { Logger } from '#telemetry/logger.ts';
import { decodeBlock } from '#types/block.ts';
import { equalBlockIds } from '#types/block-id.ts';
import type { Commit } from '#types/commit.ts';
import { BizraError } from '#util/errors.ts';

/** A fetched block, encoded and identified once. */
export interface FetchedBody extends FetchedBlock {
  readonly body: Body;
  readonly commit: Commit;
}

/** Block sync's view of the chain: verify against the validators of the next height, apply through consensus. */
export class EngineSyncChain implements SyncChain<FetchedBody> {
  private readonly chain: Chain;
  private readonly engine: Engine;
  private readonly verifier: Verifier;
  private readonly preparation: BlockPreparation;

  constructor(components: { chain: Chain; engine: Engine; verifier: Verifier; preparation: BlockPreparation }) {
    this.chain = components.chain;
    this.engine = components.engine;
    this.verifier = components.verifier;
    this.preparation = components.preparation;
  }

  height(): number {
    return this.chain.state.height;
  }

  prepare(fetched: readonly FetchedBody[]): Promise<void> {
    return this.preparation.prepare(fetched);
  }

  async verify({ body, commit, height: fetchedHeight }: FetchedBody): Promise<void> {
    const { chainId, validators, height } = this.chain.state;
    if (fetchedHeight !== height + 1) return;
    if (!equalBlockIds(body.blockId, commit.blockId))
      throw new BizraError('invalid_block', 'the commit is for another block');
    await this.chain.verifyCommit(this.verifier, chainId, validators, commit.blockId, height + 1, commit);
    // Decided by votes meanwhile: then it is not to be judged by the state after it.
    if (this.chain.state.height !== height) return;
    const verdict = await this.chain.judge(body);
    if (verdict !== 'invalid' || this.chain.state.height !== height) return;
    // The validators stand for it. Whoever sent it is not to blame, and nobody has another one.
    throw decidedBlockInvalid(body.blockId.hash, height + 1);
  }

  async apply({ body, commit }: FetchedBody): Promise<void> {
    await this.engine.decide(body, commit);
  }
}

/** Block sync's view of peers. */
export class NetworkSyncPeers implements SyncPeers<FetchedBody> {
  private readonly network: Network;
  private readonly exchange: Exchange;
  private readonly clock: Clock;

  constructor(components: { network: Network; exchange: Exchange; clock: Clock }) {
    this.network = components.network;
    this.exchange = components.exchange;
    this.clock = components.clock;
  }

  heads(): readonly PeerHeights[] {
    return [...this.exchange.peers].map(([peer, { baseHeight, headHeight }]) => ({
      peer,
      base: baseHeight,
      head: headHeight,
    }));
  }

  async fetch(peer: PeerId, from: number, count: number, maxBytes: number, timeoutMs: number): Promise<FetchedBody[]> {
    const { blocks } = await this.network.request(peer, { kind: 'getBlocks', from, count, maxBytes }, timeoutMs);
    const pause = workSlice(this.clock);
    const fetched: FetchedBody[] = [];
    for (const { block, commit } of blocks) {
      const body = makeBody(decodeBlock(block));
      fetched.push({ height: body.block.header.height, size: block.length, body, commit });
      await pause();
    }
    return fetched;
  }

  blame(peer: PeerId): void {
    this.network.report(peer, 'invalid_commit');
  }
}

/** Waiting would not help: what is needed is nowhere any more. */
export function warnOutOfReach(logger: Logger, next: number, lowest: number): void {
  logger.error('no peer has the next block any more: add a peer that keeps all blocks, or start anew from a snapshot', {
    height: next,
    lowestOfPeers: lowest,
  });
}
