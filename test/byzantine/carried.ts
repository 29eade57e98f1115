import { decodeCompactBlock, encodeCompactBlock } from '#network/compact-block-codec.ts';
import { DEFAULT_MAX_BLOCK_BYTES, DEFAULT_MAX_TX_BYTES } from '#network/limits.ts';
import type { CompactBlock, ProposalMessage } from '#network/messages.ts';

const LIMITS = { maxBlockBytes: DEFAULT_MAX_BLOCK_BYTES, maxTxBytes: DEFAULT_MAX_TX_BYTES };

/** The block that travels with a proposal. */
export function carriedBlock({ block }: ProposalMessage): CompactBlock | undefined {
  return block === undefined ? undefined : decodeCompactBlock(block, LIMITS);
}

/** The same with the hashes of its transactions alone. */
export function withoutTxs(message: ProposalMessage): ProposalMessage {
  const block = carriedBlock(message);
  // The hashes of those that travelled in full are in the block as well.
  return { ...message, block: block && encodeCompactBlock({ ...block, txs: [] }) };
}
