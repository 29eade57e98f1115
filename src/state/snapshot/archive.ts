/** A snapshot that this node can give to others. */
export interface SnapshotInfo {
  readonly height: number;
  /** SHA-256 of the manifest: equal on all nodes that made one at this height. */
  readonly id: Uint8Array;
  readonly chunks: number;
  readonly leaves: number;
  /** Bytes of all chunks as they are checked, and compressed as they are stored and sent. */
  readonly bytes: number;
  readonly storedBytes: number;
}

/** What the server of snapshots reads. What is damaged is not there. */
export interface SnapshotArchive {
  /** Whole ones, the newest first. */
  list(): readonly SnapshotInfo[];
  /** Height of the one that is being made. */
  readonly making: number | undefined;
  /** The encoded manifest. */
  manifest(height: number): Promise<Uint8Array | undefined>;
  /** A chunk, compressed (storage/compression.ts). */
  chunk(height: number, index: number): Promise<Uint8Array | undefined>;
}
