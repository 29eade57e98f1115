import type { Block } from '#types/block.ts';
import type { BlockId } from '#types/block-id.ts';
import type { BlockIdFlag, Commit } from '#types/commit.ts';
import type { Evidence } from '#types/evidence.ts';
import type { Header } from '#types/header.ts';
import type { ConsensusParams } from '#types/params.ts';
import type { LedgerEvent, TxResult } from '#types/results.ts';
import { parseTime } from '#types/time.ts';
import type { PublicKey, Validator, ValidatorUpdate } from '#types/validator-set.ts';
import type { Vote, VoteType } from '#types/vote.ts';
import { fromHex } from '#util/bytes.ts';

/** JSON as a real node wrote it: tests trust it, so that reading it stays short. */
export interface Recorded {
  readonly [key: string]: RecordedValue;
}
/** Of many shapes; what JSON.parse gives is what tests read. */
type RecordedValue = ReturnType<typeof JSON.parse>;

export function base64Bytes(text: string | null | undefined): Uint8Array {
  return new Uint8Array(Buffer.from(text ?? '', 'base64'));
}

export function blockIdFrom(json: Recorded): BlockId {
  return {
    hash: fromHex(json.hash),
    partSetHeader: { total: json.parts.total, hash: fromHex(json.parts.hash) },
  };
}

export function headerFrom(json: Recorded): Header {
  return {
    version: { block: BigInt(json.version.block), app: BigInt(json.version.app ?? 0) },
    chainId: json.chain_id,
    height: Number(json.height),
    time: parseTime(json.time),
    lastBlockId: blockIdFrom(json.last_block_id),
    lastCommitHash: fromHex(json.last_commit_hash),
    dataHash: fromHex(json.data_hash),
    validatorsHash: fromHex(json.validators_hash),
    nextValidatorsHash: fromHex(json.next_validators_hash),
    consensusHash: fromHex(json.consensus_hash),
    appHash: fromHex(json.app_hash),
    lastResultsHash: fromHex(json.last_results_hash),
    evidenceHash: fromHex(json.evidence_hash),
    proposerAddress: fromHex(json.proposer_address),
  };
}

export function commitFrom(json: Recorded): Commit {
  return {
    height: Number(json.height),
    round: json.round,
    blockId: blockIdFrom(json.block_id),
    signatures: json.signatures.map((signature: Recorded) => ({
      flag: signature.block_id_flag as BlockIdFlag,
      validatorAddress: fromHex(signature.validator_address),
      timestamp: parseTime(signature.timestamp),
      signature: base64Bytes(signature.signature),
    })),
  };
}

export function voteFrom(json: Recorded): Vote {
  return {
    type: json.type as VoteType,
    height: Number(json.height),
    round: json.round,
    blockId: blockIdFrom(json.block_id),
    timestamp: parseTime(json.timestamp),
    validatorAddress: fromHex(json.validator_address),
    validatorIndex: json.validator_index,
    signature: base64Bytes(json.signature),
  };
}

function evidenceFrom({ value }: Recorded): Evidence {
  return {
    kind: 'duplicate-vote',
    voteA: voteFrom(value.vote_a),
    voteB: voteFrom(value.vote_b),
    totalVotingPower: BigInt(value.TotalVotingPower),
    validatorPower: BigInt(value.ValidatorPower),
    timestamp: parseTime(value.Timestamp),
  };
}

export function blockFrom(json: Recorded): Block {
  return {
    header: headerFrom(json.header),
    txs: json.data.txs.map(base64Bytes),
    evidence: json.evidence.evidence.map(evidenceFrom),
    lastCommit: commitFrom(json.last_commit),
  };
}

export function publicKeyFrom(json: Recorded): PublicKey {
  return { type: json.type === 'tendermint/PubKeyEd25519' ? 'ed25519' : 'secp256k1', bytes: base64Bytes(json.value) };
}

export function validatorFrom(json: Recorded): Validator {
  return {
    address: fromHex(json.address),
    pubKey: publicKeyFrom(json.pub_key),
    votingPower: BigInt(json.voting_power),
    proposerPriority: BigInt(json.proposer_priority),
  };
}

export function validatorUpdateFrom(json: Recorded): ValidatorUpdate {
  const { ed25519 } = json.pub_key.Sum.value;
  return { pubKey: { type: 'ed25519', bytes: base64Bytes(ed25519) }, power: BigInt(json.power ?? 0) };
}

export function eventFrom(json: Recorded): LedgerEvent {
  return { type: json.type, attributes: json.attributes };
}

export function txResultFrom(json: Recorded): TxResult {
  return {
    code: json.code,
    data: base64Bytes(json.data),
    log: json.log,
    info: json.info,
    gasWanted: BigInt(json.gas_wanted),
    gasUsed: BigInt(json.gas_used),
    events: json.events.map(eventFrom),
    codespace: json.codespace,
  };
}

export function paramsFrom(json: Recorded): ConsensusParams {
  return {
    block: { maxBytes: Number(json.block.max_bytes), maxGas: Number(json.block.max_gas) },
    evidence: {
      maxAgeNumBlocks: Number(json.evidence.max_age_num_blocks),
      maxAgeDurationNs: BigInt(json.evidence.max_age_duration),
      maxBytes: Number(json.evidence.max_bytes),
    },
    validator: { pubKeyTypes: json.validator.pub_key_types },
    version: { app: BigInt(json.version.app ?? 0) },
    abci: { voteExtensionsEnableHeight: Number(json.abci.vote_extensions_enable_height ?? 0) },
  };
}
