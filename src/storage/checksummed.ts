import { toHex } from '#util/bytes.ts';
import { MachineError } from '#util/errors.ts';
import { crc32c } from './crc32c.ts';

/** A CRC32C, little endian, behind the value. LevelDB alone does not notice a flipped byte in its log. */
export const CHECKSUM_BYTES = 4;

/** Bytes of a key that an error message shows. */
const KEY_BYTES_SHOWN = 40;

/** The value with its checksum appended: what is stored. */
export function withChecksum(value: Uint8Array): Uint8Array {
  const out = new Uint8Array(value.length + CHECKSUM_BYTES);
  out.set(value);
  sealChecksum(out);
  return out;
}

/** Fills the last four bytes of a record that was built with room for them. */
export function sealChecksum(record: Uint8Array): void {
  const end = record.length - CHECKSUM_BYTES;
  const crc = crc32c(record, 0, end);
  record[end] = crc;
  record[end + 1] = crc >>> 8;
  record[end + 2] = crc >>> 16;
  record[end + 3] = crc >>> 24;
}

/**
 * The value without its checksum (a view of `record`). Throws MachineError 'damaged' that names `what` and `key`
 * when the bytes are not what was stored; damage is never taken for absence.
 */
export function checkedValue(record: Uint8Array, key: Uint8Array, what: string): Uint8Array {
  const end = record.length - CHECKSUM_BYTES;
  if (end < 0 || crc32c(record, 0, end) !== storedChecksum(record, end)) throw damaged(key, what);
  return record.subarray(0, end);
}

export function damaged(key: Uint8Array, what: string): MachineError<'damaged'> {
  const shown = toHex(key.subarray(0, KEY_BYTES_SHOWN));
  return new MachineError(
    'damaged',
    `the stored ${what} under key ${shown} is damaged: restore the node from a backup or let it sync again from peers`,
  );
}

function storedChecksum(record: Uint8Array, at: number): number {
  return (
    ((record[at] as number) |
      ((record[at + 1] as number) << 8) |
      ((record[at + 2] as number) << 16) |
      ((record[at + 3] as number) << 24)) >>>
    0
  );
}
