import { readFileSync } from 'node:fs';
import type { Block } from '#types/block.ts';
import { type BlockId, NIL_BLOCK_ID } from '#types/block-id.ts';
import { ABSENT_COMMIT_SIG, type BlockIdFlag, type Commit, type CommitSig, FLAG_ABSENT } from '#types/commit.ts';
import type { DuplicateVoteEvidence, Evidence } from '#types/evidence.ts';
import type { Header } from '#types/header.ts';
import type { TxResult } from '#types/results.ts';
import { parseTime } from '#types/time.ts';
import type { PublicKey, Validator } from '#types/validator-set.ts';
import type { Vote, VoteType } from '#types/vote.ts';
import { EMPTY_BYTES, fromHex } from '#util/bytes.ts';

/** CometBFT's JSON -> our types, for tests. Trusts its input: the data is committed beside it. */

export type Json = { readonly [name: string]: Json } & readonly Json[] & string;

const DATA = new URL('./data/', import.meta.url);

export function readText(name: string): string {
  return readFileSync(new URL(name, DATA), 'utf8');
}

export function readJson(name: string): Json {
  return JSON.parse(readText(name)) as Json;
}

/** One JSON document a line. */
export function readJsonLines(name: string): Json[] {
  return readText(name)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Json);
}

/** A field that must be there. */
export function at(json: Json, ...path: (string | number)[]): Json {
  let value: Json = json;
  for (const step of path) {
    const next: Json | undefined = value[step as keyof Json] as Json | undefined;
    if (next === undefined) throw new Error(`no ${path.join('.')} in ${JSON.stringify(json).slice(0, 200)}`);
    value = next;
  }
  return value;
}

export function base64Bytes(json: Json | null | undefined): Uint8Array {
  return json === null || json === undefined ? EMPTY_BYTES : new Uint8Array(Buffer.from(json, 'base64'));
}

export function hexBytes(json: Json | null | undefined): Uint8Array {
  return json === null || json === undefined ? EMPTY_BYTES : fromHex(json);
}

export function toBlockId(json: Json | null | undefined): BlockId {
  if (json === null || json === undefined) return NIL_BLOCK_ID;
  const parts = (json.parts ?? json.part_set_header) as Json;
  return {
    hash: hexBytes(at(json, 'hash')),
    partSetHeader: { total: Number(at(parts, 'total')), hash: hexBytes(at(parts, 'hash')) },
  };
}

export function toHeader(json: Json): Header {
  return {
    version: { block: BigInt(at(json, 'version', 'block')), app: BigInt(json.version?.app ?? 0) },
    chainId: at(json, 'chain_id'),
    height: Number(at(json, 'height')),
    time: parseTime(at(json, 'time')),
    lastBlockId: toBlockId(json.last_block_id),
    lastCommitHash: hexBytes(json.last_commit_hash),
    dataHash: hexBytes(json.data_hash),
    validatorsHash: hexBytes(json.validators_hash),
    nextValidatorsHash: hexBytes(json.next_validators_hash),
    consensusHash: hexBytes(json.consensus_hash),
    appHash: hexBytes(json.app_hash),
    lastResultsHash: hexBytes(json.last_results_hash),
    evidenceHash: hexBytes(json.evidence_hash),
    proposerAddress: hexBytes(at(json, 'proposer_address')),
  };
}

function toCommitSig(json: Json): CommitSig {
  const flag = Number(at(json, 'block_id_flag')) as BlockIdFlag;
  if (flag === FLAG_ABSENT) return ABSENT_COMMIT_SIG;
  return {
    flag,
    validatorAddress: hexBytes(json.validator_address),
    timestamp: parseTime(at(json, 'timestamp')),
    signature: base64Bytes(json.signature),
  };
}

export function toCommit(json: Json): Commit {
  return {
    height: Number(at(json, 'height')),
    round: Number(at(json, 'round')),
    blockId: toBlockId(json.block_id),
    signatures: [...(at(json, 'signatures') ?? [])].map((sig) => toCommitSig(sig as Json)),
  };
}

export function toVote(json: Json): Vote {
  return {
    type: Number(at(json, 'type')) as VoteType,
    height: Number(at(json, 'height')),
    round: Number(at(json, 'round')),
    blockId: toBlockId(json.block_id),
    timestamp: parseTime(at(json, 'timestamp')),
    validatorAddress: hexBytes(at(json, 'validator_address')),
    validatorIndex: Number(json.validator_index ?? 0),
    signature: base64Bytes(json.signature),
  };
}

/** Duplicate votes in v0.38's spelling or in snake case. */
function toEvidence(json: Json): Evidence {
  if (at(json, 'type') !== 'tendermint/DuplicateVoteEvidence') throw new Error(`unexpected ${json.type}`);
  const value = at(json, 'value');
  const evidence: DuplicateVoteEvidence = {
    kind: 'duplicate-vote',
    voteA: toVote(at(value, 'vote_a')),
    voteB: toVote(at(value, 'vote_b')),
    totalVotingPower: BigInt((value.TotalVotingPower ?? value.total_voting_power) as Json),
    validatorPower: BigInt((value.ValidatorPower ?? value.validator_power) as Json),
    timestamp: parseTime((value.Timestamp ?? value.timestamp) as Json),
  };
  return evidence;
}

export function toBlock(json: Json): Block {
  return {
    header: toHeader(at(json, 'header')),
    txs: [...(at(json, 'data').txs ?? [])].map((tx) => base64Bytes(tx as Json)),
    evidence: [...(at(json, 'evidence').evidence ?? [])].map((evidence) => toEvidence(evidence as Json)),
    lastCommit: toCommit(at(json, 'last_commit')),
  };
}

export function toPublicKey(json: Json): PublicKey {
  const type = at(json, 'type') === 'tendermint/PubKeyEd25519' ? 'ed25519' : 'secp256k1';
  return { type, bytes: base64Bytes(at(json, 'value')) };
}

export function toValidator(json: Json): Validator {
  return {
    address: hexBytes(at(json, 'address')),
    pubKey: toPublicKey(at(json, 'pub_key')),
    votingPower: BigInt((json.voting_power ?? json.power) as Json),
    proposerPriority: BigInt(json.proposer_priority ?? 0),
  };
}

export function toTxResult(json: Json): TxResult {
  return {
    code: Number(at(json, 'code')),
    data: base64Bytes(json.data),
    log: json.log ?? '',
    info: json.info ?? '',
    gasWanted: BigInt(json.gas_wanted ?? 0),
    gasUsed: BigInt(json.gas_used ?? 0),
    events: [...(json.events ?? [])].map((event) => ({
      type: at(event as Json, 'type'),
      attributes: [...(at(event as Json, 'attributes') ?? [])].map((attribute) => ({
        key: at(attribute as Json, 'key'),
        value: at(attribute as Json, 'value') ?? '',
        index: Boolean(at(attribute as Json, 'index')),
      })),
    })),
    codespace: json.codespace ?? '',
  };
}
