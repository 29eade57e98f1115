import type { StateView } from '#state/store.ts';
import type { TxResult } from '#types/results.ts';
import type { Time } from '#types/time.ts';
import { fromLatin1 } from '#util/bytes.ts';
import { type Address, type AddressBook, isAddress } from '../address.ts';
import type { Collection } from '../store/collection.ts';
import { QueryRefusal } from './errors.ts';

/** A committed transaction, as `GetTx` shows it. */
export interface TxLookup {
  readonly height: number;
  readonly bytes: Uint8Array;
  readonly result: TxResult;
  /** Time of its block. */
  readonly time: Time;
}

/** What the node adds to the ledger's state. */
export interface QueryExtra {
  /** Finds a committed transaction by hash. */
  readonly getTx?: (hash: Uint8Array) => Promise<TxLookup | undefined>;
}

export interface QueryContext {
  readonly view: StateView;
  readonly extra: QueryExtra;
}

/** Answers one path: protobuf request in, protobuf response out. Throws a QueryRefusal. */
export type QueryHandler = (data: Uint8Array, context: QueryContext) => Promise<Uint8Array>;

/** Decodes a request that a client sent; whatever its bytes do to the decoder is the client's fault. */
export function readRequest<Request>(type: { decode(bytes: Uint8Array): Request }, data: Uint8Array): Request {
  try {
    return type.decode(data);
  } catch (error) {
    throw new QueryRefusal(undefined, `malformed request: ${error instanceof Error ? error.message : 'no protobuf'}`);
  }
}

export function readAddress(addresses: AddressBook, text: string): Address {
  if (text === '') throw new QueryRefusal('InvalidArgument', 'address cannot be empty');
  const address = addresses.parse(text);
  if (!isAddress(address)) throw new QueryRefusal('InvalidArgument', `invalid address: ${address.fault}`);
  return address;
}

/** A record of the view, decoded. */
export async function readRecord<Value>(
  view: StateView,
  collection: Collection<Value>,
  key: string,
): Promise<Value | undefined> {
  const bytes = await view.get(collection.store, fromLatin1(key));
  return bytes === undefined ? undefined : collection.codec.decode(bytes);
}
