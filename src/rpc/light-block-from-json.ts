import { ABSENT_COMMIT_SIG, type Commit, type CommitSig, FLAG_ABSENT, FLAG_COMMIT, FLAG_NIL } from '#types/commit.ts';
import type { Header } from '#types/header.ts';
import { MAX_CHAIN_ID_BYTES, MAX_VALIDATORS } from '#types/limits.ts';
import { checkValidator } from '#types/validator.ts';
import type { PublicKey, Validator } from '#types/validator-set.ts';
import { describe } from './describe.ts';
import { refuse } from './errors.ts';
import {
  ADDRESS_LENGTH,
  base64Bytes,
  bigint,
  blockId,
  fields,
  HASH_LENGTH,
  hexBytes,
  hexOfAnyLength,
  int32,
  integer,
  list,
  signature,
  signed,
  text,
  time,
} from './evidence-fields.ts';

/** An application chooses its length. */
const MAX_APP_HASH_BYTES = 256;

const KEY_TYPES: Readonly<Record<string, PublicKey['type']>> = {
  'tendermint/PubKeyEd25519': 'ed25519',
  'tendermint/PubKeySecp256k1': 'secp256k1',
};

/** Readers of what a light block is made of, in CometBFT's JSON. Each throws an RpcError that names the field. */

export function headerFromJson(value: unknown): Header {
  const source = fields(value, 'header');
  const version = fields(source.version, 'header.version');
  const hash = (name: string): Uint8Array => hexBytes(source[name], HASH_LENGTH, `header.${name}`);
  return {
    version: {
      block: bigint(version.block, 'header.version.block'),
      app: bigint(version.app ?? '0', 'header.version.app'),
    },
    chainId: text(source.chain_id, 'header.chain_id', MAX_CHAIN_ID_BYTES),
    height: integer(source.height, 'header.height'),
    time: time(source.time, 'header.time'),
    lastBlockId: blockId(source.last_block_id, 'header.last_block_id'),
    lastCommitHash: hash('last_commit_hash'),
    dataHash: hash('data_hash'),
    validatorsHash: hash('validators_hash'),
    nextValidatorsHash: hash('next_validators_hash'),
    consensusHash: hash('consensus_hash'),
    appHash: hexOfAnyLength(source.app_hash, 'header.app_hash', MAX_APP_HASH_BYTES),
    lastResultsHash: hash('last_results_hash'),
    evidenceHash: hash('evidence_hash'),
    proposerAddress: hexBytes(source.proposer_address, ADDRESS_LENGTH, 'header.proposer_address'),
  };
}

export function commitFromJson(value: unknown): Commit {
  const source = fields(value, 'commit');
  return {
    height: integer(source.height, 'commit.height'),
    round: int32(source.round, 'commit.round'),
    blockId: blockId(source.block_id, 'commit.block_id'),
    signatures: list(source.signatures, 'commit.signatures', MAX_VALIDATORS).map((item, at) =>
      commitSig(item, `commit.signatures[${at}]`),
    ),
  };
}

function commitSig(value: unknown, name: string): CommitSig {
  const source = fields(value, name);
  const flag = source.block_id_flag;
  if (flag === FLAG_ABSENT) return ABSENT_COMMIT_SIG;
  if (flag !== FLAG_COMMIT && flag !== FLAG_NIL) {
    throw refuse(`${name}.block_id_flag must be 1, 2 or 3, got ${describe(flag)}`);
  }
  return {
    flag,
    validatorAddress: hexBytes(source.validator_address, ADDRESS_LENGTH, `${name}.validator_address`),
    timestamp: time(source.timestamp, `${name}.timestamp`),
    signature: signature(source.signature, `${name}.signature`),
  };
}

/** `lowestPower` is 0 where light clients take members without power. */
export function validatorsFromJson(value: unknown, name: string, lowestPower: bigint): Validator[] {
  return list(value, name, MAX_VALIDATORS).map((item, at) => validatorFromJson(item, `${name}[${at}]`, lowestPower));
}

export function validatorFromJson(value: unknown, name: string, lowestPower: bigint): Validator {
  const source = fields(value, name);
  const key = fields(source.pub_key, `${name}.pub_key`);
  const type = typeof key.type === 'string' ? KEY_TYPES[key.type] : undefined;
  if (type === undefined) throw refuse(`${name}.pub_key.type is not known: ${describe(key.type)}`);
  const read: Validator = {
    address: hexBytes(source.address, ADDRESS_LENGTH, `${name}.address`),
    pubKey: { type, bytes: base64Bytes(key.value, `${name}.pub_key.value`) },
    votingPower: bigint(source.voting_power, `${name}.voting_power`),
    proposerPriority: signed(source.proposer_priority, `${name}.proposer_priority`),
  };
  checkValidator(read, lowestPower);
  return read;
}
