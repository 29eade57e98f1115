import { hasSecp256k1KeyForm } from '#crypto/secp256k1-form.ts';
import { type Reader, readMessage, required } from './wire.ts';
import type { Writer } from './wire-writer.ts';

export interface PublicKey {
  readonly type: 'ed25519' | 'secp256k1';
  /** 32 bytes (ed25519) or 33 compressed (secp256k1). */
  readonly bytes: Uint8Array;
}

const ED25519_BYTES = 32;
const SECP256K1_BYTES = 33;

export function publicKeyLength(type: PublicKey['type']): number {
  return type === 'ed25519' ? ED25519_BYTES : SECP256K1_BYTES;
}

/** Length and, for secp256k1, the compressed form: what any key must have before it is used. */
export function isWellFormedKey({ type, bytes }: PublicKey): boolean {
  return type === 'ed25519' ? bytes.length === ED25519_BYTES : hasSecp256k1KeyForm(bytes);
}

/** The fields of a PublicKey message: one of two. */
export function writePublicKey(writer: Writer, { type, bytes }: PublicKey): void {
  writer.bytes(type === 'ed25519' ? 1 : 2, bytes);
}

export function readPublicKey(reader: Reader): PublicKey {
  let key: PublicKey | undefined;
  readMessage(reader, (field) => {
    if (key !== undefined) throw reader.fault('two public keys');
    if (field === 1) key = { type: 'ed25519', bytes: reader.bytes({ allowed: [ED25519_BYTES] }) };
    else if (field === 2) key = { type: 'secp256k1', bytes: reader.bytes({ allowed: [SECP256K1_BYTES] }) };
    else return false;
    return true;
  });
  const present = required(key, reader, 'public key');
  if (!isWellFormedKey(present)) throw reader.fault('key is not a compressed secp256k1 key');
  return Object.freeze(present);
}
