import type { Consensus } from '#consensus/consensus.ts';
import type { SyncVerifier } from '#crypto/verifier.ts';
import { type Proposal, proposalSignBytes } from '#types/proposal.ts';
import { type Vote, voteSignBytes } from '#types/vote.ts';
import { equalBytes } from '#util/bytes.ts';

/** What is known of a signature: `unknown` where this node does not know who signs that height or round. */
export type Verdict = 'valid' | 'invalid' | 'unknown';

/** Checks the signatures of votes and proposals before they become inputs. A vote costs 36 us, so duplicates come first. */
export class VoteVerifier {
  private readonly consensus: Consensus;
  private readonly verifier: SyncVerifier;
  private readonly chainId: string;

  constructor(components: { consensus: Consensus; verifier: SyncVerifier; chainId: string }) {
    this.consensus = components.consensus;
    this.verifier = components.verifier;
    this.chainId = components.chainId;
  }

  vote(vote: Vote): Verdict {
    const validator = this.consensus.validatorsAt(vote.height)?.get(vote.validatorIndex);
    if (this.consensus.validatorsAt(vote.height) === undefined) return 'unknown';
    if (validator === undefined || !equalBytes(validator.address, vote.validatorAddress)) return 'invalid';
    return this.check(validator.pubKey.bytes, voteSignBytes(this.chainId, vote), vote.signature);
  }

  proposal(proposal: Proposal): Verdict {
    const proposer = this.consensus.proposerAt(proposal.height, proposal.round);
    if (proposer === undefined) return 'unknown';
    return this.check(proposer.pubKey.bytes, proposalSignBytes(this.chainId, proposal), proposal.signature);
  }

  private check(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Verdict {
    return this.verifier.verifySync({ type: 'ed25519', publicKey, message, signature }) ? 'valid' : 'invalid';
  }
}
