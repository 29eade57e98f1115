import { TxMsgData, type TxResponse } from 'cosmjs-types/cosmos/base/abci/v1beta1/abci';
import { GetTxRequest, GetTxResponse, SimulateRequest, SimulateResponse } from 'cosmjs-types/cosmos/tx/v1beta1/service';
import { AuthInfo, type Tx, TxBody, TxRaw } from 'cosmjs-types/cosmos/tx/v1beta1/tx';
import type { LedgerEvent, TxResult } from '#types/results.ts';
import { formatTime } from '#types/time.ts';
import { fromHex, toHex } from '#util/bytes.ts';
import { encodeMessage } from '../codec/exact-writer.ts';
import { Refusal } from '../errors.ts';
import { QueryRefusal } from './errors.ts';
import { type QueryHandler, readRequest, type TxLookup } from './handler.ts';

const SERVICE = '/cosmos.tx.v1beta1.Service';
const TX_TYPE_URL = '/cosmos.tx.v1beta1.Tx';
const HASH_HEX_LENGTH = 64;

/** The SDK's transaction service, as far as `abci_query` serves it. */
export function txQueries(simulate: (bytes: Uint8Array) => TxResult): Readonly<Record<string, QueryHandler>> {
  return {
    [`${SERVICE}/Simulate`]: async (data) => simulateResponse(simulate, simulatedBytes(data)),
    [`${SERVICE}/GetTx`]: async (data, { extra }) => {
      const text = readRequest(GetTxRequest, data).hash;
      const found = await extra.getTx?.(readHash(text));
      if (found === undefined) throw new QueryRefusal('NotFound', `tx not found: ${text}`);
      return encodeMessage(GetTxResponse, getTxResponse(found, text));
    },
  };
}

/** Old clients send the decoded form in `tx`, all others `tx_bytes`. */
function simulatedBytes(data: Uint8Array): Uint8Array {
  const { tx, txBytes } = readRequest(SimulateRequest, data);
  if (txBytes.length > 0) return txBytes;
  if (tx === undefined) throw new QueryRefusal('InvalidArgument', 'empty txBytes is not allowed');
  return encodeMessage(TxRaw, {
    bodyBytes: tx.body === undefined ? new Uint8Array(0) : TxBody.encode(tx.body).finish(),
    authInfoBytes: tx.authInfo === undefined ? new Uint8Array(0) : AuthInfo.encode(tx.authInfo).finish(),
    signatures: tx.signatures,
  });
}

function simulateResponse(simulate: (bytes: Uint8Array) => TxResult, bytes: Uint8Array): Uint8Array {
  const result = simulated(simulate, bytes);
  if (result.code !== 0) throw simulationFailure(result.log, result.gasUsed);
  return encodeMessage(SimulateResponse, {
    gasInfo: { gasWanted: result.gasWanted, gasUsed: result.gasUsed },
    result: {
      data: result.data,
      log: result.log,
      events: result.events.map(protoEvent),
      msgResponses: TxMsgData.decode(result.data).msgResponses,
    },
  });
}

function simulated(simulate: (bytes: Uint8Array) => TxResult, bytes: Uint8Array): TxResult {
  try {
    return simulate(bytes);
  } catch (error) {
    if (error instanceof Refusal) throw simulationFailure(error.log, 0n);
    throw error;
  }
}

function simulationFailure(log: string, gasUsed: bigint): QueryRefusal {
  return new QueryRefusal('Unknown', `${log} with gas used: '${gasUsed}'`);
}

function readHash(text: string): Uint8Array {
  if (text.length !== HASH_HEX_LENGTH || !/^[0-9a-fA-F]*$/.test(text)) {
    throw new QueryRefusal('InvalidArgument', `tx hash must be ${HASH_HEX_LENGTH} hex digits`);
  }
  return fromHex(text);
}

function getTxResponse(found: TxLookup, hash: string): GetTxResponse {
  const { bodyBytes, authInfoBytes, signatures } = TxRaw.decode(found.bytes);
  const tx: Tx = { body: TxBody.decode(bodyBytes), authInfo: AuthInfo.decode(authInfoBytes), signatures };
  const { result } = found;
  const txResponse: TxResponse = {
    height: BigInt(found.height),
    txhash: hash.toUpperCase(),
    codespace: result.codespace,
    code: result.code,
    data: toHex(result.data).toUpperCase(),
    rawLog: result.log,
    logs: [],
    info: result.info,
    gasWanted: result.gasWanted,
    gasUsed: result.gasUsed,
    tx: { typeUrl: TX_TYPE_URL, value: found.bytes },
    timestamp: formatTime(found.time),
    events: result.events.map(protoEvent),
  };
  return { tx, txResponse };
}

function protoEvent({ type, attributes }: LedgerEvent): {
  type: string;
  attributes: { key: string; value: string; index: boolean }[];
} {
  return { type, attributes: attributes.map(({ key, value, index }) => ({ key, value, index })) };
}
