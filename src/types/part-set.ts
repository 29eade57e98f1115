import { type MerkleProof, merkleProofs, merkleRoot, verifyMerkleProof } from '#crypto/merkle.ts';
import type { PartSetHeader } from './block-id.ts';
import { PART_BYTES } from './limits.ts';

export interface Part {
  readonly index: number;
  /** A view into the encoded block. */
  readonly bytes: Uint8Array;
  readonly proof: MerkleProof;
}

export interface PartSet {
  readonly header: PartSetHeader;
  readonly parts: readonly Part[];
}

/** Cuts an encoded block into parts of 65,536 bytes, with their proofs. */
export function makePartSet(bytes: Uint8Array): PartSet {
  const chunks = chunksOf(bytes);
  const { root, proofs } = merkleProofs(chunks);
  const parts = chunks.map((chunk, index) => ({ index, bytes: chunk, proof: proofs[index] as MerkleProof }));
  return { header: { total: chunks.length, hash: root }, parts };
}

/** The header alone, which is all that a block id needs. */
export function partSetHeaderOf(bytes: Uint8Array): PartSetHeader {
  const chunks = chunksOf(bytes);
  return { total: chunks.length, hash: merkleRoot(chunks) };
}

/** True when the part is at its place in that set: its index, count and length fit, and its proof holds. */
export function verifyPart(header: PartSetHeader, part: Part): boolean {
  const { index, bytes, proof } = part;
  if (index !== proof.index || proof.total !== header.total || index >= header.total) return false;
  const isLast = index === header.total - 1;
  const fits = isLast ? bytes.length > 0 && bytes.length <= PART_BYTES : bytes.length === PART_BYTES;
  return fits && verifyMerkleProof(header.hash, proof, bytes);
}

function chunksOf(bytes: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; start += PART_BYTES) {
    chunks.push(bytes.subarray(start, Math.min(start + PART_BYTES, bytes.length)));
  }
  return chunks;
}
