import { Params } from 'cosmjs-types/cosmos/auth/v1beta1/auth';
import { encodeMessage } from '../../codec/exact-writer.ts';
import { genesisNumber, genesisObject } from '../../genesis-fields.ts';
import type { Codec } from '../../store/collection.ts';

/** Parameters of the `auth` module; gas per unit. */
export interface AuthParams {
  readonly maxMemoCharacters: number;
  readonly txSigLimit: number;
  readonly txSizeCostPerByte: number;
  readonly sigVerifyCostEd25519: number;
  readonly sigVerifyCostSecp256k1: number;
}

/** The SDK's defaults. */
export const DEFAULT_AUTH_PARAMS: AuthParams = {
  maxMemoCharacters: 256,
  txSigLimit: 7,
  txSizeCostPerByte: 10,
  sigVerifyCostEd25519: 590,
  sigVerifyCostSecp256k1: 1_000,
};

/** Keeps gas sums exact: a transaction of 22 MB at this price per byte stays below 2^53. */
const MAX_PARAM = 100_000_000;

export const authParamsCodec: Codec<AuthParams> = {
  encode: encodeAuthParams,
  size: (params) => encodeAuthParams(params).length,
  decode: (bytes) => {
    const params = Params.decode(bytes);
    return {
      maxMemoCharacters: Number(params.maxMemoCharacters),
      txSigLimit: Number(params.txSigLimit),
      txSizeCostPerByte: Number(params.txSizeCostPerByte),
      sigVerifyCostEd25519: Number(params.sigVerifyCostEd25519),
      sigVerifyCostSecp256k1: Number(params.sigVerifyCostSecp256k1),
    };
  },
};

function encodeAuthParams(params: AuthParams): Uint8Array {
  return encodeMessage(Params, authParamsMessage(params));
}

/** The SDK's message, for queries. */
export function authParamsMessage(params: AuthParams): Params {
  return {
    maxMemoCharacters: BigInt(params.maxMemoCharacters),
    txSigLimit: BigInt(params.txSigLimit),
    txSizeCostPerByte: BigInt(params.txSizeCostPerByte),
    sigVerifyCostEd25519: BigInt(params.sigVerifyCostEd25519),
    sigVerifyCostSecp256k1: BigInt(params.sigVerifyCostSecp256k1),
  };
}

/** Reads `app_state.auth.params`; what is left out has the SDK's default. None may be zero, as in the SDK. */
export function parseAuthParams(value: unknown, field: string): AuthParams {
  if (value === undefined) return DEFAULT_AUTH_PARAMS;
  const params = genesisObject(value, field);
  const read = (name: string, fallback: number): number =>
    params[name] === undefined ? fallback : genesisNumber(params[name], `${field}.${name}`, 1, MAX_PARAM);
  return {
    maxMemoCharacters: read('max_memo_characters', DEFAULT_AUTH_PARAMS.maxMemoCharacters),
    txSigLimit: read('tx_sig_limit', DEFAULT_AUTH_PARAMS.txSigLimit),
    txSizeCostPerByte: read('tx_size_cost_per_byte', DEFAULT_AUTH_PARAMS.txSizeCostPerByte),
    sigVerifyCostEd25519: read('sig_verify_cost_ed25519', DEFAULT_AUTH_PARAMS.sigVerifyCostEd25519),
    sigVerifyCostSecp256k1: read('sig_verify_cost_secp256k1', DEFAULT_AUTH_PARAMS.sigVerifyCostSecp256k1),
  };
}
