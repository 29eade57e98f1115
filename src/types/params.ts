import { sha256 } from '#crypto/hash.ts';
import { check } from './errors.ts';
import { MAX_BLOCK_BYTES } from './limits.ts';
import { decodeWhole, type Reader, readMessage, required } from './wire.ts';
import { encodeWith, type Writer } from './wire-writer.ts';

/** CometBFT's consensus parameters. Sizes in bytes; -1 means no limit where CometBFT allows it. */
export interface ConsensusParams {
  readonly block: { readonly maxBytes: number; readonly maxGas: number };
  readonly evidence: {
    readonly maxAgeNumBlocks: number;
    readonly maxAgeDurationNs: bigint;
    readonly maxBytes: number;
  };
  readonly validator: { readonly pubKeyTypes: readonly string[] };
  readonly version: { readonly app: bigint };
  readonly abci: { readonly voteExtensionsEnableHeight: number };
}

const NANOS_PER_SECOND = 1_000_000_000n;
const MEBIBYTE = 1024 * 1024;

/** Unbonding in the Cosmos SDK's default genesis; evidence must not expire before the stake that answers for it. */
const UNBONDING_SECONDS = 21 * 24 * 3600;

/** Blocks at the default pace of 250 ms. Evidence expires only when both ages are passed. */
const UNBONDING_BLOCKS = UNBONDING_SECONDS * 4;

export const DEFAULT_CONSENSUS_PARAMS: ConsensusParams = Object.freeze({
  block: Object.freeze({
    /** 4 MiB, CometBFT v1's: v0.38's 21 MB is more than slow links carry within a round (ASA-2023-002). */
    maxBytes: 4 * MEBIBYTE,
    maxGas: -1,
  }),
  evidence: Object.freeze({
    maxAgeNumBlocks: UNBONDING_BLOCKS,
    maxAgeDurationNs: BigInt(UNBONDING_SECONDS) * NANOS_PER_SECOND,
    maxBytes: MEBIBYTE,
  }),
  validator: Object.freeze({ pubKeyTypes: Object.freeze(['ed25519']) }),
  version: Object.freeze({ app: 0n }),
  abci: Object.freeze({ voteExtensionsEnableHeight: 0 }),
});

const KNOWN_KEY_TYPES: readonly string[] = ['ed25519', 'secp256k1'];
const MAX_KEY_TYPES = 16;
const MAX_KEY_TYPE_BYTES = 64;
const MAX_PARAMS_BYTES = 4096;

/** consensus_hash: of the block's two limits alone. */
export function hashConsensusParams(params: ConsensusParams): Uint8Array {
  const { maxBytes, maxGas } = params.block;
  return sha256(
    encodeWith((writer) => {
      writer.integer(1, BigInt(maxBytes));
      writer.integer(2, BigInt(maxGas));
    }),
  );
}

/** Bytes that a block may have; -1 leaves only the limit that every block has. */
export function blockBytesMax({ block }: Pick<ConsensusParams, 'block'>): number {
  return block.maxBytes < 0 ? MAX_BLOCK_BYTES : block.maxBytes;
}

/** Throws `bad_params`, naming the field in CometBFT's spelling, its value and what is allowed. */
export function validateConsensusParams(params: ConsensusParams): void {
  const { block, evidence, validator, abci } = params;
  const largest = blockBytesMax(params);
  const checkRange = (name: string, value: number | bigint, min: number, max: number | bigint): void =>
    check(
      (typeof value === 'bigint' || Number.isSafeInteger(value)) && value >= min && value <= max,
      'bad_params',
      () => `consensus parameter ${name} is ${value}; allowed are ${min} to ${max}`,
    );
  check(block.maxBytes !== 0, 'bad_params', () => 'consensus parameter block.max_bytes is 0; use -1 or a size');
  checkRange('block.max_bytes', block.maxBytes, -1, MAX_BLOCK_BYTES);
  checkRange('block.max_gas', block.maxGas, -1, Number.MAX_SAFE_INTEGER);
  checkRange('evidence.max_age_num_blocks', evidence.maxAgeNumBlocks, 1, Number.MAX_SAFE_INTEGER);
  checkRange('evidence.max_age_duration', evidence.maxAgeDurationNs, 1, 2n ** 63n - 1n);
  checkRange('evidence.max_bytes', evidence.maxBytes, 0, largest);
  const types = validator.pubKeyTypes;
  check(types.length > 0, 'bad_params', () => 'consensus parameter validator.pub_key_types is empty');
  for (const type of types) {
    check(
      KNOWN_KEY_TYPES.includes(type),
      'bad_params',
      () => `consensus parameter validator.pub_key_types has ${JSON.stringify(type)}; known are ${KNOWN_KEY_TYPES}`,
    );
  }
  check(
    abci.voteExtensionsEnableHeight === 0,
    'bad_params',
    () => `consensus parameter abci.vote_extensions_enable_height is ${abci.voteExtensionsEnableHeight}; only 0 works`,
  );
}

