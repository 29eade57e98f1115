import type { LightClientAttackEvidence } from '#types/evidence.ts';
import { bigint, fields, integer, time } from './evidence-fields.ts';
import { commitFromJson, headerFromJson, validatorFromJson, validatorsFromJson } from './light-block-from-json.ts';

/** What a light client sends to `broadcast_evidence` when it was lied to. Throws an RpcError that names the field. */
export function lightAttackFromJson(value: unknown): LightClientAttackEvidence {
  const evidence = fields(value, 'evidence.value');
  const block = fields(evidence.ConflictingBlock ?? evidence.conflicting_block, 'ConflictingBlock');
  const signedHeader = fields(block.signed_header, 'signed_header');
  const set = fields(block.validator_set, 'validator_set');
  const accused = evidence.ByzantineValidators ?? evidence.byzantine_validators;
  return {
    kind: 'light-client-attack',
    conflictingBlock: {
      header: headerFromJson(signedHeader.header),
      commit: commitFromJson(signedHeader.commit),
      validators: validatorsFromJson(set.validators, 'validators', 0n),
      proposer: validatorFromJson(set.proposer, 'proposer', 0n),
    },
    commonHeight: integer(evidence.CommonHeight ?? evidence.common_height, 'CommonHeight'),
    byzantineValidators: validatorsFromJson(accused, 'ByzantineValidators', 1n),
    totalVotingPower: bigint(evidence.TotalVotingPower ?? evidence.total_voting_power, 'TotalVotingPower'),
    timestamp: time(evidence.Timestamp ?? evidence.timestamp, 'Timestamp'),
  };
}
