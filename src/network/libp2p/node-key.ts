import { createHash, createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';
import { privateKeyFromRaw } from '@libp2p/crypto/keys';
import type { Ed25519PrivateKey } from '@libp2p/interface';
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id';
import { toHex } from '#util/bytes.ts';
import { NetworkError } from '../errors.ts';

const SEED_BYTES = 32;
const KEY_BYTES = 64;
const NODE_ID_BYTES = 20;
const KEY_FILE_TYPE = 'tendermint/PrivKeyEd25519';
/** RFC 8410: the fixed DER head of a PKCS #8 Ed25519 key; the seed follows. */
const PKCS8_HEAD = Uint8Array.of(48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32);

/** Who this node is on the wire. Not a validator key. */
export interface NodeKey {
  readonly privateKey: Ed25519PrivateKey;
  /** libp2p peer id, `12D3KooW...`. */
  readonly peerId: string;
  /** CometBFT's form of the same: lower-case hex of the first 20 bytes of sha256(public key). */
  readonly nodeId: string;
  /** seed || public key, 64 bytes: what `node_key.json` holds. */
  readonly bytes: Uint8Array;
}

/** `bytes`: a 32-byte seed, or seed || public key. Throws NetworkError `bad_config`. */
export function nodeKeyFromBytes(bytes: Uint8Array): NodeKey {
  if (bytes.length !== SEED_BYTES && bytes.length !== KEY_BYTES) {
    throw new NetworkError('bad_config', `a node key has 32 or 64 bytes, this one has ${bytes.length}`);
  }
  const seed = bytes.slice(0, SEED_BYTES);
  const publicKey = publicKeyOf(seed);
  if (bytes.length === KEY_BYTES && toHex(bytes.subarray(SEED_BYTES)) !== toHex(publicKey)) {
    throw new NetworkError('bad_config', 'the public half of the node key does not belong to its seed');
  }
  const full = new Uint8Array(KEY_BYTES);
  full.set(seed);
  full.set(publicKey, SEED_BYTES);
  // With 32 bytes privateKeyFromRaw would silently make a secp256k1 key: only ever give it all 64.
  const privateKey = privateKeyFromRaw(full);
  if (privateKey.type !== 'Ed25519') throw new NetworkError('bad_config', 'the node key is not an Ed25519 key');
  return { privateKey, peerId: peerIdFromPrivateKey(privateKey).toString(), nodeId: nodeIdOf(publicKey), bytes: full };
}

/** A new random node key: seed || public key. */
export function generateNodeKey(): Uint8Array {
  return nodeKeyFromBytes(new Uint8Array(randomBytes(SEED_BYTES))).bytes;
}

/** CometBFT's node id of an Ed25519 public key. */
export function nodeIdOf(publicKey: Uint8Array): string {
  return createHash('sha256')
    .update(publicKey)
    .digest('hex')
    .slice(0, 2 * NODE_ID_BYTES);
}

/** CometBFT's node id of a libp2p peer id, for its RPC. Throws NetworkError `bad_config` for other than Ed25519 ids. */
export function nodeIdOfPeer(peerId: string): string {
  const { publicKey } = peerIdFromString(peerId);
  if (publicKey?.type !== 'Ed25519') throw new NetworkError('bad_config', `${peerId} is not an Ed25519 peer id`);
  return nodeIdOf(publicKey.raw);
}

/** Text of `node_key.json`, CometBFT's shape. */
export function formatNodeKeyFile(bytes: Uint8Array): string {
  const value = Buffer.from(nodeKeyFromBytes(bytes).bytes).toString('base64');
  return `${JSON.stringify({ priv_key: { type: KEY_FILE_TYPE, value } })}\n`;
}

/** The 64 key bytes in a `node_key.json`. Throws NetworkError `bad_config` that names the faulty field. */
export function parseNodeKeyFile(text: string): Uint8Array {
  let file: { readonly priv_key?: { readonly type?: unknown; readonly value?: unknown } } | null;
  try {
    file = JSON.parse(text);
  } catch {
    throw new NetworkError('bad_config', 'node key file: not JSON');
  }
  const key = file?.priv_key;
  if (typeof key !== 'object' || key === null) throw new NetworkError('bad_config', 'node key file: no priv_key');
  if (key.type !== KEY_FILE_TYPE) {
    throw new NetworkError('bad_config', `node key file: priv_key.type must be ${KEY_FILE_TYPE}`);
  }
  if (typeof key.value !== 'string' || !/^[A-Za-z0-9+/]{86}==$/.test(key.value)) {
    throw new NetworkError('bad_config', 'node key file: priv_key.value must be the base64 of 64 bytes');
  }
  return nodeKeyFromBytes(new Uint8Array(Buffer.from(key.value, 'base64'))).bytes;
}

function publicKeyOf(seed: Uint8Array): Uint8Array {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return new Uint8Array(spki.subarray(spki.length - SEED_BYTES));
}
