import type { DecodedTx } from '../tx.ts';

/** Bytes of what wallets leave out when they simulate, tags and lengths included; rather too many than too few. */
const SIGNATURE_BYTES = 64;
const SIGNATURE_ENTRY_BYTES = 66;
/** `Any` of a secp256k1 key in a SignerInfo. */
const PUB_KEY_BYTES = 72;
/** `ModeInfo{single{mode}}` against an absent or empty one. */
const MODE_BYTES = 6;
/** Tag, length, and a sequence of up to ten bytes. */
const SIGNER_INFO_BYTES = 14;
/** Tag and a gas limit of up to nine bytes. */
const GAS_LIMIT_BYTES = 10;
/** Tags and lengths of a coin in a fee, and 20 digits. */
const COIN_BYTES = 28;
/** Length prefixes that grow with their content. */
const LENGTH_GROWTH_BYTES = 6;

/** Bytes by which the transaction will be longer once it has key, fee and signatures. */
export function simulationPadding(tx: DecodedTx, baseDenom: string): number {
  let padding = LENGTH_GROWTH_BYTES;
  for (let i = 0; i < tx.signers.length; i++) {
    const signature = tx.signatures[i];
    padding += signature === undefined ? SIGNATURE_ENTRY_BYTES : Math.max(0, SIGNATURE_BYTES - signature.length);
    const info = tx.signerInfos[i];
    if (info === undefined) padding += SIGNER_INFO_BYTES;
    if (info?.pubKey === undefined) padding += PUB_KEY_BYTES;
    if (info?.mode === undefined || info.mode === 0) padding += MODE_BYTES;
  }
  if (tx.gasWanted === 0n) padding += GAS_LIMIT_BYTES;
  if (tx.feeAmount.length === 0) padding += COIN_BYTES + baseDenom.length;
  return padding;
}
