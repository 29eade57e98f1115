import { BizraError } from '#util/errors.ts';
import type { CryptoErrorCode } from './errors.ts';

/**
 * Bech32 (BIP 173) for addresses. Every transfer carries two of them as text, so this one works on small integers
 * and allocates only its result.
 */

const CHARSET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const CHECKSUM_LENGTH = 6;
/** BIP 173's own limit. */
const MAX_LENGTH = 90;
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3] as const;
const VALUES: readonly number[] = Array.from({ length: 128 }, (_, code) => CHARSET.indexOf(String.fromCharCode(code)));

/** `prefix` lower case. The result is at most 90 characters for addresses of 20 or 32 bytes. */
export function encodeBech32(prefix: string, bytes: Uint8Array): string {
  let text = `${prefix}1`;
  let checksum = prefixChecksum(prefix);
  let accumulator = 0;
  let bits = 0;
  const push = (value: number): void => {
    checksum = step(checksum) ^ value;
    text += CHARSET[value];
  };
  for (const byte of bytes) {
    accumulator = ((accumulator << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      push((accumulator >> bits) & 31);
    }
  }
  if (bits > 0) push((accumulator << (5 - bits)) & 31);
  for (let i = 0; i < CHECKSUM_LENGTH; i++) checksum = step(checksum);
  checksum ^= 1;
  for (let i = 0; i < CHECKSUM_LENGTH; i++) text += CHARSET[(checksum >> (5 * (CHECKSUM_LENGTH - 1 - i))) & 31];
  return text;
}

/** Throws `bad_address` on mixed case, a wrong checksum, padding bits, or more than 90 characters. */
export function decodeBech32(text: string): { prefix: string; bytes: Uint8Array } {
  if (text.length > MAX_LENGTH) throw badAddress(text, `longer than ${MAX_LENGTH} characters`);
  const lower = text.toLowerCase();
  if (text !== lower && text !== text.toUpperCase()) throw badAddress(text, 'mixes upper and lower case');
  const separator = lower.lastIndexOf('1');
  if (separator < 1 || separator + CHECKSUM_LENGTH >= text.length) throw badAddress(text, 'no prefix or no data');
  const prefix = lower.slice(0, separator);
  for (let i = 0; i < separator; i++) {
    const code = prefix.charCodeAt(i);
    if (code < 33 || code > 126) throw badAddress(text, 'invalid character in the prefix');
  }
  return { prefix, bytes: decodeData(text, lower, separator, prefixChecksum(prefix)) };
}

function decodeData(text: string, lower: string, separator: number, start: number): Uint8Array {
  const dataEnd = lower.length - CHECKSUM_LENGTH;
  const out = new Uint8Array(((dataEnd - separator - 1) * 5) >> 3);
  let checksum = start;
  let accumulator = 0;
  let bits = 0;
  let length = 0;
  for (let i = separator + 1; i < lower.length; i++) {
    const value = VALUES[lower.charCodeAt(i)] ?? -1;
    if (value < 0) throw badAddress(text, `invalid character at ${i}`);
    checksum = step(checksum) ^ value;
    if (i >= dataEnd) continue;
    accumulator = ((accumulator << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out[length++] = (accumulator >> bits) & 255;
    }
  }
  if (checksum !== 1) throw badAddress(text, 'checksum does not fit');
  if (bits >= 5 || (accumulator & ((1 << bits) - 1)) !== 0) throw badAddress(text, 'padding is not zero');
  return out;
}

function prefixChecksum(prefix: string): number {
  let checksum = 1;
  for (let i = 0; i < prefix.length; i++) checksum = step(checksum) ^ (prefix.charCodeAt(i) >> 5);
  checksum = step(checksum);
  for (let i = 0; i < prefix.length; i++) checksum = step(checksum) ^ (prefix.charCodeAt(i) & 31);
  return checksum;
}

/** One step of the BCH code; 30 bits. */
function step(checksum: number): number {
  const top = checksum >> 25;
  let next = (checksum & 0x1ffffff) << 5;
  for (let i = 0; i < 5; i++) if ((top >> i) & 1) next ^= GENERATOR[i] as number;
  return next;
}

function badAddress(text: string, fault: string): BizraError<CryptoErrorCode> {
  return new BizraError('bad_address', `invalid bech32 text ${JSON.stringify(text.slice(0, MAX_LENGTH))}: ${fault}`);
}
