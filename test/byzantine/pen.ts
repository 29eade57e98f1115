import { validatorAddress } from '#crypto/address.ts';
import { type Ed25519KeyPair, signEd25519 } from '#crypto/ed25519.ts';
import type { FileSigner, SignBytes } from '#signer/signer.ts';
import { type Proposal, proposalSignBytes, type UnsignedProposal } from '#types/proposal.ts';
import { type UnsignedVote, type Vote, voteSignBytes } from '#types/vote.ts';

/** Signs anything and remembers nothing: what a validator key must never be given to. */
export class Pen {
  readonly address: Uint8Array;
  private readonly key: Ed25519KeyPair;
  private readonly chainId: string;
  private readonly signBytes: SignBytes;

  constructor(key: Ed25519KeyPair, chainId: string, signBytes: SignBytes = signEd25519) {
    this.key = key;
    this.chainId = chainId;
    this.signBytes = signBytes;
    this.address = validatorAddress({ type: 'ed25519', bytes: key.publicKey });
  }

  vote(vote: UnsignedVote): Vote {
    return { ...vote, signature: this.signBytes(this.key.privateKey, voteSignBytes(this.chainId, vote)) };
  }

  proposal(proposal: UnsignedProposal): Proposal {
    return { ...proposal, signature: this.signBytes(this.key.privateKey, proposalSignBytes(this.chainId, proposal)) };
  }
}

/** A signer with the same face that goes by no record, and by no memory of what it made. */
export function withoutRecord(signer: FileSigner, pen: Pen): FileSigner {
  return changed(signer, {
    lastSigned: { height: 0, round: 0, step: 0 },
    signVote: async (_chainId, vote) => pen.vote(vote),
    signProposal: async (_chainId, proposal) => pen.proposal(proposal),
  });
}

/** The signer with some of its members replaced; the rest are its own. */
export function changed(signer: FileSigner, members: Partial<FileSigner>): FileSigner {
  return new Proxy(signer, {
    get: (target, name) => {
      if (Object.hasOwn(members, name)) return Reflect.get(members, name);
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
