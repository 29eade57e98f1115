/** Merkle root and count of the 65,536-byte parts of an encoded block. */
export interface PartSetHeader {
  readonly total: number;
  readonly hash: Uint8Array;
}

/** What is voted on: header hash and part set together. */
export interface BlockId {
  readonly hash: Uint8Array;
  readonly partSetHeader: PartSetHeader;
}
