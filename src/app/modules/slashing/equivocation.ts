import { Equivocation } from 'cosmjs-types/cosmos/evidence/v1beta1/evidence';
import { Any } from 'cosmjs-types/google/protobuf/any';
import { sha256 } from '#crypto/hash.ts';
import { fromTimestamp, type Time, toTimestamp } from '#types/time.ts';
import { encodeMessage } from '../../codec/exact-writer.ts';
import type { Codec } from '../../store/collection.ts';

/** A punished offence, as the SDK's evidence module keeps it: double signs and attacks on light clients alike. */
export interface PunishedOffence {
  /** Of the offence, not of the punishment. */
  readonly height: bigint;
  readonly time: Time;
  readonly power: bigint;
  /** Bech32. */
  readonly consensusAddress: string;
}

export const EQUIVOCATION_URL = '/cosmos.evidence.v1beta1.Equivocation';

export const offenceCodec: Codec<PunishedOffence> = {
  encode: encodeOffence,
  size: (offence) => encodeOffence(offence).length,
  decode: (bytes) => {
    const { time, ...rest } = Equivocation.decode(Any.decode(bytes).value);
    return { ...rest, time: fromTimestamp(time) };
  },
};

/** The SDK's `Equivocation.Hash()`: the record's key. */
export function offenceHash(offence: PunishedOffence): Uint8Array {
  return sha256(encodeEquivocation(offence));
}

function encodeOffence(offence: PunishedOffence): Uint8Array {
  return encodeMessage(Any, { typeUrl: EQUIVOCATION_URL, value: encodeEquivocation(offence) });
}

function encodeEquivocation({ time, ...rest }: PunishedOffence): Uint8Array {
  return encodeMessage(Equivocation, { ...rest, time: toTimestamp(time) });
}
