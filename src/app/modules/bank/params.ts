import { Params } from 'cosmjs-types/cosmos/bank/v1beta1/bank';
import { encodeMessage } from '../../codec/exact-writer.ts';
import { genesisError } from '../../errors.ts';
import { genesisBoolean, genesisList, genesisObject } from '../../genesis-fields.ts';
import type { Codec } from '../../store/collection.ts';

/** Parameters of the `bank` module. */
export interface BankParams {
  /** Whether a denomination without an entry of its own may be sent. */
  readonly defaultSendEnabled: boolean;
}

export const DEFAULT_BANK_PARAMS: BankParams = { defaultSendEnabled: true };

export const bankParamsCodec: Codec<BankParams> = {
  encode: encodeBankParams,
  size: (params) => encodeBankParams(params).length,
  decode: (bytes) => ({ defaultSendEnabled: Params.decode(bytes).defaultSendEnabled }),
};

function encodeBankParams(params: BankParams): Uint8Array {
  return encodeMessage(Params, bankParamsMessage(params));
}

/** The SDK's message, for queries. */
export function bankParamsMessage(params: BankParams): Params {
  return { sendEnabled: [], defaultSendEnabled: params.defaultSendEnabled };
}

/** Reads `app_state.bank.params`. */
export function parseBankParams(value: unknown, field: string): BankParams {
  if (value === undefined) return DEFAULT_BANK_PARAMS;
  const params = genesisObject(value, field);
  if (genesisList(params.send_enabled, `${field}.send_enabled`).length > 0) {
    throw genesisError(`${field}.send_enabled`, 'belongs in app_state.bank.send_enabled');
  }
  if (params.default_send_enabled === undefined) return DEFAULT_BANK_PARAMS;
  return { defaultSendEnabled: genesisBoolean(params.default_send_enabled, `${field}.default_send_enabled`) };
}
