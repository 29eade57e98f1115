import { CHECKSUM_BYTES, damaged } from '../checksummed.ts';
import { crc32c } from '../crc32c.ts';
import { KEY_SPACE } from '../key-space.ts';

/**
 * Throws MachineError 'damaged' for a row whose checksum is wrong: a backup is not made of damage. Rows have a CRC32C of
 * their value (checksummed.ts), those of the past one of key and value (undo-rows.ts in state/). A leaf's checksum is
 * its place in the tree: it is checked against the app hash when the backup is restored.
 */
export function checkRow(key: Uint8Array, record: Uint8Array): void {
  if (key[0] === KEY_SPACE.leaves) return;
  const end = record.length - CHECKSUM_BYTES;
  if (end < 0) throw damaged(key, 'row');
  const stored = new DataView(record.buffer, record.byteOffset + end, CHECKSUM_BYTES);
  if (stored.getUint32(0, true) === crc32c(record, 0, end)) return;
  if (stored.getUint32(0) !== crc32c(record, 0, end, crc32c(key))) throw damaged(key, 'row');
}
