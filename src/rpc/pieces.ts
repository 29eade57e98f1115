/**
 * Bytes that a socket is given at once. A client that reads slowly is told from one that does not by whether the
 * system takes the next piece in time: 256 KiB in ten seconds is a slow telephone line.
 */
export const PIECE_BYTES = 256 * 1024;

/** Views of the bytes, none larger than a piece; at least one. */
export function piecesOf(bytes: Buffer): Buffer[] {
  if (bytes.length <= PIECE_BYTES) return [bytes];
  const count = Math.ceil(bytes.length / PIECE_BYTES);
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES));
}
