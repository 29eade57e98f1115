import type { MerkleProof } from '#crypto/merkle.ts';
import type { Block } from '#types/block.ts';
import type { BlockId } from '#types/block-id.ts';
import type { Commit, CommitSig } from '#types/commit.ts';
import type { Evidence } from '#types/evidence.ts';
import type { Header } from '#types/header.ts';
import type { ConsensusParams } from '#types/params.ts';
import type { LedgerEvent, TxResult } from '#types/results.ts';
import { formatTime } from '#types/time.ts';
import type { PublicKey, Validator, ValidatorUpdate } from '#types/validator-set.ts';
import type { Vote } from '#types/vote.ts';
import type { BlockMeta, BlockResults } from './node-api.ts';

/**
 * Domain types as CometBFT 0.38's JSON (wire-formats 6.4): 64-bit integers as strings, smaller ones as numbers, hashes
 * and addresses as upper-case hex, other bytes as base64, the keys in its order. Each function returns plain values for
 * `JSON.stringify`.
 */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

export function hex(bytes: Uint8Array): string {
  return view(bytes).toString('hex').toUpperCase();
}

export function base64(bytes: Uint8Array): string {
  return view(bytes).toString('base64');
}

/** Bytes that CometBFT leaves out as null when there are none. */
export function base64OrNull(bytes: Uint8Array | undefined): string | null {
  return bytes === undefined || bytes.length === 0 ? null : base64(bytes);
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function blockIdJson(id: BlockId): Json {
  return { hash: hex(id.hash), parts: { total: id.partSetHeader.total, hash: hex(id.partSetHeader.hash) } };
}

export function headerJson(header: Header): Json {
  const { block, app } = header.version;
  return {
    version: app === 0n ? { block: String(block) } : { block: String(block), app: String(app) },
    chain_id: header.chainId,
    height: String(header.height),
    time: formatTime(header.time),
    last_block_id: blockIdJson(header.lastBlockId),
    last_commit_hash: hex(header.lastCommitHash),
    data_hash: hex(header.dataHash),
    validators_hash: hex(header.validatorsHash),
    next_validators_hash: hex(header.nextValidatorsHash),
    consensus_hash: hex(header.consensusHash),
    app_hash: hex(header.appHash),
    last_results_hash: hex(header.lastResultsHash),
    evidence_hash: hex(header.evidenceHash),
    proposer_address: hex(header.proposerAddress),
  };
}

export function commitJson(commit: Commit): Json {
  return {
    height: String(commit.height),
    round: commit.round,
    block_id: blockIdJson(commit.blockId),
    signatures: commit.signatures.map(commitSigJson),
  };
}

function commitSigJson(signature: CommitSig): Json {
  return {
    block_id_flag: signature.flag,
    validator_address: hex(signature.validatorAddress),
    timestamp: formatTime(signature.timestamp),
    signature: base64OrNull(signature.signature),
  };
}

export function blockJson(block: Block): Json {
  return {
    header: headerJson(block.header),
    data: { txs: block.txs.map(base64) },
    evidence: { evidence: block.evidence.map(evidenceJson) },
    last_commit: commitJson(block.lastCommit),
  };
}

export function blockMetaJson(meta: BlockMeta): Json {
  return {
    block_id: blockIdJson(meta.blockId),
    block_size: String(meta.blockSize),
    header: headerJson(meta.header),
    num_txs: String(meta.txCount),
  };
}

const PUBLIC_KEY_TYPES = { ed25519: 'tendermint/PubKeyEd25519', secp256k1: 'tendermint/PubKeySecp256k1' } as const;
const PROTO_KEY_TYPES = {
  ed25519: 'tendermint.crypto.PublicKey_Ed25519',
  secp256k1: 'tendermint.crypto.PublicKey_Secp256k1',
} as const;

export function publicKeyJson(key: PublicKey): Json {
  return { type: PUBLIC_KEY_TYPES[key.type], value: base64(key.bytes) };
}

export function validatorJson(validator: Validator): Json {
  return {
    address: hex(validator.address),
    pub_key: publicKeyJson(validator.pubKey),
    voting_power: String(validator.votingPower),
    proposer_priority: String(validator.proposerPriority),
  };
}

export function validatorUpdateJson({ pubKey, power }: ValidatorUpdate): Json {
  const key = { Sum: { type: PROTO_KEY_TYPES[pubKey.type], value: { [pubKey.type]: base64(pubKey.bytes) } } };
  return power === 0n ? { pub_key: key } : { pub_key: key, power: String(power) };
}

export function voteJson(vote: Vote): Json {
  return {
    type: vote.type,
    height: String(vote.height),
    round: vote.round,
    block_id: blockIdJson(vote.blockId),
    timestamp: formatTime(vote.timestamp),
    validator_address: hex(vote.validatorAddress),
    validator_index: vote.validatorIndex,
    signature: base64OrNull(vote.signature),
    extension: null,
    extension_signature: null,
  };
}

export function eventJson(event: LedgerEvent): Json {
  return {
    type: event.type,
    attributes: event.attributes.map(({ key, value, index }) => ({ key, value, index })),
  };
}

export function txResultJson(result: TxResult): Json {
  return {
    code: result.code,
    data: base64OrNull(result.data),
    log: result.log,
    info: result.info,
    gas_wanted: String(result.gasWanted),
    gas_used: String(result.gasUsed),
    events: result.events.map(eventJson),
    codespace: result.codespace,
  };
}

export function consensusParamsJson(params: ConsensusParams): Json {
  return {
    ...commonParams(params),
    version: { app: String(params.version.app) },
    abci: { vote_extensions_enable_height: String(params.abci.voteExtensionsEnableHeight) },
  };
}

/** Updates are protobuf messages there, which leave zeros out. */
function paramUpdatesJson(params: ConsensusParams): Json {
  const { app } = params.version;
  const height = params.abci.voteExtensionsEnableHeight;
  return {
    ...commonParams(params),
    version: app === 0n ? {} : { app: String(app) },
    abci: height === 0 ? {} : { vote_extensions_enable_height: String(height) },
  };
}

function commonParams(params: ConsensusParams): { [key: string]: Json } {
  return {
    block: { max_bytes: String(params.block.maxBytes), max_gas: String(params.block.maxGas) },
    evidence: {
      max_age_num_blocks: String(params.evidence.maxAgeNumBlocks),
      max_age_duration: String(params.evidence.maxAgeDurationNs),
      max_bytes: String(params.evidence.maxBytes),
    },
    validator: { pub_key_types: params.validator.pubKeyTypes },
  };
}

/** Answer of `block_results`. An empty list is null, as a Go slice that was never filled. */
export function blockResultsJson(results: BlockResults): Json {
  const { txResults, blockEvents, validatorUpdates, consensusParams } = results;
  return {
    height: String(results.height),
    txs_results: listOrNull(txResults, txResultJson),
    finalize_block_events: listOrNull(blockEvents, eventJson),
    validator_updates: listOrNull(validatorUpdates, validatorUpdateJson),
    consensus_param_updates: consensusParams === undefined ? null : paramUpdatesJson(consensusParams),
    app_hash: base64(results.appHash),
  };
}

/** `result_finalize_block` of a NewBlock event: the same as a protobuf message, where empty fields are left out. */
export function finalizeBlockJson(results: BlockResults): Json {
  const { txResults, blockEvents, validatorUpdates, consensusParams, appHash } = results;
  return {
    events: blockEvents.length === 0 ? undefined : blockEvents.map(eventJson),
    tx_results: txResults.length === 0 ? undefined : txResults.map(txResultJson),
    validator_updates: validatorUpdates.length === 0 ? undefined : validatorUpdates.map(validatorUpdateJson),
    consensus_param_updates: consensusParams === undefined ? undefined : paramUpdatesJson(consensusParams),
    app_hash: base64(appHash),
  };
}

function listOrNull<T>(items: readonly T[], render: (item: T) => Json): Json {
  return items.length === 0 ? null : items.map(render);
}

export function txProofJson(root: Uint8Array, tx: Uint8Array, proof: MerkleProof): Json {
  return {
    root_hash: hex(root),
    data: base64(tx),
    proof: {
      total: String(proof.total),
      index: String(proof.index),
      leaf_hash: base64(proof.leafHash),
      aunts: proof.aunts.map(base64),
    },
  };
}

/** Evidence in CometBFT 0.38's spelling: its powers and times are capitalised. */
export function evidenceJson(evidence: Evidence): Json {
  if (evidence.kind === 'duplicate-vote') {
    return {
      type: 'tendermint/DuplicateVoteEvidence',
      value: {
        vote_a: voteJson(evidence.voteA),
        vote_b: voteJson(evidence.voteB),
        TotalVotingPower: String(evidence.totalVotingPower),
        ValidatorPower: String(evidence.validatorPower),
        Timestamp: formatTime(evidence.timestamp),
      },
    };
  }
  const { conflictingBlock } = evidence;
  return {
    type: 'tendermint/LightClientAttackEvidence',
    value: {
      ConflictingBlock: {
        signed_header: { header: headerJson(conflictingBlock.header), commit: commitJson(conflictingBlock.commit) },
        validator_set: {
          validators: conflictingBlock.validators.map(validatorJson),
          proposer: validatorJson(conflictingBlock.proposer),
        },
      },
      CommonHeight: String(evidence.commonHeight),
      ByzantineValidators: evidence.byzantineValidators.map(validatorJson),
      TotalVotingPower: String(evidence.totalVotingPower),
      Timestamp: formatTime(evidence.timestamp),
    },
  };
}
