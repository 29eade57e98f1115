import { assert } from '#util/assert.ts';
import type { VerifyItem } from './verifier.ts';

/**
 * A batch as one buffer that can be handed to another thread without copying: for every item its type, whether a
 * digest comes instead of the message, three lengths (little-endian 32 bits), then key, message and signature.
 */

const TYPES: readonly VerifyItem['type'][] = ['ed25519', 'secp256k1'];
const HAS_DIGEST = 2;
const HEAD_BYTES = 16;

export function packItems(items: readonly VerifyItem[]): ArrayBuffer {
  let size = 0;
  for (const item of items) {
    size += HEAD_BYTES + item.publicKey.length + bodyOf(item).length + item.signature.length;
  }
  const buffer = new ArrayBuffer(size);
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  let offset = 0;
  for (const item of items) {
    const type = TYPES.indexOf(item.type);
    assert(type >= 0, 'a signature type is known');
    const { publicKey, signature } = item;
    const body = bodyOf(item);
    view.setUint32(offset, type | (item.digest === undefined ? 0 : HAS_DIGEST), true);
    view.setUint32(offset + 4, publicKey.length, true);
    view.setUint32(offset + 8, body.length, true);
    view.setUint32(offset + 12, signature.length, true);
    offset += HEAD_BYTES;
    bytes.set(publicKey, offset);
    offset += publicKey.length;
    bytes.set(body, offset);
    offset += body.length;
    bytes.set(signature, offset);
    offset += signature.length;
  }
  return buffer;
}

/** The items of `packItems`, as views into the buffer. */
export function unpackItems(buffer: ArrayBuffer): VerifyItem[] {
  const view = new DataView(buffer);
  const items: VerifyItem[] = [];
  let offset = 0;
  while (offset < buffer.byteLength) {
    const flags = view.getUint32(offset, true);
    let start = offset + HEAD_BYTES;
    const [publicKey, body, signature] = [1, 2, 3].map((i) => {
      const length = view.getUint32(offset + 4 * i, true);
      start += length;
      return new Uint8Array(buffer, start - length, length);
    }) as [Uint8Array, Uint8Array, Uint8Array];
    const type = TYPES[flags & 1] as VerifyItem['type'];
    const hasDigest = (flags & HAS_DIGEST) !== 0;
    items.push({ type, publicKey, message: body, signature, ...(hasDigest ? { digest: body } : {}) });
    offset = start;
  }
  return items;
}

/** With a digest, the message is not needed. */
function bodyOf(item: VerifyItem): Uint8Array {
  return item.digest ?? item.message;
}
