import { ValidatorSigningInfo } from 'cosmjs-types/cosmos/slashing/v1beta1/slashing';
import { fromTimestamp, type Time, toTimestamp } from '#types/time.ts';
import { encodeMessage } from '../../codec/exact-writer.ts';
import type { Codec } from '../../store/collection.ts';

/** What is remembered of a validator's conduct. Replaced, never changed. */
export interface SigningInfo {
  /** Bech32 of the consensus address. */
  readonly address: string;
  /** First height that it could sign. */
  readonly startHeight: bigint;
  readonly indexOffset: bigint;
  readonly jailedUntil: Time;
  /** Punished for signing two things: for ever, and never a second time. */
  readonly tombstoned: boolean;
  readonly missedBlocksCounter: bigint;
}

/** 9999-12-31T23:59:59Z, the SDK's end of time. */
export const JAILED_FOR_EVER: Time = 253_402_300_799n * 1_000_000_000n;
/** The SDK's `time.Unix(0, 0)`: not jailed. */
export const NOT_JAILED: Time = 0n;

export function newSigningInfo(address: string, startHeight: number): SigningInfo {
  return {
    address,
    startHeight: BigInt(startHeight),
    indexOffset: 0n,
    jailedUntil: NOT_JAILED,
    tombstoned: false,
    missedBlocksCounter: 0n,
  };
}

/** The SDK's message, for queries. */
export function signingInfoMessage(info: SigningInfo): ValidatorSigningInfo {
  return { ...info, jailedUntil: toTimestamp(info.jailedUntil) };
}

function encodeSigningInfo(info: SigningInfo): Uint8Array {
  return encodeMessage(ValidatorSigningInfo, signingInfoMessage(info));
}

export const signingInfoCodec: Codec<SigningInfo> = {
  encode: encodeSigningInfo,
  size: (info) => encodeSigningInfo(info).length,
  decode: (bytes) => {
    const info = ValidatorSigningInfo.decode(bytes);
    return { ...info, jailedUntil: fromTimestamp(info.jailedUntil) };
  },
};
