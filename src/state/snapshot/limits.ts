/**
 * Weight of the heaviest chunk: 5,000 to 20,000 leaves of accounts and balances, one to two megabytes. Small enough to be
 * sent in one answer and checked in one slice of time, large enough that a request costs nothing beside it.
 */
export const CHUNK_WEIGHT_MAX = 2 * 1024 * 1024;
/** What a leaf weighs beside its key and value: four hashes and a row. */
export const LEAF_WEIGHT = 64;

/** A snapshot of more is refused before anything of it is kept. */
export const CHUNKS_MAX = 100_000;
/** No path of a crit-bit trie over 256-bit hashes is longer. */
export const DEPTH_MAX = 256;
export const STORES_MAX = 256;
export const STORE_NAME_BYTES_MAX = 64;
/** Records are far smaller; the largest is the list of ten thousand validators, about a megabyte. */
export const VALUE_BYTES_MAX = 8 * 1024 * 1024;

/** Bytes of a manifest: a tag and a hash for each chunk, a tag for each node above them, and the names. */
export const MANIFEST_BYTES_MAX = 35 * CHUNKS_MAX + 70 * STORES_MAX + 32;
/** Bytes of a chunk, as it is checked and before it is compressed: one leaf may be heavier than a chunk should be. */
export const CHUNK_BYTES_MAX = VALUE_BYTES_MAX + 2048;
