import type { Clock } from '#ports/clock.ts';
import type { Wal } from '#storage/wal.ts';
import type { NodeMetrics } from '#telemetry/node-metrics.ts';
import { encodeMuteRecord } from './wal-record.ts';

export interface EngineLogComponents {
  readonly wal: Wal;
  readonly clock: Clock;
  readonly metrics?: NodeMetrics | undefined;
}

/** The log of what the core was given, as the engine writes it, and how long it forbids to sign. */
export class EngineLog {
  private readonly components: EngineLogComponents;
  /** Something of the unfinished height may not be on the disk. */
  isDirty = false;
  /** No signature up to this height: the signer's record is ahead of the log. */
  mutedHeight = 0;

  constructor(components: EngineLogComponents) {
    this.components = components;
  }

  async append(records: readonly Uint8Array[]): Promise<void> {
    this.isDirty = true;
    await Promise.all(records.map((record) => this.components.wal.append(record)));
  }

  async sync(): Promise<void> {
    const { wal, clock, metrics } = this.components;
    const startMs = clock.monotonicMs();
    await wal.sync();
    this.isDirty = false;
    metrics?.storage.walSyncMilliseconds.observe(clock.monotonicMs() - startMs);
  }

  /**
   * Before the first input. A damaged log in which nothing of the height under way counts begins anew: what is appended
   * behind the damage could not be read again. `height` is the last one applied.
   */
  async started(height: number): Promise<void> {
    const { wal } = this.components;
    if (wal.damage !== undefined && this.mutedHeight <= height) await wal.rotate();
    await this.writeMute(height);
  }

  /**
   * Being muted must outlive a restart: from here on the log is complete in itself and looks as if it led to whatever
   * was signed. `height` is the last one applied.
   */
  private async writeMute(height: number): Promise<void> {
    const { wal } = this.components;
    if (this.mutedHeight <= height) return;
    await wal.append(encodeMuteRecord(this.mutedHeight));
    await wal.sync();
  }

  /** At a height's end the log may begin anew. */
  async heightApplied(height: number): Promise<void> {
    const { wal } = this.components;
    if (wal.damage === undefined && !wal.isLong) return;
    await wal.rotate();
    await this.writeMute(height);
  }
}
