/** Randomness that need not be secret: jitter, sampling, request ids. Keys are made by `crypto/`. */
export interface Random {
  /** A number in [0, 1). */
  uniform(): number;
  /** `length` random bytes. */
  bytes(length: number): Uint8Array;
}
