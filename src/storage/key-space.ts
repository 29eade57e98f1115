/**
 * First byte of every key in the node's database, so that folders which do not know each other share it safely.
 * Letters are never reused: an old database must stay readable.
 */
export const KEY_SPACE = {
  /** `b`: block store, by kind and height. */
  blocks: 0x62,
  /** `h`: height of a block hash. */
  blockHashes: 0x68,
  /** `l`: leaves of the state: store name, raw key. */
  leaves: 0x6c,
  /** `u`: values before a height. */
  undo: 0x75,
  /** `d`: heights that deleted a key of the state which is absent still. */
  deletions: 0x64,
  /** `c`: keys that a height changed. */
  changedKeys: 0x63,
  /** `s`: the state's head record. */
  stateHead: 0x73,
  /** `i`: the indexer's rows. */
  indexes: 0x69,
  /** `e`: evidence, pending and committed. */
  evidence: 0x65,
  /** `n`: the engine's own records. */
  engine: 0x6e,
} as const;
