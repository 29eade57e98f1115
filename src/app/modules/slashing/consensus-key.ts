import { PubKey } from 'cosmjs-types/cosmos/crypto/ed25519/keys';
import { Any } from 'cosmjs-types/google/protobuf/any';
import type { PublicKey } from '#types/validator-set.ts';
import { assert } from '#util/assert.ts';
import { encodeMessage } from '../../codec/exact-writer.ts';
import type { Codec } from '../../store/collection.ts';

/** The SDK's names of key types. */
export const CONSENSUS_KEY_URLS: Readonly<Record<PublicKey['type'], string>> = {
  ed25519: '/cosmos.crypto.ed25519.PubKey',
  secp256k1: '/cosmos.crypto.secp256k1.PubKey',
};

/** A validator's key as the SDK keeps it: `Any` of `PubKey{key=1}`, which both kinds share. */
export const consensusKeyCodec: Codec<PublicKey> = {
  encode: encodeKey,
  size: (key) => encodeKey(key).length,
  decode: (bytes) => {
    const { typeUrl, value } = Any.decode(bytes);
    const type = (Object.keys(CONSENSUS_KEY_URLS) as PublicKey['type'][]).find(
      (name) => CONSENSUS_KEY_URLS[name] === typeUrl,
    );
    assert(type !== undefined, 'a stored consensus key has a known type');
    return { type, bytes: PubKey.decode(value).key };
  },
};

function encodeKey({ type, bytes }: PublicKey): Uint8Array {
  return encodeMessage(Any, { typeUrl: CONSENSUS_KEY_URLS[type], value: encodeMessage(PubKey, { key: bytes }) });
}
