import { base64 } from '@scure/base';
import { verifyEd25519 } from '#crypto/ed25519.ts';
import { PREVOTE } from '#types/vote.ts';
import { EMPTY_BYTES, equalBytes, fromHex, toHex } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import type { SignerErrorCode } from './errors.ts';
import { PUBLIC_KEY_TYPE } from './key-file.ts';
import { compareSigned, type LastSigned, MAX_ROUND, SIGNER_STEP, type SignerStep } from './last-signed.ts';
import { signedFields } from './sign-bytes.ts';

/**
 * What a validator key has signed, in a file that travels with the key: EIP-3076's idea in its minimal form, with
 * Tendermint's height, round and step. Everything up to `last_signed` counts as signed.
 */
const FORMAT_VERSION = '1';
/** Keys in one file; this chain's files have one. */
const MAX_KEYS = 1_000;
const STEP_NAMES = ['none', 'proposal', 'prevote', 'precommit'] as const;
const PROPOSAL_TYPE = 32;

export interface ProtectedChain {
  readonly chainId: string;
  readonly genesisHash: Uint8Array;
}

/** The file's text. Signature and sign bytes are left out where they are not known. */
export function formatProtection(chain: ProtectedChain, publicKey: Uint8Array, last: LastSigned): string {
  const { height, round, step, signBytes, signature } = last;
  const exact =
    signature.length === 0 ? {} : { sign_bytes: toHex(signBytes).toUpperCase(), signature: base64.encode(signature) };
  const file = {
    metadata: {
      interchange_format_version: FORMAT_VERSION,
      chain_id: chain.chainId,
      genesis_hash: toHex(chain.genesisHash),
    },
    data: [
      {
        pub_key: { type: PUBLIC_KEY_TYPE, value: base64.encode(publicKey) },
        last_signed: { height: String(height), round: String(round), step: STEP_NAMES[step], ...exact },
      },
    ],
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/**
 * What the file says of `publicKey` on `chain`: the furthest, if the key is in it more than once. Throws BizraError
 * 'bad_protection_file' that names the field, and 'slashable_history' as `mergeProtection`.
 */
export function parseProtection(text: string, chain: ProtectedChain, publicKey: Uint8Array): LastSigned {
  const file = objectOf(parseJson(text), 'the file');
  checkChain(objectOf(file.metadata, 'metadata'), chain);
  if (!Array.isArray(file.data)) throw fault('data', 'is not a list');
  if (file.data.length > MAX_KEYS) throw fault('data', `has more than ${MAX_KEYS} keys`);
  let found: LastSigned | undefined;
  for (const [index, one] of file.data.entries()) {
    const entry = objectOf(one, `data[${index}]`);
    if (!equalBytes(publicKeyOf(entry.pub_key, `data[${index}].pub_key`), publicKey)) continue;
    const path = `data[${index}].last_signed`;
    const last = lastSignedOf(objectOf(entry.last_signed, path), path);
    checkExact(last, path, chain, publicKey);
    found = found === undefined ? last : mergeProtection(found, last);
  }
  if (found !== undefined) return found;
  throw fault('data', `has nothing of this home's key ${base64.encode(publicKey)}: it belongs to another validator`);
}

/**
 * The further of two records of one key. Where both stand at one place and only one knows what was signed there, `own`
 * stays. Throws BizraError 'slashable_history' when they show two different things signed at one place.
 */
export function mergeProtection(own: LastSigned, other: LastSigned): LastSigned {
  const order = compareSigned(other, own);
  if (order > 0) return other;
  const bothKnown = own.signBytes.length > 0 && other.signBytes.length > 0;
  if (order === 0 && bothKnown && !equalBytes(own.signBytes, other.signBytes)) {
    throw new BizraError<SignerErrorCode>(
      'slashable_history',
      `the file shows another thing signed at height/round/step ${own.height}/${own.round}/${own.step} than this home's record: two processes have signed with this key; nothing was changed`,
    );
  }
  return own;
}

function parseJson(text: string): unknown {
  if (text.trim() === '') throw fault('the file', 'is empty');
  try {
    return JSON.parse(text);
  } catch {
    throw fault('the file', 'is not JSON, or its end is missing');
  }
}

function checkChain(metadata: Record<string, unknown>, chain: ProtectedChain): void {
  const { interchange_format_version: version, chain_id: chainId, genesis_hash: genesisHash } = metadata;
  if (version !== FORMAT_VERSION) {
    throw fault('metadata.interchange_format_version', `is ${shown(version)}, not "${FORMAT_VERSION}"`);
  }
  if (chainId !== chain.chainId) {
    throw fault('metadata.chain_id', `is ${shown(chainId)}: this home is of chain ${chain.chainId}`);
  }
  if (genesisHash !== toHex(chain.genesisHash)) {
    throw fault('metadata.genesis_hash', `is ${shown(genesisHash)}: this home's genesis file has another hash`);
  }
}

function lastSignedOf(json: Record<string, unknown>, path: string): LastSigned {
  const height = numberOf(json.height, `${path}.height`, Number.MAX_SAFE_INTEGER);
  const round = numberOf(json.round, `${path}.round`, MAX_ROUND);
  const step = (STEP_NAMES as readonly unknown[]).indexOf(json.step);
  if (step < 0) throw fault(`${path}.step`, `is ${shown(json.step)}, not one of ${STEP_NAMES.join(', ')}`);
  const signBytes = bytesOf(json.sign_bytes, `${path}.sign_bytes`, fromHex);
  const signature = bytesOf(json.signature, `${path}.signature`, (text) => base64.decode(text));
  return { height, round, step: step as SignerStep, signBytes, signature };
}

/** Sign bytes are given out again as they stand, so they must be what they are said to be. */
function checkExact(last: LastSigned, path: string, chain: ProtectedChain, publicKey: Uint8Array): void {
  const { height, round, step, signBytes, signature } = last;
  if (signBytes.length === 0 && signature.length === 0) return;
  const fields = signedFields(signBytes);
  const fits =
    fields !== undefined &&
    fields.chainId === chain.chainId &&
    fields.height === height &&
    fields.round === round &&
    stepOfType(fields.type) === step;
  if (!fits) throw fault(`${path}.sign_bytes`, 'is not what is signed at that height, round and step of this chain');
  if (!verifyEd25519(publicKey, signBytes, signature)) {
    throw fault(`${path}.signature`, "is not this key's signature of sign_bytes");
  }
}

function stepOfType(type: number): SignerStep {
  if (type === PROPOSAL_TYPE) return SIGNER_STEP.proposal;
  return type === PREVOTE ? SIGNER_STEP.prevote : SIGNER_STEP.precommit;
}

function publicKeyOf(value: unknown, path: string): Uint8Array {
  const { type, value: text } = objectOf(value, path);
  if (type !== PUBLIC_KEY_TYPE) throw fault(`${path}.type`, `is not ${PUBLIC_KEY_TYPE}`);
  return bytesOf(text, `${path}.value`, (encoded) => base64.decode(encoded));
}

function numberOf(value: unknown, path: string, max: number): number {
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (number <= max) return number;
  throw fault(path, `is ${shown(value)}, not a whole number from 0 to ${max} in quotes`);
}

function bytesOf(value: unknown, path: string, decode: (text: string) => Uint8Array): Uint8Array {
  if (value === undefined) return EMPTY_BYTES;
  try {
    if (typeof value === 'string') return decode(value);
  } catch {
    // Told below, as for a value that is no text.
  }
  throw fault(path, 'is malformed');
}

function objectOf(value: unknown, path: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw fault(path, value === undefined ? 'is missing' : 'is not a JSON object');
}

/** A value from a file that anybody may have written, for an error of one line. */
function shown(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value).slice(0, 80);
}

function fault(field: string, what: string): BizraError<SignerErrorCode> {
  return new BizraError('bad_protection_file', `slashing-protection file: ${field} ${what}`);
}
