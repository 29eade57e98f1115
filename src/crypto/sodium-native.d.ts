/** The part of `sodium-native` that we call; the package ships no types. Outputs come first, as in libsodium. */
declare module 'sodium-native' {
  interface Sodium {
    crypto_hash_sha256(output: Uint8Array, input: Uint8Array): void;
    crypto_sign_keypair(publicKey: Uint8Array, secretKey: Uint8Array): void;
    crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void;
    crypto_sign_detached(signature: Uint8Array, message: Uint8Array, secretKey: Uint8Array): void;
    crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
  }
  const sodium: Sodium;
  export = sodium;
}
