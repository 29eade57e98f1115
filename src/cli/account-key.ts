import { HDKey } from '@scure/bip32';
import { generateMnemonic, mnemonicToSeed, validateMnemonic } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { accountAddress, encodeBech32 } from '#crypto/address.ts';
import { secp256k1PublicKey } from '#crypto/secp256k1.ts';
import { assert } from '#util/assert.ts';
import { fromHex } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { usageError } from './errors.ts';

/** Cosmos' path (BIP-44 coin type 118); the last number counts the accounts of one mnemonic. */
const HD_PATH_PREFIX = "m/44'/118'/0'/0/";
/** Bits of entropy: 24 words, what Cosmos wallets make. */
const MNEMONIC_STRENGTH = 256;

/** An account's key pair. `privateKey` never appears in output unless a command was asked for it. */
export interface AccountKey {
  /** 32 bytes. */
  readonly privateKey: Uint8Array;
  /** 33 bytes, compressed. */
  readonly publicKey: Uint8Array;
  /** 20 bytes. */
  readonly address: Uint8Array;
}

export function newMnemonic(): string {
  return generateMnemonic(wordlist, MNEMONIC_STRENGTH);
}

/** Single spaces, lower case: how people paste words. Throws `usage` when it is not a BIP-39 mnemonic. */
export function normalizeMnemonic(text: string): string {
  const words = text.trim().toLowerCase().split(/\s+/).join(' ');
  if (!validateMnemonic(words, wordlist)) {
    throw usageError('not a BIP-39 mnemonic: 12 to 24 English words with a checksum expected; check for a wrong word');
  }
  return words;
}

/** Keys 0 to `count` - 1 of one mnemonic. */
export async function keysOfMnemonic(mnemonic: string, count: number): Promise<AccountKey[]> {
  const parent = HDKey.fromMasterSeed(await mnemonicToSeed(mnemonic)).derive(HD_PATH_PREFIX.slice(0, -1));
  return Array.from({ length: count }, (_, index) => {
    const { privateKey } = parent.deriveChild(index);
    assert(privateKey !== null, 'a derived key is private when its master is');
    return keyOf(privateKey);
  });
}

export async function keyOfMnemonic(mnemonic: string, index = 0): Promise<AccountKey> {
  const node = HDKey.fromMasterSeed(await mnemonicToSeed(mnemonic)).derive(HD_PATH_PREFIX + index);
  assert(node.privateKey !== null, 'a derived key is private when its master is');
  return keyOf(node.privateKey);
}

/** Throws BizraError `bad_key` when the bytes are no private key. */
export function keyOf(privateKey: Uint8Array): AccountKey {
  const publicKey = secp256k1PublicKey(privateKey);
  return { privateKey, publicKey, address: accountAddress(publicKey) };
}

/** 64 hex digits, with or without `0x`. The text itself is not repeated in the error: it may be a key. */
export function keyOfHex(text: string): AccountKey {
  const hex = text.trim().replace(/^0x/, '');
  if (!/^[0-9a-fA-F]{64}$/.test(hex)) throw usageError('not a private key: 64 hex digits expected');
  try {
    return keyOf(fromHex(hex));
  } catch (error) {
    if (error instanceof BizraError) throw usageError('not a private key: the number is outside of secp256k1');
    throw error;
  }
}

export function addressText(prefix: string, address: Uint8Array): string {
  return encodeBech32(prefix, address);
}
