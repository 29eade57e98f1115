import type { LightBlock } from '#types/light-block.ts';

/** What a peer can give snapshots of, newest first. */
export interface GetSnapshots {
  readonly kind: 'getSnapshots';
}

/** Nothing of it is believed: it says what may be asked for. */
export interface SnapshotOffer {
  readonly height: number;
  /** SHA-256 of the manifest. */
  readonly id: Uint8Array;
  readonly chunks: number;
}

export interface SnapshotsAnswer {
  readonly snapshots: readonly SnapshotOffer[];
}

export interface GetManifest {
  readonly kind: 'getManifest';
  readonly height: number;
  readonly id: Uint8Array;
}

export interface ManifestAnswer {
  /** Undefined: no such snapshot, or no longer. */
  readonly manifest: Uint8Array | undefined;
}

export interface GetChunk {
  readonly kind: 'getChunk';
  readonly height: number;
  readonly id: Uint8Array;
  readonly index: number;
}

export interface ChunkAnswer {
  /** Compressed. Undefined: not there, or no longer. */
  readonly chunk: Uint8Array | undefined;
}

/** Headers with their commits and validators, ascending. */
export interface GetLightBlocks {
  readonly kind: 'getLightBlocks';
  /** 0 asks for the newest one alone. */
  readonly from: number;
  readonly count: number;
}

export interface LightBlocksAnswer {
  /** From the first height asked for, without a gap: as many as the peer has and one answer holds; none if it has not that. */
  readonly blocks: readonly LightBlock[];
}
