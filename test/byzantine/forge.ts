import { sha256 } from '#crypto/hash.ts';
import { type Body, makeBody } from '#engine/body.ts';
import { compactBlock } from '#engine/compact-block.ts';
import { encodeCompactBlock } from '#network/compact-block-codec.ts';
import type { Message, ProposalMessage, Request } from '#network/messages.ts';
import { encodeAnswer } from '#network/request-codec.ts';
import { type Block, decodeBlock, hashTxs } from '#types/block.ts';
import { blockIdKey } from '#types/block-id.ts';
import { FLAG_ABSENT, hashCommit } from '#types/commit.ts';
import { hashEvidenceList } from '#types/evidence.ts';
import type { Header } from '#types/header.ts';
import type { Proposal } from '#types/proposal.ts';
import { equalBytes, toLatin1 } from '#util/bytes.ts';
import { carriedBlock } from './carried.ts';
import type { Rig } from './rig.ts';

/** Forged blocks that are still served. */
const KEPT = 8;

/** A block made from a real one: the hashes over its own contents are right again. */
export function altered(
  block: Block,
  change: { readonly header?: Partial<Header> } & Partial<Omit<Block, 'header'>>,
): Block {
  const { header, ...rest } = change;
  const made = { ...block, ...rest };
  return {
    ...made,
    header: {
      ...block.header,
      dataHash: hashTxs(made.txs.map(sha256)),
      lastCommitHash: hashCommit(made.lastCommit),
      evidenceHash: hashEvidenceList(made.evidence),
      ...header,
    },
  };
}

/** Another block that is as valid as the given one: without its last transaction, or in another proposer's name. */
export function twinOf(block: Block, mine: Uint8Array): Block | undefined {
  if (block.txs.length > 0) return altered(block, { txs: block.txs.slice(0, -1) });
  const other = block.lastCommit.signatures.find(
    ({ flag, validatorAddress }) => flag !== FLAG_ABSENT && !equalBytes(validatorAddress, mine),
  );
  return other === undefined ? undefined : altered(block, { header: { proposerAddress: other.validatorAddress } });
}

export interface Forged {
  readonly proposal: Proposal;
  readonly body: Body;
}

/** Makes other proposals in the place of the node's own, and serves their bodies. */
export class Forger {
  private readonly rig: Rig;
  private readonly make: (block: Block) => Body | undefined;
  private readonly forged = new Map<string, Promise<Forged | undefined>>();
  private readonly bodies = new Map<string, Body>();

  /** `make` gives the other body; undefined: nothing to be made of this one. */
  constructor(rig: Rig, make: (block: Block) => Body | undefined) {
    this.rig = rig;
    this.make = make;
  }

  /** The same for everybody who asks in a round. */
  instead(proposal: Proposal): Promise<Forged | undefined> {
    const key = `${proposal.height}/${proposal.round}`;
    let forged = this.forged.get(key);
    if (forged === undefined) {
      forged = this.forge(proposal);
      this.forged.set(key, forged);
      dropOldest(this.forged);
    }
    return forged;
  }

  /** Sends the forged proposal in place of the node's own. Resolves to it. */
  async send(peer: string, message: ProposalMessage): Promise<Forged | undefined> {
    const forged = await this.instead(message.proposal);
    if (forged !== undefined) this.rig.send(peer, proposalMessage(forged, message));
    return forged;
  }

  /** The answer to a request for a forged body; undefined when it asks for something else. */
  answer(request: Request): Uint8Array | undefined {
    if (request.kind !== 'getBlockById' && request.kind !== 'getTxs') return undefined;
    const body = this.bodies.get(blockIdKey(request.blockId));
    if (body === undefined) return undefined;
    if (request.kind === 'getBlockById') return encodeAnswer('getBlockById', { block: body.bytes });
    return encodeAnswer('getTxs', { txs: request.indexes.map((index) => body.block.txs[index]) });
  }

  private async forge(proposal: Proposal): Promise<Forged | undefined> {
    const { blockId, height } = proposal;
    const { block } = await this.rig.ask({ kind: 'getBlockById', blockId, height });
    const body = block === undefined ? undefined : this.make(decodeBlock(block));
    if (body === undefined) return undefined;
    this.bodies.set(blockIdKey(body.blockId), body);
    dropOldest(this.bodies);
    return { body, proposal: this.rig.signProposal({ ...proposal, blockId: body.blockId }) };
  }
}

/** Transactions that the real message carried in full are carried in full again. */
export function proposalMessage({ proposal, body }: Forged, like: ProposalMessage): Message {
  const full = new Set(carriedBlock(like)?.txs.map(({ bytes }) => toLatin1(sha256(bytes))));
  const block = encodeCompactBlock(compactBlock(body, (hash) => full.has(toLatin1(hash))));
  return { kind: 'proposal', proposal, block };
}

export function bodyOf(block: Block | undefined): Body | undefined {
  return block === undefined ? undefined : makeBody(block);
}

function dropOldest(map: Map<string, unknown>): void {
  if (map.size <= KEPT) return;
  const [oldest] = map.keys();
  map.delete(oldest as string);
}
