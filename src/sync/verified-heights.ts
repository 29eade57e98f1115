import type { Verifier } from '#crypto/verifier.ts';
import {
  isLightError,
  type LightBlock,
  LightClient,
  lightError,
  MemoryTrustedStore,
  type StepRules,
  verifyBackwards,
  verifyOwnCommit,
} from '#light/index.ts';
import type { PeerId } from '#ports/transport.ts';
import type { Logger } from '#telemetry/logger.ts';
import { hashCommit } from '#types/commit.ts';
import type { Header } from '#types/header.ts';
import type { Time } from '#types/time.ts';
import { equalBytes } from '#util/bytes.ts';
import { LightPeer } from './light-peer.ts';
import type { StateSyncPeers } from './state-sync-peers.ts';
import { StateSyncError } from './sync-errors.ts';

export interface TrustOptions extends StepRules {
  /** A header that the operator trusts. */
  readonly trustHeight: number;
  readonly trustHash: Uint8Array;
}

/** The chain around a snapshot's height, as a light client has verified it. */
export interface VerifiedChain {
  /** With the commit that the next block carries. */
  readonly last: LightBlock;
  readonly next: LightBlock;
  /** Of the height after `next`, where its validators are others. */
  readonly afterNext: LightBlock | undefined;
}

export interface VerifiedHeightsComponents {
  readonly peers: StateSyncPeers;
  readonly verifier: Verifier;
  readonly logger: Logger;
}

/** Light blocks of peers, verified from the trusted header on, each seen alike by another peer where there is one. */
export class VerifiedHeights {
  private readonly parts: VerifiedHeightsComponents;
  private readonly options: TrustOptions;
  private readonly store = new MemoryTrustedStore();

  constructor(components: VerifiedHeightsComponents, options: TrustOptions) {
    this.parts = components;
    this.options = options;
  }

  /** What must be known of the chain to go on from the state after `height`. Throws as `verify`. */
  async chainAt(height: number, first: readonly PeerId[]): Promise<VerifiedChain> {
    const [seen, next] = (await this.verify([height, height + 1], first)) as [LightBlock, LightBlock];
    const last = await this.withDecidedCommit(seen, next.header);
    const { header } = next;
    if (equalBytes(header.nextValidatorsHash, header.validatorsHash)) return { last, next, afterNext: undefined };
    const [afterNext] = await this.verify([height + 2], first);
    return { last, next, afterNext };
  }

  /** A valid commit may hold other signatures than the one in the next block, which all nodes have alike. */
  private async withDecidedCommit(block: LightBlock, next: Header): Promise<LightBlock> {
    const { peers } = this.parts;
    if (equalBytes(hashCommit(block.commit), next.lastCommitHash)) return block;
    for (const peer of peers.usable()) {
      try {
        const other = await new LightPeer(peers, peer).lightBlock(block.header.height);
        verifyBackwards(this.options.chainId, next, other);
        // The hash covers neither the round nor the parts of the block: the signatures do.
        await verifyOwnCommit(this.parts.verifier, this.options, other);
        if (equalBytes(hashCommit(other.commit), next.lastCommitHash)) return other;
      } catch (error) {
        peers.isSilence(error);
      }
    }
    throw lightError('no_light_block', `nobody has the commit that block ${next.height} carries`);
  }

  /**
   * The blocks of these heights, in ascending order. Those of `first` are asked first, all others are witnesses. Throws
   * a light client's error; `bad_trust` or `light_client_attack` where going on makes no sense.
   */
  private async verify(heights: readonly number[], first: readonly PeerId[]): Promise<LightBlock[]> {
    const { peers, verifier, logger } = this.parts;
    const others = peers.usable().filter((peer) => !first.includes(peer));
    const [primary, ...witnesses] = [...first, ...others].map((peer) => new LightPeer(peers, peer));
    if (primary === undefined) throw new StateSyncError('no_snapshot', 'no peer is connected');
    if (witnesses.length === 0) logger.warn('headers come from one peer, and no other can confirm them');
    const client = new LightClient({ verifier, store: this.store, primary, witnesses }, this.options);
    try {
      return await this.walk(client, heights);
    } catch (error) {
      throw asFinal(error);
    } finally {
      for (const { name, reason } of client.dropped) peers.lied(name, reason);
    }
  }

  private async walk(client: LightClient, heights: readonly number[]): Promise<LightBlock[]> {
    const now = (): Time => this.parts.peers.clock.now();
    await client.trustHeader(this.options.trustHeight, this.options.trustHash, now());
    const blocks: LightBlock[] = [];
    for (const height of heights) blocks.push((await client.verify(height, now())).block);
    return blocks;
  }
}

/** What no other peer and no later attempt can mend. */
function asFinal(error: unknown): unknown {
  if (isLightError(error, 'light_client_attack'))
    return new StateSyncError('light_client_attack', error.message, { cause: error });
  if (isLightError(error, 'trust_expired', 'bad_light_options'))
    return new StateSyncError('bad_trust', error.message, { cause: error });
  return error;
}
