/**
 * Bytes that a socket is given at once. A client that reads slowly is told from one that does not by whether the
 * system takes the next piece in time: 256 KiB in ten seconds is a slow telephone line.
 */
export const PIECE_BYTES = 256 * 1024;

/** What is small goes in one piece; of the rest each piece is a view, so that clients share what they are all sent. */
export function piecesOf(parts: readonly Buffer[]): Buffer[] {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (length <= PIECE_BYTES) return [Buffer.concat(parts)];
  return parts.flatMap(viewsOf);
}

function viewsOf(part: Buffer): Buffer[] {
  const count = Math.ceil(part.length / PIECE_BYTES);
  return Array.from({ length: count }, (_, i) => part.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES));
}
