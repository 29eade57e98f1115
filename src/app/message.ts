import type { Address } from './address.ts';
import type { WireReader } from './codec/wire-reader.ts';
import type { TxContext } from './context.ts';
import type { Collection } from './store/collection.ts';

/** Told about each record that a message will probably read. */
export type Touch = (collection: Collection<unknown>, key: string) => void;

/** One kind of message: how it reads, what it needs, what it does. */
export interface MessageType<Message = unknown> {
  /** With the leading slash, as in `Any`. */
  readonly typeUrl: string;
  /** Type URL of the response in the transaction's result data. */
  readonly responseTypeUrl: string;
  /** For the `module` attribute of the message's event. */
  readonly module: string;
  /** Reads the message up to the reader's end; strict. Throws a `tx parse error`. */
  decode(reader: WireReader): Message;
  /** Checks that need no state; run on every route by which a message arrives. Throws a Refusal. */
  verify(message: Message): void;
  /** Accounts that must have signed, in order; only asked when `verify` passed. */
  signers(message: Message): readonly Address[];
  /** A hint for prefetching: changes neither result nor gas. */
  touches(message: Message, touch: Touch): void;
  /** Does it, and returns the encoded response. Throws a Refusal; the caller then takes all writes back. */
  execute(context: TxContext, message: Message): Uint8Array;
}

export interface DecodedMessage {
  readonly type: MessageType;
  readonly value: unknown;
}
