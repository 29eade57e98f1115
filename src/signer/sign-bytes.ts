import { BinaryReader } from 'cosmjs-types/binary';
import { Timestamp } from 'cosmjs-types/google/protobuf/timestamp';
import { fromTimestamp, type Time } from '#types/time.ts';

/** The timestamp within sign bytes (length, then a canonical message); undefined when there is none. */
export function timestampIn(signBytes: Uint8Array, field: number): Time | undefined {
  try {
    const reader = new BinaryReader(signBytes);
    const end = reader.uint32() + reader.pos;
    while (reader.pos < end) {
      const tag = reader.uint32();
      if (tag >>> 3 === field) return fromTimestamp(Timestamp.decode(reader.bytes()));
      reader.skipType(tag & 7);
    }
  } catch {
    // Bytes that are no canonical message hold no timestamp; they also equal no other request.
  }
  return undefined;
}
