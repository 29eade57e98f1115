import { sha256 } from '#crypto/hash.ts';
import type { ByteSlabs } from '#util/byte-slabs.ts';
import { fieldSize, uint64Size, WireWriter } from './codec/wire-writer.ts';
import type { DecodedTx } from './tx.ts';

/** `SignDoc{body_bytes=1, auth_info_bytes=2, chain_id=3, account_number=4}`: what SIGN_MODE_DIRECT signs. */
export function directSignBytes(
  tx: DecodedTx,
  chainId: Uint8Array,
  accountNumber: bigint,
  slabs?: ByteSlabs,
): Uint8Array {
  let size = bytesSize(tx.bodyBytes) + bytesSize(tx.authInfoBytes) + bytesSize(chainId);
  if (accountNumber > 0n) size += 1 + uint64Size(accountNumber);
  const writer = new WireWriter(size, slabs?.take(size));
  if (tx.bodyBytes.length > 0) writer.bytesField(0x0a, tx.bodyBytes);
  if (tx.authInfoBytes.length > 0) writer.bytesField(0x12, tx.authInfoBytes);
  if (chainId.length > 0) writer.bytesField(0x1a, chainId);
  if (accountNumber > 0n) {
    writer.tag(0x20);
    writer.uint64(accountNumber);
  }
  return writer.bytes;
}

/** SHA-256 of the sign bytes: the digest that is signed. */
export function directSignDigest(tx: DecodedTx, chainId: Uint8Array, accountNumber: bigint): Uint8Array {
  return sha256(directSignBytes(tx, chainId, accountNumber));
}

function bytesSize(bytes: Uint8Array): number {
  return bytes.length === 0 ? 0 : fieldSize(bytes.length);
}
