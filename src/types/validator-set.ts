export interface PublicKey {
  readonly type: 'ed25519' | 'secp256k1';
  /** 32 bytes (ed25519) or 33 compressed (secp256k1). */
  readonly bytes: Uint8Array;
}

export interface Validator {
  /** 20 bytes, derived from the key. */
  readonly address: Uint8Array;
  readonly pubKey: PublicKey;
  readonly votingPower: bigint;
  readonly proposerPriority: bigint;
}

/** Power 0 removes the validator. */
export interface ValidatorUpdate {
  readonly pubKey: PublicKey;
  readonly power: bigint;
}
