import type { Consensus } from '#consensus/consensus.ts';
import type { ProposalMessage } from '#network/messages.ts';
import type { Network } from '#network/network.ts';
import { PeerAllowance } from '#network/peer-allowance.ts';
import type { Clock } from '#ports/clock.ts';
import type { PeerId } from '#ports/transport.ts';
import { equalBlockIds } from '#types/block-id.ts';
import type { Proposal } from '#types/proposal.ts';
import type { Engine } from './engine.ts';
import type { VoteVerifier } from './vote-verifier.ts';

/**
 * Bytes of blocks that a peer may bring although nobody waits for them. An honest one is a height ahead, or this node is
 * far behind and every proposer tells it of each block: the burst holds two blocks of the largest size, the rate is some
 * times what a chain at full pace makes.
 */
const UNWANTED = { burst: 64 * 1024 * 1024, perSecond: 8 * 1024 * 1024 };

export interface ProposalIntakeComponents {
  readonly consensus: Consensus;
  readonly engine: Pick<Engine, 'submitFromPeer'>;
  readonly verifier: VoteVerifier;
  readonly network: Pick<Network, 'report'>;
  readonly clock: Clock;
  /** A proposal that was new and is verified. */
  readonly onNew: (proposal: Proposal, from: PeerId) => void;
  /** A proposal that was here already. */
  readonly onRepeated: (proposal: Proposal, from: PeerId) => void;
  /** A peer brought the block of a proposal that this node works on. */
  readonly onBlock: (peer: PeerId, proposal: Proposal, block: Uint8Array) => void;
}

/** Proposals from peers: what is new and in order becomes an input. Their blocks stay bytes until that is known. */
export class ProposalIntake {
  private readonly parts: ProposalIntakeComponents;
  private readonly unwanted: PeerAllowance;

  constructor(components: ProposalIntakeComponents) {
    this.parts = components;
    this.unwanted = new PeerAllowance(components, UNWANTED);
  }

  take(peer: PeerId, { proposal, block }: ProposalMessage): void {
    // The proposal first: a body that nothing asks for yet is not kept.
    const isNew = this.parts.consensus.wantsProposal(proposal);
    if (isNew && !this.submit(peer, proposal)) return;
    if (!isNew && block !== undefined && !this.maySend(peer, block)) return;
    if (!isNew && !this.isRepeated(peer, proposal)) return;
    if (block !== undefined) this.parts.onBlock(peer, proposal, block);
  }

  /** False: it goes no further, and if its signature is wrong its sender is banned. */
  private submit(peer: PeerId, proposal: Proposal): boolean {
    const { verifier, network, engine, onNew } = this.parts;
    const verdict = verifier.proposal(proposal);
    if (verdict === 'invalid') network.report(peer, 'bad_proposal_signature');
    if (verdict !== 'valid' || !engine.submitFromPeer({ kind: 'proposal', proposal })) return false;
    onNew(proposal, peer);
    return true;
  }

  private maySend(peer: PeerId, block: Uint8Array): boolean {
    if (this.unwanted.isUsedUp(peer)) {
      this.parts.network.report(peer, 'flood');
      return false;
    }
    this.unwanted.spend(peer, block.length);
    return true;
  }

  /** Whether it is the very proposal that this node knows of that round. */
  private isRepeated(peer: PeerId, proposal: Proposal): boolean {
    const { consensus, onRepeated } = this.parts;
    const known = consensus.proposalAt(proposal.height, proposal.round);
    if (known === undefined || !equalBlockIds(known.blockId, proposal.blockId)) return false;
    onRepeated(proposal, peer);
    return true;
  }
}
