import type { LedgerEvent, TxResult } from '#types/results.ts';
import { AssertionError } from '#util/assert.ts';
import { EMPTY_BYTES } from '#util/bytes.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import type { Address } from './address.ts';
import { type AnteParts, runAnte } from './ante/ante.ts';
import { fieldSize, WireWriter } from './codec/wire-writer.ts';
import type { TxContext } from './context.ts';
import { Refusal, SDK_ERRORS } from './errors.ts';
import { attribute } from './events.ts';
import type { DecodedMessage } from './message.ts';
import type { DecodedTx } from './tx.ts';

/**
 * Runs one transaction in `context`: the ante steps, then its messages. A refused ante step leaves nothing; a failing
 * message takes the messages' writes and events back and keeps fee and sequence. `gasLeft` is what the block has left.
 * Throws only UncheckedSignature (all writes taken back) and faults of the machine.
 */
export function runTx(parts: AnteParts, context: TxContext, tx: DecodedTx, gasLeft: bigint | undefined): TxResult {
  const { state } = context;
  const start = state.mark();
  try {
    runAnte(parts, context, tx);
  } catch (error) {
    state.rollback(start);
    return failure(context, tx, deterministic(error), []);
  }
  const anteEvents = context.events;
  if (!context.recordsEvents) return success(context, tx, EMPTY_BYTES, []);
  const messages = state.mark();
  try {
    context.events = [];
    const data = runMessages(context, tx);
    if (gasLeft !== undefined && context.gas.used > gasLeft) throw context.gas.outOfGas('block gas meter');
    return success(context, tx, data, anteEvents.concat(context.events));
  } catch (error) {
    const refusal = deterministic(error);
    state.rollback(messages);
    return failure(context, tx, refusal, anteEvents);
  }
}

/** Result of a transaction that was refused before it could run. */
export function refusedResult(refusal: Refusal, gasWanted: bigint): TxResult {
  return result(refusal.registered.code, refusal.registered.codespace, refusal.log, gasWanted, 0n, EMPTY_BYTES, []);
}

/** What a transaction's code may be made of; anything else stops the node (design 6). */
export function deterministic(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof MachineError) throw error;
  if (error instanceof BizraError || error instanceof AssertionError) {
    return new Refusal(SDK_ERRORS.logic, error.message);
  }
  throw error;
}

/** `TxMsgData{msg_responses=2}`: an `Any` a message. */
function runMessages(context: TxContext, tx: DecodedTx): Uint8Array {
  const responses: Uint8Array[] = [];
  let size = 0;
  for (let i = 0; i < tx.messages.length; i++) {
    const response = runMessage(context, tx.messages[i] as DecodedMessage, i);
    responses.push(response);
    size += fieldSize(response.length);
  }
  const writer = new WireWriter(size);
  for (const response of responses) writer.bytesField(0x12, response);
  return writer.bytes;
}

function runMessage(context: TxContext, { type, value }: DecodedMessage, index: number): Uint8Array {
  context.messageIndex = attribute('msg_index', String(index));
  const sender = type.signers(value)[0] as Address;
  context.emit('message', [
    attribute('action', type.typeUrl),
    attribute('sender', sender.text),
    attribute('module', type.module),
  ]);
  try {
    return encodeResponse(type.responseTypeUrl, type.execute(context, value));
  } catch (error) {
    const isOutOfGas = error instanceof Refusal && error.registered === SDK_ERRORS.outOfGas;
    if (!(error instanceof Refusal) || isOutOfGas) throw error;
    throw error.wrapped(`failed to execute message; message index: ${index}`);
  }
}

function encodeResponse(typeUrl: string, value: Uint8Array): Uint8Array {
  const writer = new WireWriter(fieldSize(typeUrl.length) + (value.length === 0 ? 0 : fieldSize(value.length)));
  writer.asciiField(0x0a, typeUrl);
  if (value.length > 0) writer.bytesField(0x12, value);
  return writer.bytes;
}

function success(context: TxContext, tx: DecodedTx, data: Uint8Array, events: readonly LedgerEvent[]): TxResult {
  return result(0, '', '', tx.gasWanted, context.gas.used, data, events);
}

function failure(context: TxContext, tx: DecodedTx, refusal: Refusal, events: readonly LedgerEvent[]): TxResult {
  const { code, codespace } = refusal.registered;
  return result(code, codespace, refusal.log, tx.gasWanted, context.gas.used, EMPTY_BYTES, events);
}

function result(
  code: number,
  codespace: string,
  log: string,
  gasWanted: bigint,
  gasUsed: bigint,
  data: Uint8Array,
  events: readonly LedgerEvent[],
): TxResult {
  return { code, codespace, log, info: '', gasWanted, gasUsed, data, events };
}
