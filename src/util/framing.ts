/** Bytes of a protobuf varint for a non-negative safe integer. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}

/**
 * Bytes that `length` bytes take as one entry of a repeated protobuf field with a number below 16: tag, length, bytes.
 * So a transaction is counted in a block's data, and so everywhere else (reaping, limits, gossip batches): counting raw
 * bytes in one place and framed bytes in another lets a proposer build a block that is too large.
 */
export function framedSize(length: number): number {
  return 1 + varintSize(length) + length;
}
