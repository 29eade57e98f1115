import { type BlockId, isNilBlockId, writeBlockId } from './block-id.ts';
import { type Time, writeTimestamp } from './time.ts';
import { encodeWith, type Writer } from './wire-writer.ts';

/**
 * What validators sign: CometBFT's canonical messages (`proto/tendermint/types/canonical.proto`), each preceded by its
 * length. Heights and rounds are fixed-width so that hardware can find them. This chain has no vote extensions, so their
 * form is not here.
 */

/** CanonicalVote{type=1, height=2, round=3, block_id=4, timestamp=5, chain_id=6}, with its length. */
export function canonicalVote(
  chainId: string,
  vote: {
    readonly type: number;
    readonly height: number;
    readonly round: number;
    readonly blockId: BlockId;
    readonly timestamp: Time;
  },
): Uint8Array {
  return delimited((writer) => {
    writeTypeHeightRound(writer, vote.type, vote.height, vote.round);
    writeBlockIdUnlessNil(writer, 4, vote.blockId);
    writer.message(5, (inner) => writeTimestamp(inner, vote.timestamp));
    writer.string(6, chainId);
  });
}

/** CanonicalProposal{type=1, height=2, round=3, pol_round=4, block_id=5, timestamp=6, chain_id=7}, with its length. */
export function canonicalProposal(
  chainId: string,
  type: number,
  proposal: {
    readonly height: number;
    readonly round: number;
    readonly polRound: number;
    readonly blockId: BlockId;
    readonly timestamp: Time;
  },
): Uint8Array {
  return delimited((writer) => {
    writeTypeHeightRound(writer, type, proposal.height, proposal.round);
    writer.integer(4, BigInt(proposal.polRound));
    writeBlockIdUnlessNil(writer, 5, proposal.blockId);
    writer.message(6, (inner) => writeTimestamp(inner, proposal.timestamp));
    writer.string(7, chainId);
  });
}

function writeTypeHeightRound(writer: Writer, type: number, height: number, round: number): void {
  writer.number(1, type);
  writer.sfixed64(2, height);
  writer.sfixed64(3, round);
}

/** Left out only when nil; an id with an empty hash but a part set is written. */
function writeBlockIdUnlessNil(writer: Writer, field: number, id: BlockId): void {
  if (!isNilBlockId(id)) writer.message(field, (inner) => writeBlockId(inner, id));
}

function delimited(write: (writer: Writer) => void): Uint8Array {
  return encodeWith((writer) => writer.delimited(write));
}
