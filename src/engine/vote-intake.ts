import type { Consensus } from '#consensus/consensus.ts';
import type { PeerClaimMessage } from '#network/messages.ts';
import type { Network } from '#network/network.ts';
import type { PeerId } from '#ports/transport.ts';
import { blockIdKey } from '#types/block-id.ts';
import type { Vote } from '#types/vote.ts';
import type { Engine } from './engine.ts';
import type { VoteVerifier } from './vote-verifier.ts';

/** Votes of one validator that wait to be consumed: those of all rounds that matter, when a peer sends them at once. */
const UNDERWAY_PER_VALIDATOR = 64;

export interface VoteIntakeComponents {
  readonly consensus: Consensus;
  readonly engine: Pick<Engine, 'submitFromPeer'>;
  readonly verifier: VoteVerifier;
  readonly network: Pick<Network, 'report'>;
  /** Looks at every vote before its signature is verified; a forged one costs its sender. */
  readonly watchVote?: ((vote: Vote) => 'ok' | 'forged') | undefined;
  /** A vote that was new and is verified. */
  readonly onNew: (vote: Vote, from: PeerId) => void;
  /** A vote that was here already, or is of no use. */
  readonly onRepeated: (vote: Vote, from: PeerId) => void;
}

/** Votes from peers, and what they claim of votes: what is new, in order and not too much becomes an input. */
export class VoteIntake {
  private readonly parts: VoteIntakeComponents;
  /** Votes that were verified and wait to be consumed: every peer sends them at the same moment. */
  private readonly underway = new Set<string>();
  /** How many of those each validator signed: until they are consumed, nothing else shows that one signs too many. */
  private readonly underwayOf = new Map<number, number>();
  /** Peer, round and type of the claims of this height. */
  private readonly claimsHeard = new Set<string>();

  constructor(components: VoteIntakeComponents) {
    this.parts = components;
  }

  heightStarted(): void {
    this.consumed();
    this.claimsHeard.clear();
  }

  /** What was under way has reached the core, which knows it from now on. */
  consumed(): void {
    this.underway.clear();
    this.underwayOf.clear();
  }

  take(peer: PeerId, votes: readonly Vote[]): void {
    for (const vote of votes) if (!this.takeOne(peer, vote)) return;
  }

  /** False when the peer proved to be faulty: the rest of its message is not worth a look. */
  private takeOne(peer: PeerId, vote: Vote): boolean {
    const { consensus, verifier, watchVote, onRepeated } = this.parts;
    if (watchVote?.(vote) === 'forged') return this.punish(peer);
    const key = voteKey(vote);
    if (this.underway.has(key) || !consensus.wantsVote(vote)) {
      onRepeated(vote, peer);
      return true;
    }
    if (this.underwayBy(vote.validatorIndex) >= UNDERWAY_PER_VALIDATOR) return true;
    const verdict = verifier.vote(vote);
    if (verdict === 'valid') this.submit(peer, vote, key);
    if (verdict !== 'invalid') return true;
    // Of a height whose validators I know, only its author or somebody who does not verify sends this.
    return this.punish(peer);
  }

  private submit(peer: PeerId, vote: Vote, key: string): void {
    if (!this.parts.engine.submitFromPeer({ kind: 'vote', vote })) return;
    this.underway.add(key);
    this.underwayOf.set(vote.validatorIndex, this.underwayBy(vote.validatorIndex) + 1);
    this.parts.onNew(vote, peer);
  }

  private underwayBy(validatorIndex: number): number {
    return this.underwayOf.get(validatorIndex) ?? 0;
  }

  private punish(peer: PeerId): false {
    this.parts.network.report(peer, 'bad_vote_signature');
    return false;
  }

  /** Unsigned, so each peer is heard once a round and type, and of rounds that can have votes only. */
  claim(peer: PeerId, { height, round, type, blockId }: PeerClaimMessage): void {
    const { consensus, engine } = this.parts;
    const key = `${peer}/${round}/${type}`;
    if (height !== consensus.height || round > consensus.round || this.claimsHeard.has(key)) return;
    if (engine.submitFromPeer({ kind: 'peerClaim', peer, height, round, type, blockId })) this.claimsHeard.add(key);
  }
}

/** Two votes of a validator for different blocks are two: only the same one is a copy. */
function voteKey({ height, round, type, validatorIndex, blockId }: Vote): string {
  return `${height}/${round}/${type}/${validatorIndex}/${blockIdKey(blockId)}`;
}
