import type { BlockId } from '#types/block-id.ts';
import { parseTime } from '#types/time.ts';
import { fromHex } from '#util/bytes.ts';
import { describe } from './describe.ts';
import { refuse } from './errors.ts';

/** Bytes of a hash and of an address. */
export const HASH_LENGTH = 32;
export const ADDRESS_LENGTH = 20;
/** Bytes of an Ed25519 or secp256k1 signature. */
const SIGNATURE_LENGTH = 64;

export type Fields = Readonly<Record<string, unknown>>;

/** Readers of evidence in CometBFT's JSON. Each throws an RpcError that names the field. */

export function fields(value: unknown, name: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw refuse(`${name} must be an object, got ${describe(value)}`);
}

/** Go writes an empty list as null. */
export function list(value: unknown, name: string, max: number): readonly unknown[] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value) && value.length <= max) return value;
  throw refuse(`${name} must be a list of at most ${max}, got ${describe(value)}`);
}

export function text(value: unknown, name: string, maxBytes: number): string {
  if (typeof value === 'string' && value.length <= maxBytes) return value;
  throw refuse(`${name} must be a string of at most ${maxBytes} bytes, got ${describe(value)}`);
}

export function int32(value: unknown, name: string): number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31) return value as number;
  throw refuse(`${name} must be a number from 0 to 2^31-1, got ${describe(value)}`);
}

export function bigint(value: unknown, name: string): bigint {
  if (typeof value === 'string' && /^[0-9]{1,19}$/.test(value)) return BigInt(value);
  throw refuse(`${name} must be a string of digits, got ${describe(value)}`);
}

/** As `bigint`, with a sign where there is one. */
export function signed(value: unknown, name: string): bigint {
  if (typeof value === 'string' && /^-?[0-9]{1,19}$/.test(value)) return BigInt(value);
  throw refuse(`${name} must be a string of digits, got ${describe(value)}`);
}

/** A height. */
export function integer(value: unknown, name: string): number {
  const number = bigint(value, name);
  if (number <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(number);
  throw refuse(`${name} is out of range: ${number}`);
}

export function time(value: unknown, name: string): bigint {
  if (typeof value === 'string') return parseTime(value);
  throw refuse(`${name} must be an RFC 3339 time, got ${describe(value)}`);
}

/** Empty (a nil block) or exactly `length` bytes. */
export function hexBytes(value: unknown, length: number, name: string): Uint8Array {
  if (typeof value === 'string' && /^[0-9a-fA-F]*$/.test(value) && (value === '' || value.length === 2 * length)) {
    return fromHex(value);
  }
  throw refuse(`${name} must be ${length} bytes in hex, got ${describe(value)}`);
}

export function hexOfAnyLength(value: unknown, name: string, maxBytes: number): Uint8Array {
  if (typeof value === 'string' && /^(?:[0-9a-fA-F]{2})*$/.test(value) && value.length <= 2 * maxBytes) {
    return fromHex(value);
  }
  throw refuse(`${name} must be hex of at most ${maxBytes} bytes, got ${describe(value)}`);
}

export function base64Bytes(value: unknown, name: string): Uint8Array {
  if (typeof value === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(value))
    return new Uint8Array(Buffer.from(value, 'base64'));
  throw refuse(`${name} must be base64, got ${describe(value)}`);
}

export function signature(value: unknown, name: string): Uint8Array {
  const bytes = base64Bytes(value, name);
  if (bytes.length === SIGNATURE_LENGTH) return bytes;
  throw refuse(`${name} must be ${SIGNATURE_LENGTH} bytes in base64, got ${describe(value)}`);
}

export function blockId(value: unknown, name: string): BlockId {
  const source = fields(value, name);
  const parts = fields(source.parts, `${name}.parts`);
  return {
    hash: hexBytes(source.hash, HASH_LENGTH, `${name}.hash`),
    partSetHeader: {
      total: int32(parts.total, `${name}.parts.total`),
      hash: hexBytes(parts.hash, HASH_LENGTH, `${name}.parts.hash`),
    },
  };
}
