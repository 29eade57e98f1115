import { validatorAddress } from '#crypto/address.ts';
import type { Ed25519KeyPair } from '#crypto/ed25519.ts';
import type { Body } from '#engine/body.ts';
import { compactBlock } from '#engine/compact-block.ts';
import { decodeWalRecord } from '#engine/wal-record.ts';
import { encodeCompactBlock } from '#network/compact-block-codec.ts';
import { readRecords } from '#storage/wal-format.ts';
import type { BlockId } from '#types/block-id.ts';
import type { Proposal } from '#types/proposal.ts';
import type { UnsignedVote, Vote, VoteType } from '#types/vote.ts';
import { equalBytes } from '#util/bytes.ts';
import { NodeBench } from './bench.ts';

/** One of four validators, at height 1; the test holds the keys of the others. */
export class Quartet extends NodeBench {
  constructor() {
    super(4);
  }

  /** A signed vote of key `index`. */
  signed(index: number, type: VoteType, blockId: BlockId, place: Partial<UnsignedVote> = {}): Vote {
    const key = this.keys[index] as Ed25519KeyPair;
    const address = validatorAddress({ type: 'ed25519', bytes: key.publicKey });
    const validatorIndex = this.node.chain.state.validators.indexOf(address);
    const vote = { type, height: 1, round: 0, blockId, timestamp: 1n, validatorAddress: address, validatorIndex };
    return this.vote(key, { ...vote, ...place });
  }

  say(peer: string, ...votes: Vote[]): void {
    this.transport.receive(peer, { kind: 'votes', votes });
  }

  /** By whose turn it is in the first round. */
  proposed(blockId: BlockId): Proposal {
    const { proposer } = this.node.chain.state.validators;
    const key = this.keys.find(({ publicKey }) => equalBytes(publicKey, proposer.pubKey.bytes)) as Ed25519KeyPair;
    return this.proposal(key, { height: 1, round: 0, polRound: -1, blockId, timestamp: 1n });
  }

  report(peer: string, headHeight: number, baseHeight = 1): void {
    const place = { height: headHeight + 1, round: 0, step: 'propose', hasProposal: true } as const;
    const lists = { hasBlocks: [], votes: [], lastCommit: undefined };
    this.transport.receive(peer, { kind: 'roundStep', ...place, ...lists, headHeight, baseHeight });
  }

  async records(): Promise<string[]> {
    await this.run(20);
    const bytes = await this.files.read('wal/wal-0000000001');
    return readRecords(bytes ?? new Uint8Array(0)).records.map((record) => decodeWalRecord(record).kind);
  }

  async logged(kind: string): Promise<number> {
    return (await this.records()).filter((found) => found === kind).length;
  }
}

export async function quartet(): Promise<Quartet> {
  const bench = await new Quartet().install();
  await bench.start();
  bench.transport.connect('a');
  bench.transport.connect('b');
  await bench.run(50);
  return bench;
}

/** The compact form with all transactions, or with none. */
export function compactOf(body: Body, inFull: boolean): Uint8Array {
  return encodeCompactBlock(compactBlock(body, () => inFull));
}
