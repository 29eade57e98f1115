import { BinaryWriter } from 'cosmjs-types/binary';

/** Below this, a 64-bit varint is written as a 32-bit one: the same bytes. */
const UINT32_END = 1n << 32n;

/**
 * cosmjs-types 0.11.0 writes 64-bit varints from 2^31 to 2^32 - 1 as zeros (3000000000 becomes `00 00 00 00 00`).
 * Its messages take a writer, so they are given this one.
 */
class ExactWriter extends BinaryWriter {
  // A field in the base class, too.
  override uint64 = (value: string | number | bigint): BinaryWriter => this.int64(value);

  override int64(value: string | number | bigint): BinaryWriter {
    const exact = BigInt(value);
    return exact >= 0n && exact < UINT32_END ? this.uint32(Number(exact)) : super.int64(exact);
  }
}

/** Bytes of a cosmjs-types message. */
export function encodeMessage<Message>(
  type: { encode(message: Message, writer?: BinaryWriter): BinaryWriter },
  message: NoInfer<Message>,
): Uint8Array {
  return type.encode(message, new ExactWriter()).finish();
}
