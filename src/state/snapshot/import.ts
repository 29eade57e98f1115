import type { KeyValue, WriteBatch } from '#ports/key-value.ts';
import { assert } from '#util/assert.ts';
import { equalBytes } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { NEVER_PAUSE, type Pause } from '#util/pause.ts';
import type { StateErrorCode } from '../errors.ts';
import { BASE_KEY, encodeBase, encodeHead, encodeLeaf, HEAD_KEY, leafKey, leafPrefix } from '../rows.ts';
import { isSentinel } from '../version.ts';
import { openChunk } from './chunk.ts';
import {
  decodeImport,
  decodeMark,
  encodeImport,
  encodeMark,
  MANIFEST_KEY,
  MARK_RANGE,
  markKey,
} from './import-rows.ts';
import {
  decodeManifest,
  encodeManifest,
  type Manifest,
  type ManifestChunk,
  manifestAppHash,
  manifestChunks,
  manifestRoots,
} from './manifest.ts';

/** Rows that go to a batch between two pauses: about a millisecond. */
const PUT_GROUP = 500;

export interface ImportOptions {
  /** Lets the event loop run; called about every millisecond of long work. */
  readonly pause?: Pause;
}

/**
 * Fills an empty database from a snapshot, chunks in any order. Each chunk's leaves and its mark are one synced batch,
 * so a process that dies goes on with the chunks that are missing. Until `finish` the database holds no state.
 */
export class SnapshotImport {
  readonly manifest: Manifest;
  readonly chunks: readonly ManifestChunk[];
  private readonly kv: KeyValue;
  private readonly done: Set<number>;
  private readonly pause: Pause;

  private constructor(kv: KeyValue, manifest: Manifest, done: Set<number>, pause: Pause) {
    this.kv = kv;
    this.manifest = manifest;
    this.chunks = manifestChunks(manifest);
    this.done = done;
    this.pause = pause;
  }

  /**
   * Begins with an empty database. The manifest must have been checked. Throws BizraError 'import_refused' when
   * something is in it already.
   */
  static async begin(
    kv: KeyValue,
    manifest: Manifest,
    { pause = NEVER_PAUSE }: ImportOptions = {},
  ): Promise<SnapshotImport> {
    for await (const _ of kv.iterate({ limit: 1 })) {
      throw new BizraError<StateErrorCode>('import_refused', 'a snapshot is only imported into an empty database');
    }
    const batch = kv.batch();
    batch.put(MANIFEST_KEY, encodeImport(encodeManifest(manifest)));
    await batch.write({ sync: true });
    return new SnapshotImport(kv, manifest, new Set(), pause);
  }

  /**
   * The import that was begun in this database and not finished; undefined when there is none. Throws MachineError
   * 'damaged'.
   */
  static async resume(kv: KeyValue, { pause = NEVER_PAUSE }: ImportOptions = {}): Promise<SnapshotImport | undefined> {
    const record = kv.get(MANIFEST_KEY);
    if (record === undefined) return undefined;
    const manifest = decodeManifest(decodeImport(record));
    const chunks = manifestChunks(manifest);
    const done = new Set<number>();
    for await (const [key, mark] of kv.iterate(MARK_RANGE)) {
      const { index, hash } = decodeMark(key, mark);
      assert(equalBytes(chunks[index]?.hash ?? new Uint8Array(0), hash), 'a mark belongs to a chunk of the manifest');
      done.add(index);
    }
    return new SnapshotImport(kv, manifest, done, pause);
  }

  get chunksDone(): number {
    return this.done.size;
  }

  has(index: number): boolean {
    return this.done.has(index);
  }

  /** Indexes of the chunks that are still to come, in order. */
  missing(): number[] {
    return this.chunks.flatMap(({ index }) => (this.done.has(index) ? [] : [index]));
  }

  /**
   * Checks an uncompressed chunk and writes its leaves. Throws BizraError 'bad_snapshot' when it is not the chunk at
   * `index`; nothing is written then. A chunk that is there already is not written again. One call at a time for an index.
   */
  async add(index: number, encoded: Uint8Array): Promise<void> {
    const chunk = this.chunks[index];
    assert(chunk !== undefined, 'the manifest has this chunk');
    if (this.done.has(index)) return;
    const leaves = await openChunk(encoded, chunk.hash, this.pause);
    const prefix = leafPrefix(chunk.store);
    const batch = this.kv.batch();
    for (const [i, { key, value }] of leaves.entries()) {
      // It is in every store's tree and in no database.
      if (!isSentinel(key)) batch.put(leafKey(prefix, key), encodeLeaf(value, this.manifest.height));
      if (i % PUT_GROUP === PUT_GROUP - 1) await this.pause();
    }
    batch.put(markKey(index), encodeMark(chunk.hash));
    await batch.write({ sync: true });
    this.done.add(index);
  }

  /**
   * After the last chunk: one synced batch makes the database a state at the manifest's height. `alsoWrite` may add rows
   * of others to it, as in State.initialize.
   */
  async finish(alsoWrite?: (batch: WriteBatch, appHash: Uint8Array) => void): Promise<void> {
    assert(this.done.size === this.chunks.length, 'all chunks are imported');
    const { height } = this.manifest;
    const appHash = manifestAppHash(this.manifest);
    const batch = this.kv.batch();
    for (const { index } of this.chunks) batch.delete(markKey(index));
    batch.delete(MANIFEST_KEY);
    batch.put(HEAD_KEY, encodeHead({ height, appHash, stores: manifestRoots(this.manifest) }));
    batch.put(BASE_KEY, encodeBase(height));
    alsoWrite?.(batch, appHash);
    await batch.write({ sync: true });
  }
}
