/** Of the blocks that are expanded here, indexes of tables, the largest are some hundred kilobytes. */
const MAX_BYTES = 64 * 1024 * 1024;

/** The bytes of one block in Snappy's raw format; undefined when it is not one. */
export function expandSnappy(input: Uint8Array): Uint8Array | undefined {
  const header = readVarint(input, 0);
  if (header === undefined || header.value > MAX_BYTES) return undefined;
  const out = new Uint8Array(header.value);
  let at = header.end;
  let length = 0;
  while (at < input.length) {
    const tag = input[at++] as number;
    const piece = (tag & 3) === 0 ? literal(input, at, tag >> 2) : copy(input, at, tag);
    const { offset } = piece;
    if (length + piece.length > out.length) return undefined;
    if (offset === undefined) {
      if (piece.end + piece.length > input.length) return undefined;
      out.set(input.subarray(piece.end, piece.end + piece.length), length);
      at = piece.end + piece.length;
    } else {
      if (offset === 0 || offset > length || piece.end > input.length) return undefined;
      // Byte by byte: a copy may reach into what it writes.
      for (let i = 0; i < piece.length; i++) out[length + i] = out[length + i - offset] as number;
      at = piece.end;
    }
    length += piece.length;
  }
  return length === out.length ? out : undefined;
}

interface Piece {
  readonly length: number;
  /** How far back to copy from; undefined for bytes that follow in the input. */
  readonly offset: number | undefined;
  /** Where the input goes on. */
  readonly end: number;
}

function literal(input: Uint8Array, at: number, code: number): Piece {
  if (code < 60) return { length: code + 1, offset: undefined, end: at };
  const bytes = code - 59;
  return { length: littleEndian(input, at, bytes) + 1, offset: undefined, end: at + bytes };
}

function copy(input: Uint8Array, at: number, tag: number): Piece {
  if ((tag & 3) === 1) {
    return { length: ((tag >> 2) & 7) + 4, offset: ((tag >> 5) << 8) | (input[at] ?? 0), end: at + 1 };
  }
  const bytes = (tag & 3) === 2 ? 2 : 4;
  return { length: (tag >> 2) + 1, offset: littleEndian(input, at, bytes), end: at + bytes };
}

function littleEndian(input: Uint8Array, at: number, bytes: number): number {
  let value = 0;
  for (let i = bytes - 1; i >= 0; i--) value = value * 256 + (input[at + i] ?? 0);
  return value;
}

/** An unsigned LEB128 number of at most 53 bits, and where it ends; undefined when there is none. */
export function readVarint(
  bytes: Uint8Array,
  at: number,
): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  let scale = 1;
  for (let end = at; end < Math.min(bytes.length, at + 10); end++) {
    const byte = bytes[end] as number;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return Number.isSafeInteger(value) ? { value, end: end + 1 } : undefined;
    scale *= 128;
  }
  return undefined;
}
