import type { DuplicateVoteEvidence, Evidence } from '#types/evidence.ts';
import { PRECOMMIT, PREVOTE, type Vote, type VoteType } from '#types/vote.ts';
import { describe } from './describe.ts';
import { refuse } from './errors.ts';
import {
  ADDRESS_LENGTH,
  bigint,
  blockId,
  fields,
  hexBytes,
  int32,
  integer,
  signature,
  time,
} from './evidence-fields.ts';
import { lightAttackFromJson } from './light-attack-from-json.ts';

/**
 * Reads what `broadcast_evidence` takes: `{type, value}` with CometBFT 0.38's field names, or the snake_case ones of
 * later versions. Throws an RpcError that names the field.
 */
export function evidenceFromJson(value: unknown): Evidence {
  const { type, value: inner } = fields(value, 'evidence');
  if (type === 'tendermint/DuplicateVoteEvidence') return duplicateVoteFromJson(inner);
  if (type === 'tendermint/LightClientAttackEvidence') return lightAttackFromJson(inner);
  throw refuse(
    `evidence.type must be tendermint/DuplicateVoteEvidence or LightClientAttackEvidence, got ${describe(type)}`,
  );
}

function duplicateVoteFromJson(value: unknown): DuplicateVoteEvidence {
  const evidence = fields(value, 'evidence.value');
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
    height: integer(source.height, `${name}.height`),
    round: int32(source.round, `${name}.round`),
    blockId: blockId(source.block_id, `${name}.block_id`),
    timestamp: time(source.timestamp, `${name}.timestamp`),
    validatorAddress: hexBytes(source.validator_address, ADDRESS_LENGTH, `${name}.validator_address`),
    validatorIndex: int32(source.validator_index, `${name}.validator_index`),
    signature: signature(source.signature, `${name}.signature`),
  };
}

function voteType(value: unknown, name: string): VoteType {
  if (value === PREVOTE || value === PRECOMMIT) return value;
  throw refuse(`${name} must be 1 (prevote) or 2 (precommit), got ${describe(value)}`);
}
