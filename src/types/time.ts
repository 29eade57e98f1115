/** Nanoseconds since 1970-01-01T00:00:00Z; may be negative. */
export type Time = bigint;
