import { sha256 } from '#crypto/hash.ts';
import type { CompactBlock } from '#network/messages.ts';
import { hashTxs } from '#types/block.ts';
import { hashCommit } from '#types/commit.ts';
import { hashEvidenceList } from '#types/evidence.ts';
import { hashHeader } from '#types/header.ts';
import type { Proposal } from '#types/proposal.ts';
import { equalBytes } from '#util/bytes.ts';
import { type Body, makeBody } from './body.ts';

/** The block without the transactions that the receivers have. */
export function compactBlock(body: Body, mayBeUnknown: (hash: Uint8Array) => boolean): CompactBlock {
  const { header, lastCommit, evidence, txs } = body.block;
  const full: { index: number; bytes: Uint8Array }[] = [];
  for (const [index, hash] of body.txHashes.entries()) {
    if (mayBeUnknown(hash)) full.push({ index, bytes: txs[index] as Uint8Array });
  }
  return { header, lastCommit, evidence, txHashes: body.txHashes, txs: full };
}

/**
 * Whether it can become the block that the proposal names: who forwards something else is at fault, whoever signed the
 * proposal. Only the part set remains to be compared once the block is whole.
 */
export function isCompactOf(compact: CompactBlock, { height, blockId }: Pick<Proposal, 'height' | 'blockId'>): boolean {
  const { header, lastCommit, evidence, txHashes } = compact;
  return (
    header.height === height &&
    equalBytes(hashHeader(header), blockId.hash) &&
    equalBytes(header.dataHash, hashTxs(txHashes)) &&
    equalBytes(header.lastCommitHash, hashCommit(lastCommit)) &&
    equalBytes(header.evidenceHash, hashEvidenceList(evidence))
  );
}

/** A compact block on its way to being whole. */
export class BlockFilling {
  private readonly compact: CompactBlock;
  private readonly txs: (Uint8Array | undefined)[];

  /** `known` finds a transaction that this node has. */
  constructor(compact: CompactBlock, known: (hash: Uint8Array) => Uint8Array | undefined) {
    this.compact = compact;
    this.txs = compact.txHashes.map(known);
    for (const { index, bytes } of compact.txs) this.offer(index, bytes);
  }

  /** Indexes that are still empty, ascending. */
  missing(): number[] {
    const missing: number[] = [];
    for (const [index, tx] of this.txs.entries()) if (tx === undefined) missing.push(index);
    return missing;
  }

  /** Takes a transaction if it is the one that the block names. */
  offer(index: number, tx: Uint8Array | undefined): void {
    const hash = this.compact.txHashes[index];
    if (tx === undefined || hash === undefined || this.txs[index] !== undefined) return;
    if (equalBytes(sha256(tx), hash)) this.txs[index] = tx;
  }

  /** The whole block with the id that its bytes really have. Only when nothing is missing. */
  body(): Body {
    const { header, lastCommit, evidence, txHashes } = this.compact;
    return makeBody({ header, lastCommit, evidence, txs: this.txs as Uint8Array[] }, txHashes);
  }
}
