import { MachineError } from '#util/errors.ts';
import type { Disk } from '../disk/disk.ts';

/** Bits of a machine's disk that were flipped, until its node has got over them. */
export class Damage {
  /** The operator takes the data away before the next start. */
  mustEmpty = false;
  private readonly disk: Disk;
  private isFound = false;
  /** Of the log: gone once a later height than this one is decided. */
  private logHeight: number | undefined;
  /** Its database is a copy of an earlier time: it may sign nothing before a later height than this is decided. */
  private restoredHeight: number | undefined;
  /** The signing record was lost, and the key has signed nothing since. */
  private isRecordLost = false;

  constructor(disk: Disk) {
    this.disk = disk;
  }

  /** True while bits are wrong that the node has not got over. */
  get isThere(): boolean {
    const isRestored = this.restoredHeight !== undefined || this.isRecordLost;
    return this.disk.flips > 0 || this.logHeight !== undefined || isRestored;
  }

  /** True until the key signs again. */
  get hasLostRecord(): boolean {
    return this.isRecordLost;
  }

  /** `signed`: the last height that the key is known to have signed. */
  restored(signed: number, record: 'kept' | 'lost'): void {
    this.emptied();
    this.logHeight = undefined;
    this.restoredHeight = signed;
    if (record === 'lost') this.isRecordLost = true;
  }

  signed(): void {
    this.isRecordLost = false;
  }

  logFlipped(): void {
    this.logHeight = Number.POSITIVE_INFINITY;
  }

  /** A node came up at this height and read its log: what it missed there is of the next height at most. */
  started(height: number): void {
    if (this.logHeight !== undefined) this.logHeight = Math.min(this.logHeight, height + 1);
  }

  decided(height: number): void {
    if (height > (this.logHeight ?? 0)) this.logHeight = undefined;
    if (height > (this.restoredHeight ?? 0)) this.restoredHeight = undefined;
  }

  /** True when a process may end with this error for what is wrong in its database. */
  explains(error: unknown): boolean {
    if (this.disk.flips === 0 || !(error instanceof MachineError)) return false;
    // The next start may find what it needs whole. If it does not either, the operator takes the data away.
    this.mustEmpty = this.isFound;
    this.isFound = true;
    return true;
  }

  emptied(): void {
    this.mustEmpty = false;
    this.isFound = false;
  }
}