/** CometBFT's ConsensusParams message. */
export function encodeConsensusParams(params: ConsensusParams): Uint8Array {
  const { block, evidence, validator, version, abci } = params;
  return encodeWith((writer) => {
    writer.message(1, (inner) => {
      inner.integer(1, BigInt(block.maxBytes));
      inner.integer(2, BigInt(block.maxGas));
    });
    writer.message(2, (inner) => writeEvidenceParams(inner, evidence));
    writer.message(3, (inner) => {
      for (const type of validator.pubKeyTypes) inner.string(1, type);
    });
    writer.message(4, (inner) => inner.integer(1, version.app));
    writer.message(5, (inner) => inner.number(1, abci.voteExtensionsEnableHeight));
  });
}

function writeEvidenceParams(writer: Writer, params: ConsensusParams['evidence']): void {
  writer.number(1, params.maxAgeNumBlocks);
  writer.message(2, (duration) => {
    duration.integer(1, params.maxAgeDurationNs / NANOS_PER_SECOND);
    duration.number(2, Number(params.maxAgeDurationNs % NANOS_PER_SECOND));
  });
  writer.integer(3, BigInt(params.maxBytes));
}

/** Groups that were left out keep their default. Throws `bad_encoding`. Whether the values are sane is not checked. */
export function decodeConsensusParams(bytes: Uint8Array): ConsensusParams {
  return decodeWhole(bytes, 'ConsensusParams', MAX_PARAMS_BYTES, (reader) => {
    let params: ConsensusParams = DEFAULT_CONSENSUS_PARAMS;
    readMessage(reader, (field) => {
      if (field === 1) params = { ...params, block: reader.message(readBlockParams) };
      else if (field === 2) params = { ...params, evidence: reader.message(readEvidenceParams) };
      else if (field === 3) params = { ...params, validator: { pubKeyTypes: reader.message(readKeyTypes) } };
      else if (field === 4) params = { ...params, version: { app: reader.message(readSingle) } };
      else if (field === 5) {
        params = { ...params, abci: { voteExtensionsEnableHeight: exact(reader.message(readSingle), reader) } };
      } else return false;
      return true;
    });
    return params;
  });
}

function readBlockParams(reader: Reader): ConsensusParams['block'] {
  let maxBytes = 0;
  let maxGas = 0;
  readMessage(reader, (field) => {
    if (field === 1) maxBytes = exact(reader.int64(), reader);
    else if (field === 2) maxGas = exact(reader.int64(), reader);
    else return false;
    return true;
  });
  return { maxBytes, maxGas };
}

function readEvidenceParams(reader: Reader): ConsensusParams['evidence'] {
  let maxAgeNumBlocks = 0;
  let duration: bigint | undefined;
  let maxBytes = 0;
  readMessage(reader, (field) => {
    if (field === 1) maxAgeNumBlocks = exact(reader.int64(), reader);
    else if (field === 2) duration = reader.message(readDuration);
    else if (field === 3) maxBytes = exact(reader.int64(), reader);
    else return false;
    return true;
  });
  return { maxAgeNumBlocks, maxAgeDurationNs: required(duration, reader, 'maximal age'), maxBytes };
}

function readDuration(reader: Reader): bigint {
  let seconds = 0n;
  let nanos = 0;
  readMessage(reader, (field) => {
    if (field === 1) seconds = reader.int64();
    else if (field === 2) nanos = reader.int32();
    else return false;
    return true;
  });
  return seconds * NANOS_PER_SECOND + BigInt(nanos);
}

function readKeyTypes(reader: Reader): string[] {
  const types: string[] = [];
  readMessage(
    reader,
    (field) => {
      if (field !== 1 || types.length === MAX_KEY_TYPES) return false;
      types.push(reader.string(MAX_KEY_TYPE_BYTES));
      return true;
    },
    1,
  );
  return types;
}

/** VersionParams and ABCIParams both have one integer. */
function readSingle(reader: Reader): bigint {
  let value = 0n;
  readMessage(reader, (field) => {
    if (field !== 1) return false;
    value = reader.uint64();
    return true;
  });
  return value;
}

function exact(value: bigint, reader: Reader): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw reader.fault(`number ${value} is beyond 2^53 - 1`);
  return number;
}
