import { validatorAddress } from '#crypto/address.ts';
import type { StateView } from '#state/store.ts';
import { equalBytes, fromLatin1, toHex } from '#util/bytes.ts';
import { consensusKeyCodec } from './consensus-key.ts';
import { JAILED_FOR_EVER, signingInfoCodec } from './signing-info.ts';
import { PUBLIC_KEY_PREFIX, SIGNING_INFO_PREFIX, SLASHING_STORE, type SlashingState } from './state.ts';

/** Faults found, in words: a record under another validator's address, or a tombstone that ends. */
export async function slashingInvariants(slashing: SlashingState, view: StateView): Promise<string[]> {
  const faults: string[] = [];
  for await (const [key, value] of view.iterate(SLASHING_STORE, { prefix: fromLatin1(SIGNING_INFO_PREFIX) })) {
    const address = addressOf(key);
    const info = signingInfoCodec.decode(value);
    if (info.address !== slashing.addressText(address)) {
      faults.push(`signing info of ${toHex(address)} is of ${info.address}`);
    }
    if (info.tombstoned && info.jailedUntil !== JAILED_FOR_EVER) {
      faults.push(`validator ${info.address} is tombstoned, but not jailed for ever`);
    }
  }
  for await (const [key, value] of view.iterate(SLASHING_STORE, { prefix: fromLatin1(PUBLIC_KEY_PREFIX) })) {
    const address = addressOf(key);
    const publicKey = consensusKeyCodec.decode(value);
    if (!equalBytes(validatorAddress(publicKey), address)) faults.push(`the key of ${toHex(address)} is another's`);
  }
  return faults;
}

/** `prefix | length | address`. */
function addressOf(key: Uint8Array): Uint8Array {
  return key.subarray(2);
}
