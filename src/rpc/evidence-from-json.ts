import type { BlockId } from '#types/block-id.ts';
import type { DuplicateVoteEvidence } from '#types/evidence.ts';
import { parseTime } from '#types/time.ts';
import { PRECOMMIT, PREVOTE, type Vote, type VoteType } from '#types/vote.ts';
import { fromHex } from '#util/bytes.ts';
import { describe } from './describe.ts';
import { refuse } from './errors.ts';

/** Bytes of a hash and of an address. */
const HASH_LENGTH = 32;
const ADDRESS_LENGTH = 20;
/** Bytes of an Ed25519 or secp256k1 signature. */
const SIGNATURE_LENGTH = 64;

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads what `broadcast_evidence` takes: `{type, value}` with CometBFT 0.38's field names, or the snake_case ones of
 * later versions. Only duplicate votes: evidence of attacks on light clients comes from the nodes' own detection.
 * Throws an RpcError that names the field.
 */
export function evidenceFromJson(value: unknown): DuplicateVoteEvidence {
  const { type, value: inner } = fields(value, 'evidence');
  if (type !== 'tendermint/DuplicateVoteEvidence') {
    throw refuse(`evidence.type must be tendermint/DuplicateVoteEvidence, got ${describe(type)}`);
  }
  const evidence = fields(inner, 'evidence.value');
  return {
    kind: 'duplicate-vote',
    voteA: vote(evidence.vote_a, 'vote_a'),
    voteB: vote(evidence.vote_b, 'vote_b'),
    totalVotingPower: bigint(evidence.TotalVotingPower ?? evidence.total_voting_power, 'TotalVotingPower'),
    validatorPower: bigint(evidence.ValidatorPower ?? evidence.validator_power, 'ValidatorPower'),
    timestamp: time(evidence.Timestamp ?? evidence.timestamp, 'Timestamp'),
  };
}

function vote(value: unknown, name: string): Vote {
  const source = fields(value, name);
  return {
    type: voteType(source.type, `${name}.type`),
    height: integer(bigint(source.height, `${name}.height`), `${name}.height`),
    round: int32(source.round, `${name}.round`),
    blockId: blockId(source.block_id, `${name}.block_id`),
    timestamp: time(source.timestamp, `${name}.timestamp`),
    validatorAddress: hexBytes(source.validator_address, ADDRESS_LENGTH, `${name}.validator_address`),
    validatorIndex: int32(source.validator_index, `${name}.validator_index`),
    signature: signature(source.signature, `${name}.signature`),
  };
}

function blockId(value: unknown, name: string): BlockId {
  const source = fields(value, name);
  const parts = fields(source.parts, `${name}.parts`);
  return {
    hash: hexBytes(source.hash, HASH_LENGTH, `${name}.hash`),
    partSetHeader: {
      total: int32(parts.total, `${name}.parts.total`),
      hash: hexBytes(parts.hash, HASH_LENGTH, `${name}.parts.hash`),
    },
  };
}

function fields(value: unknown, name: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw refuse(`${name} must be an object, got ${describe(value)}`);
}

function voteType(value: unknown, name: string): VoteType {
  if (value === PREVOTE || value === PRECOMMIT) return value;
  throw refuse(`${name} must be 1 (prevote) or 2 (precommit), got ${describe(value)}`);
}

function int32(value: unknown, name: string): number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31) return value as number;
  throw refuse(`${name} must be a number from 0 to 2^31-1, got ${describe(value)}`);
}

function bigint(value: unknown, name: string): bigint {
  if (typeof value === 'string' && /^[0-9]{1,19}$/.test(value)) return BigInt(value);
  throw refuse(`${name} must be a string of digits, got ${describe(value)}`);
}

function integer(value: bigint, name: string): number {
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  throw refuse(`${name} is out of range: ${value}`);
}

function time(value: unknown, name: string): bigint {
  if (typeof value === 'string') return parseTime(value);
  throw refuse(`${name} must be an RFC 3339 time, got ${describe(value)}`);
}

/** Empty (a nil block) or exactly `length` bytes. */
function hexBytes(value: unknown, length: number, name: string): Uint8Array {
  if (typeof value === 'string' && /^[0-9a-fA-F]*$/.test(value) && (value === '' || value.length === 2 * length)) {
    return fromHex(value);
  }
  throw refuse(`${name} must be ${length} bytes in hex, got ${describe(value)}`);
}

function signature(value: unknown, name: string): Uint8Array {
  const bytes = typeof value === 'string' ? new Uint8Array(Buffer.from(value, 'base64')) : undefined;
  if (bytes?.length === SIGNATURE_LENGTH) return bytes;
  throw refuse(`${name} must be ${SIGNATURE_LENGTH} bytes in base64, got ${describe(value)}`);
}
