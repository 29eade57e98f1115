/** Bounds of an ordered walk. Keys compare as unsigned bytes. */
export interface KeyRange {
  readonly gte?: Uint8Array;
  readonly gt?: Uint8Array;
  readonly lt?: Uint8Array;
  readonly lte?: Uint8Array;
  readonly reverse?: boolean;
  /** At most this many entries; absent means all. */
  readonly limit?: number;
}

export interface ReadOptions {
  /**
   * The caller has another way to tell a row that is lost, altered or old from one that is as it was written. Else the
   * database looks at what its answer rests on, which takes longer than to find it.
   */
  readonly unverified?: boolean;
  /** The row tells what it is and must be there: the database looks before it reads, and not once more. */
  readonly selfChecked?: boolean;
}

/** A consistent view of the database at one moment. Must be released. */
export interface KeyValueSnapshot {
  get(key: Uint8Array, options?: ReadOptions): Uint8Array | undefined;
  getMany(keys: readonly Uint8Array[], options?: ReadOptions): Promise<(Uint8Array | undefined)[]>;
  iterate(range: KeyRange, options?: ReadOptions): AsyncIterable<readonly [key: Uint8Array, value: Uint8Array]>;
  release(): Promise<void>;
}

/** Puts and deletes that reach the database together or not at all. Later calls win over earlier ones. */
export interface WriteBatch {
  put(key: Uint8Array, value: Uint8Array): void;
  delete(key: Uint8Array): void;
  /** Number of puts and deletes so far. */
  readonly length: number;
  /** Writes atomically. With `sync`, resolves only after the bytes are on the disk. A batch is written once. */
  write(options: { readonly sync: boolean }): Promise<void>;
  /** Gives a batch that will not be written back to the database. */
  discard(): Promise<void>;
}

/**
 * An ordered byte store: LevelDB in the daemon, a model in tests. Returned arrays belong to the caller.
 * Execution reads with `get` (synchronous) or prefetches with `getMany`; it never iterates.
 */
export interface KeyValue {
  get(key: Uint8Array, options?: ReadOptions): Uint8Array | undefined;
  getMany(keys: readonly Uint8Array[], options?: ReadOptions): Promise<(Uint8Array | undefined)[]>;
  iterate(range: KeyRange, options?: ReadOptions): AsyncIterable<readonly [key: Uint8Array, value: Uint8Array]>;
  snapshot(): KeyValueSnapshot;
  batch(): WriteBatch;
  /** Gives the space of what was deleted between two keys, both included, back to the disk; all else goes on meanwhile. */
  compact(from: Uint8Array, to: Uint8Array): Promise<void>;
  close(): Promise<void>;
}
