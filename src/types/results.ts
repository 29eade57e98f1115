import { merkleRoot } from '#crypto/merkle.ts';
import { EMPTY_BYTES } from '#util/bytes.ts';
import { decodeWhole, type Reader, readMessage } from './wire.ts';
import { encodeEach, Writer } from './wire-writer.ts';

/** One event of the ledger, in the shape of CometBFT's ABCI events. */
export interface LedgerEvent {
  readonly type: string;
  readonly attributes: readonly EventAttribute[];
}

export interface EventAttribute {
  readonly key: string;
  readonly value: string;
  /** Whether tx_search and block_search find it. */
  readonly index: boolean;
}

/** Result of one transaction. `code`, `data` and both gas figures are hashed into the next header. */
export interface TxResult {
  readonly code: number;
  readonly data: Uint8Array;
  readonly log: string;
  readonly info: string;
  readonly gasWanted: bigint;
  readonly gasUsed: bigint;
  readonly events: readonly LedgerEvent[];
  /** Namespace of `code`; empty when it is 0. */
  readonly codespace: string;
}

/** Results come from our own disk; the bound only keeps a damaged length from taking memory. */
const MAX_RESULT_BYTES = 64 * 1024 * 1024;

/** last_results_hash of the next header: code, data and gas of each result, in order; the rest is not agreed on. */
export function hashResults(results: readonly Pick<TxResult, 'code' | 'data' | 'gasWanted' | 'gasUsed'>[]): Uint8Array {
  return merkleRoot(
    encodeEach(results, (writer, result) => {
      writer.number(1, result.code);
      writer.bytes(2, result.data);
      writer.integer(5, result.gasWanted);
      writer.integer(6, result.gasUsed);
    }),
  );
}

/** CometBFT's ExecTxResult with everything, as it is stored. */
export function encodeTxResult(result: TxResult): Uint8Array {
  const writer = new Writer();
  writer.number(1, result.code);
  writer.bytes(2, result.data);
  writer.string(3, result.log);
  writer.string(4, result.info);
  writer.integer(5, result.gasWanted);
  writer.integer(6, result.gasUsed);
  for (const event of result.events) writer.message(7, (inner) => writeEvent(inner, event));
  writer.string(8, result.codespace);
  return writer.finish();
}

/** Throws `bad_encoding`. */
export function decodeTxResult(bytes: Uint8Array): TxResult {
  return decodeWhole(bytes, 'ExecTxResult', MAX_RESULT_BYTES, readTxResult);
}

/** CometBFT's Event message. */
export function encodeEvent(event: LedgerEvent): Uint8Array {
  const writer = new Writer();
  writeEvent(writer, event);
  return writer.finish();
}

/** Throws `bad_encoding`. */
export function decodeEvent(bytes: Uint8Array): LedgerEvent {
  return decodeWhole(bytes, 'Event', MAX_RESULT_BYTES, readEvent);
}

function writeEvent(writer: Writer, event: LedgerEvent): void {
  writer.string(1, event.type);
  for (const attribute of event.attributes) {
    writer.message(2, (inner) => {
      inner.string(1, attribute.key);
      inner.string(2, attribute.value);
      inner.number(3, attribute.index ? 1 : 0);
    });
  }
}

function readTxResult(reader: Reader): TxResult {
  let code = 0;
  let data = EMPTY_BYTES;
  let log = '';
  let info = '';
  let gasWanted = 0n;
  let gasUsed = 0n;
  let codespace = '';
  const events: LedgerEvent[] = [];
  readMessage(
    reader,
    (field) => {
      if (field === 1) code = reader.uint32();
      else if (field === 2) data = reader.bytes({ max: MAX_RESULT_BYTES });
      else if (field === 3) log = reader.string(MAX_RESULT_BYTES);
      else if (field === 4) info = reader.string(MAX_RESULT_BYTES);
      else if (field === 5) gasWanted = reader.int64();
      else if (field === 6) gasUsed = reader.int64();
      else if (field === 7) events.push(reader.message(readEvent));
      else if (field === 8) codespace = reader.string(MAX_RESULT_BYTES);
      else return false;
      return true;
    },
    7,
  );
  return { code, data, log, info, gasWanted, gasUsed, events, codespace };
}

function readEvent(reader: Reader): LedgerEvent {
  let type = '';
  const attributes: EventAttribute[] = [];
  readMessage(
    reader,
    (field) => {
      if (field === 1) type = reader.string(MAX_RESULT_BYTES);
      else if (field === 2) attributes.push(reader.message(readAttribute));
      else return false;
      return true;
    },
    2,
  );
  return { type, attributes };
}

function readAttribute(reader: Reader): EventAttribute {
  let key = '';
  let value = '';
  let index = false;
  readMessage(reader, (field) => {
    if (field === 1) key = reader.string(MAX_RESULT_BYTES);
    else if (field === 2) value = reader.string(MAX_RESULT_BYTES);
    else if (field === 3) index = reader.bool();
    else return false;
    return true;
  });
  return { key, value, index };
}
