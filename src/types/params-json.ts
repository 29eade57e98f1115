import type { JsonFields } from './json-fields.ts';
import { type ConsensusParams, DEFAULT_CONSENSUS_PARAMS } from './params.ts';

/** Reads consensus parameters as genesis files and the RPC have them; groups that are absent keep their default. */
export function consensusParamsFromJson(fields: JsonFields): ConsensusParams {
  const defaults = DEFAULT_CONSENSUS_PARAMS;
  return {
    block: fields.has('block') ? readBlock(fields.object('block')) : defaults.block,
    evidence: fields.has('evidence') ? readEvidence(fields.object('evidence')) : defaults.evidence,
    validator: fields.has('validator')
      ? { pubKeyTypes: fields.object('validator').strings('pub_key_types') }
      : defaults.validator,
    version: { app: optional(fields, 'version', 'app') },
    abci: { voteExtensionsEnableHeight: Number(optional(fields, 'abci', 'vote_extensions_enable_height')) },
  };
}

/** In the order and with the kinds of CometBFT's JSON: 64-bit numbers are strings. */
export function consensusParamsToJson(params: ConsensusParams): Record<string, unknown> {
  const { block, evidence, validator, version, abci } = params;
  return {
    block: { max_bytes: String(block.maxBytes), max_gas: String(block.maxGas) },
    evidence: {
      max_age_num_blocks: String(evidence.maxAgeNumBlocks),
      max_age_duration: String(evidence.maxAgeDurationNs),
      max_bytes: String(evidence.maxBytes),
    },
    validator: { pub_key_types: [...validator.pubKeyTypes] },
    version: { app: String(version.app) },
    abci: { vote_extensions_enable_height: String(abci.voteExtensionsEnableHeight) },
  };
}

function readBlock(fields: JsonFields): ConsensusParams['block'] {
  return { maxBytes: fields.number('max_bytes', -1), maxGas: fields.number('max_gas', -1) };
}

function readEvidence(fields: JsonFields): ConsensusParams['evidence'] {
  return {
    maxAgeNumBlocks: fields.number('max_age_num_blocks', 1),
    maxAgeDurationNs: fields.integer('max_age_duration'),
    maxBytes: fields.number('max_bytes', 0),
  };
}

function optional(fields: JsonFields, group: string, name: string): bigint {
  if (!fields.has(group)) return 0n;
  const inner = fields.object(group);
  if (!inner.has(name)) return 0n;
  return BigInt(inner.number(name, 0));
}
