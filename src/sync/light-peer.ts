import { type LightProvider, lightError } from '#light/index.ts';
import type { PeerId } from '#ports/transport.ts';
import type { LightClientAttackEvidence } from '#types/evidence.ts';
import type { LightBlock } from '#types/light-block.ts';
import type { StateSyncPeers } from './state-sync-peers.ts';

/** A peer that gives out light blocks. */
export class LightPeer implements LightProvider {
  readonly name: PeerId;
  private readonly peers: StateSyncPeers;

  constructor(peers: StateSyncPeers, peer: PeerId) {
    this.peers = peers;
    this.name = peer;
  }

  async lightBlock(height: number | undefined): Promise<LightBlock> {
    const [block] = await this.ask(height ?? 0);
    if (block === undefined) throw lightError('no_light_block', `peer ${this.name} has no block ${height ?? ''}`);
    return block;
  }

  async reportEvidence(evidence: LightClientAttackEvidence): Promise<void> {
    this.peers.gossipEvidence([evidence]);
  }

  private async ask(from: number): Promise<readonly LightBlock[]> {
    try {
      return await this.peers.lightBlocks(this.name, from, 1);
    } catch (error) {
      if (this.peers.isSilence(error)) throw error;
      throw lightError('bad_light_block', `peer ${this.name} sent no light block`, { cause: error });
    }
  }
}
