export type { ProofOp } from '#light/proof-spec.ts';

/** Name of a module's store, as in the app hash's simple map (`acc`, `bank`, ...). */
export type StoreName = string;

/** Reads committed or pending state. Synchronous, so that execution never waits. Returned arrays must not be changed. */
export interface StateReader {
  get(store: StoreName, key: Uint8Array): Uint8Array | undefined;
}

/**
 * What a block changed: store -> key (one character a byte, latin1) -> new value, or undefined for a deletion.
 * Keys and values are never empty (ICS-23 cannot prove empty ones).
 */
export type ChangeSet = ReadonlyMap<StoreName, ReadonlyMap<string, Uint8Array | undefined>>;

/** Bounds of a walk over one store: keys that start with `prefix`, from `start` on. */
export interface StoreRange {
  readonly prefix: Uint8Array;
  /** First key to return (inclusive; in `reverse`, the walk starts at the last key at or before it). */
  readonly start?: Uint8Array;
  readonly reverse?: boolean;
  readonly limit?: number;
}

/** State at one kept height, for queries. Must be released. */
export interface StateView {
  readonly height: number;
  get(store: StoreName, key: Uint8Array): Promise<Uint8Array | undefined>;
  iterate(store: StoreName, range: StoreRange): AsyncIterable<readonly [key: Uint8Array, value: Uint8Array]>;
  release(): Promise<void>;
}

/** A next version of the tree, computed but not yet the head. */
export interface StagedVersion {
  readonly height: number;
  /** Root of the simple map over all stores: the next header's `app_hash`. */
  readonly appHash: Uint8Array;
}
