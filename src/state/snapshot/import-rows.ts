import { checkedValue, withChecksum } from '#storage/checksummed.ts';
import { KEY_SPACE } from '#storage/key-space.ts';

/**
 * Rows of an import under way, next to the head record that ends it: the manifest, and a mark for each chunk whose leaves
 * are written.
 */
export const MANIFEST_KEY = Uint8Array.of(KEY_SPACE.stateHead, 0x6d);
const MARK = 0x6b;

export const MARK_RANGE = {
  gte: Uint8Array.of(KEY_SPACE.stateHead, MARK),
  lt: Uint8Array.of(KEY_SPACE.stateHead, MARK + 1),
};

export function encodeImport(manifest: Uint8Array): Uint8Array {
  return withChecksum(manifest);
}

/** Throws MachineError 'damaged'. */
export function decodeImport(record: Uint8Array): Uint8Array {
  return checkedValue(record, MANIFEST_KEY, 'manifest of an import');
}

export function markKey(index: number): Uint8Array {
  const out = new Uint8Array(6);
  out[0] = KEY_SPACE.stateHead;
  out[1] = MARK;
  new DataView(out.buffer).setUint32(2, index);
  return out;
}

/** The hash of the chunk is enough to see that a mark is whole and of this manifest. */
export function encodeMark(chunkHash: Uint8Array): Uint8Array {
  return withChecksum(chunkHash);
}

/** Index and chunk hash of a mark. Throws MachineError 'damaged'. */
export function decodeMark(key: Uint8Array, record: Uint8Array): { index: number; hash: Uint8Array } {
  const index = new DataView(key.buffer, key.byteOffset, key.byteLength).getUint32(2);
  return { index, hash: checkedValue(record, key, 'mark of an imported chunk') };
}
