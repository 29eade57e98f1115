import { base64 } from '@scure/base';
import { validatorAddress } from '#crypto/address.ts';
import {
  ED25519_PRIVATE_KEY_LENGTH,
  ED25519_SEED_LENGTH,
  type Ed25519KeyPair,
  generateEd25519,
} from '#crypto/ed25519.ts';
import type { Files } from '#ports/files.ts';
import { equalBytes, toHex } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import type { SignerErrorCode } from './errors.ts';

export const PUBLIC_KEY_TYPE = 'tendermint/PubKeyEd25519';
const PRIVATE_KEY_TYPE = 'tendermint/PrivKeyEd25519';
/** Permission bits of the group and of all others. */
const OTHERS_MASK = 0o077;

/** Files that can tell their permission bits; a model in memory has none. */
export interface KeyFiles extends Files {
  /** Permission bits, or undefined when the file does not exist. */
  mode?(path: string): Promise<number | undefined>;
}

/** Text of `priv_validator_key.json` as CometBFT writes it. */
export function formatKeyFile(key: Ed25519KeyPair): string {
  const file = {
    address: toHex(validatorAddress({ type: 'ed25519', bytes: key.publicKey })).toUpperCase(),
    pub_key: { type: PUBLIC_KEY_TYPE, value: base64.encode(key.publicKey) },
    priv_key: { type: PRIVATE_KEY_TYPE, value: base64.encode(key.privateKey) },
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/** Text of `node_key.json`: a private key alone. */
export function formatNodeKeyFile(key: Ed25519KeyPair): string {
  const file = { priv_key: { type: PRIVATE_KEY_TYPE, value: base64.encode(key.privateKey) } };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/**
 * Reads a validator's key. Throws BizraError 'bad_key_file', naming the file and the field, when it is missing, can be
 * read by others, or contradicts itself. No message ever shows key bytes.
 */
export async function readKeyFile(files: KeyFiles, path: string): Promise<Ed25519KeyPair> {
  const json = await readSecretJson(files, path);
  const key = keyPair(path, json);
  const publicKey = typed(path, json, 'pub_key', PUBLIC_KEY_TYPE);
  if (!equalBytes(publicKey, key.publicKey)) throw fault(path, 'pub_key', 'is not the public key of priv_key');
  const address = toHex(validatorAddress({ type: 'ed25519', bytes: key.publicKey })).toUpperCase();
  if (json.address !== address) throw fault(path, 'address', `is not the key's address ${address}`);
  return key;
}

/** Reads a node's key; errors as `readKeyFile`. */
export async function readNodeKeyFile(files: KeyFiles, path: string): Promise<Ed25519KeyPair> {
  return keyPair(path, await readSecretJson(files, path));
}

/** Refuses a file that its owner's group or others can read or write. */
export async function checkPrivate(files: KeyFiles, path: string): Promise<void> {
  const mode = await files.mode?.(path);
  if (mode === undefined || (mode & OTHERS_MASK) === 0) return;
  throw new BizraError<SignerErrorCode>(
    'bad_key_file',
    `${path} can be read by others (mode ${(mode & 0o777).toString(8)}): run chmod 600 ${path}`,
  );
}

async function readSecretJson(files: KeyFiles, path: string): Promise<Record<string, unknown>> {
  await checkPrivate(files, path);
  const bytes = await files.read(path);
  if (bytes === undefined) throw fault(path, 'the file', 'does not exist');
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>;
  } catch {
    // The parser's message quotes the text around the fault, which may be the key.
  }
  throw fault(path, 'the file', 'is not a JSON object');
}

function keyPair(path: string, json: Record<string, unknown>): Ed25519KeyPair {
  const privateKey = typed(path, json, 'priv_key', PRIVATE_KEY_TYPE);
  if (privateKey.length !== ED25519_PRIVATE_KEY_LENGTH) {
    throw fault(path, 'priv_key', `has ${privateKey.length} bytes instead of ${ED25519_PRIVATE_KEY_LENGTH}`);
  }
  const key = generateEd25519(privateKey.slice(0, ED25519_SEED_LENGTH));
  if (!equalBytes(key.privateKey, privateKey)) throw fault(path, 'priv_key', 'has a seed and a public key that differ');
  return key;
}

/** Value of a `{"type", "value"}` pair of amino's JSON. */
function typed(path: string, json: Record<string, unknown>, field: string, type: string): Uint8Array {
  const pair = json[field];
  if (typeof pair !== 'object' || pair === null) throw fault(path, field, 'is missing');
  const { type: actual, value } = pair as { type?: unknown; value?: unknown };
  if (actual !== type) throw fault(path, `${field}.type`, `is not ${type}`);
  if (typeof value !== 'string') throw fault(path, `${field}.value`, 'is not a string');
  try {
    return base64.decode(value);
  } catch {
    throw fault(path, `${field}.value`, 'is not base64');
  }
}

function fault(path: string, field: string, what: string): BizraError<SignerErrorCode> {
  return new BizraError('bad_key_file', `${path}: ${field} ${what}: put the right key file there, from your backup`);
}
