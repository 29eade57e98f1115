import type { FileSigner } from '#signer/signer.ts';
import { blockIdKey } from '#types/block-id.ts';
import { toHex } from '#util/bytes.ts';
import type { DiskPort } from '../disk/disk-port.ts';

export interface SigningListener {
  /** The log is synced; the key has not been asked yet. */
  asked(): void;
  /** The key has made it durable. */
  answered(): void;
  /** A signature exists from now on: where it stands, and for what. */
  signed(place: string, value: string): void;
}

/** Tells of every signature that leaves this key, and of the moments on both sides of it. */
export function watchSigning(signer: FileSigner, disk: DiskPort, listener: SigningListener): void {
  const sign = async <T>(ask: () => Promise<T>): Promise<T> => {
    listener.asked();
    await disk.pass('between: log synced, signer not asked');
    const signed = await ask();
    listener.answered();
    return signed;
  };
  const { signVote, signProposal } = signer;
  signer.signVote = async (chainId, vote) => {
    const signed = await sign(() => signVote.call(signer, chainId, vote));
    listener.signed(`${vote.height}/${vote.round}/${vote.type}`, blockIdKey(vote.blockId));
    await disk.pass('between: signed, not logged');
    return signed;
  };
  signer.signProposal = async (chainId, proposal) => {
    const signed = await sign(() => signProposal.call(signer, chainId, proposal));
    const value = `${proposal.polRound}/${blockIdKey(proposal.blockId)}`;
    listener.signed(`${proposal.height}/${proposal.round}/proposal`, value);
    await disk.pass('between: signed, not logged');
    return signed;
  };
}

/** The end of what was signed, to be told apart in a trace. */
export function shortOf(value: string): string {
  return toHex(new TextEncoder().encode(value)).slice(-8);
}
