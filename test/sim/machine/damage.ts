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

  constructor(disk: Disk) {
    this.disk = disk;
  }

  /** True while bits are wrong that the node has not got over. */
  get isThere(): boolean {
    return this.disk.flips > 0 || this.logHeight !== undefined;
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
