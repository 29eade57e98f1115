import { BinaryReader } from 'cosmjs-types/binary';
import { Timestamp } from 'cosmjs-types/google/protobuf/timestamp';
import { fromTimestamp, type Time } from '#types/time.ts';

/** The timestamp within sign bytes (length, then a canonical message); undefined when there is none. */
export function timestampIn(signBytes: Uint8Array, field: number): Time | undefined {
  try {
    const reader = new BinaryReader(signBytes);
    const end = reader.uint32() + reader.pos;
    while (reader.pos < end) {
      const tag = reader.uint32();
      if (tag >>> 3 === field) return fromTimestamp(Timestamp.decode(reader.bytes()));
      reader.skipType(tag & 7);
    }
  } catch {
    // Bytes that are no canonical message hold no timestamp; they also equal no other request.
  }
  return undefined;
}

/** What sign bytes are for. `type`: 1 prevote, 2 precommit, 32 proposal. */
export interface SignedFields {
  readonly type: number;
  readonly height: number;
  readonly round: number;
  readonly chainId: string;
}

/** Fields 1 to 3 and the chain id (6 of a vote, 7 of a proposal); undefined for bytes that are no canonical message. */
export function signedFields(signBytes: Uint8Array): SignedFields | undefined {
  try {
    const reader = new BinaryReader(signBytes);
    const end = reader.uint32() + reader.pos;
    if (end !== signBytes.length) return undefined;
    let [type, height, round] = [0, 0n, 0n];
    const texts = new Map<number, string>();
    while (reader.pos < end) {
      const tag = reader.uint32();
      if (tag === FIELD_TYPE) type = reader.uint32();
      else if (tag === FIELD_HEIGHT) height = reader.sfixed64();
      else if (tag === FIELD_ROUND) round = reader.sfixed64();
      else if (tag === VOTE_CHAIN_ID || tag === PROPOSAL_CHAIN_ID) texts.set(tag, reader.string());
      else reader.skipType(tag & 7);
    }
    const chainId = texts.get(type === PROPOSAL_TYPE ? PROPOSAL_CHAIN_ID : VOTE_CHAIN_ID) ?? '';
    return { type, height: Number(height), round: Number(round), chainId };
  } catch {
    return undefined; // truncated, or not protobuf at all
  }
}

const PROPOSAL_TYPE = 32;
/** Tags: field number and wire type (wire-formats 3.2). */
const FIELD_TYPE = 1 << 3;
const FIELD_HEIGHT = (2 << 3) | 1;
const FIELD_ROUND = (3 << 3) | 1;
const VOTE_CHAIN_ID = (6 << 3) | 2;
const PROPOSAL_CHAIN_ID = (7 << 3) | 2;
