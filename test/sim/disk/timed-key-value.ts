import type { KeyRange, KeyValue, KeyValueSnapshot, WriteBatch } from '#ports/key-value.ts';
import { KEY_SPACE } from '#storage/key-space.ts';
import type { MemoryKeyValue } from '#storage/memory.ts';
import type { DiskTime } from './disk.ts';
import type { DiskUse } from './disk-faults.ts';
import type { CrashPoint } from './disk-points.ts';

export interface TimedKeyValueParts {
  readonly time: DiskTime;
  /** A new database, whose only batch is that of genesis. */
  readonly isGenesis: boolean;
  /** Every batch becomes two, each written by itself. */
  readonly isSplit: boolean;
  /** Throws where the disk fails. */
  readonly check: (use: DiskUse) => void;
  readonly pass: (point: CrashPoint | undefined) => Promise<void>;
  readonly at: (point: CrashPoint) => void;
}

/** A database whose batches take virtual time, are visible before they are durable, and durable before it is told. */
export class TimedKeyValue implements KeyValue {
  private readonly kv: MemoryKeyValue;
  private readonly parts: TimedKeyValueParts;
  /** LevelDB writes nothing more after a failure. */
  private failure: { readonly error: unknown } | undefined;

  constructor(kv: MemoryKeyValue, parts: TimedKeyValueParts) {
    this.kv = kv;
    this.parts = parts;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.parts.check('read');
    return this.kv.get(key);
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    this.parts.check('read');
    return this.kv.getMany(keys);
  }

  iterate(range: KeyRange): AsyncIterable<readonly [Uint8Array, Uint8Array]> {
    return this.kv.iterate(range);
  }

  snapshot(): KeyValueSnapshot {
    return this.kv.snapshot();
  }

  compact(): Promise<void> {
    return this.kv.compact();
  }

  batch(): WriteBatch {
    const { at, isSplit } = this.parts;
    const first = this.kv.batch();
    const second = isSplit ? this.kv.batch() : first;
    const next = (): WriteBatch => {
      if (first.length > 0) at('database: batch partly filled');
      return first.length > second.length ? second : first;
    };
    const all = isSplit ? [first, second] : [first];
    let isEvidence = true;
    return {
      put: (key, value) => {
        isEvidence &&= key[0] === KEY_SPACE.evidence;
        next().put(key, value);
      },
      delete: (key) => next().delete(key),
      discard: async () => {
        for (const batch of all) await batch.discard();
      },
      get length() {
        return all.reduce((sum, batch) => sum + batch.length, 0);
      },
      write: async ({ sync }) => {
        const what = isEvidence ? 'evidence' : 'height';
        for (const batch of all) await this.write(batch, sync, this.parts.isGenesis ? 'genesis' : what);
      },
    };
  }

  async close(): Promise<void> {
    // The model stays open for the next incarnation; this one makes no further calls.
  }

  private tryTo(use: DiskUse): void {
    if (this.failure !== undefined) throw this.failure.error;
    try {
      this.parts.check(use);
    } catch (error) {
      this.failure = { error };
      throw error;
    }
  }

  private async write(batch: WriteBatch, sync: boolean, what: 'genesis' | 'height' | 'evidence'): Promise<void> {
    const { time, pass } = this.parts;
    await time.write();
    await pass(`${what}: batch not written`);
    this.tryTo('write');
    await batch.write({ sync: false });
    await pass(`${what}: batch visible, not synced`);
    if (!sync) return;
    await time.sync();
    await pass(undefined);
    this.tryTo('sync');
    await this.kv.batch().write({ sync: true });
    await pass(`${what}: batch synced, not told`);
    await time.write();
  }
}
