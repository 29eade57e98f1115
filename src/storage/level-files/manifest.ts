import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { damagedFile } from './errors.ts';
import { readLog } from './record-log.ts';
import { decodeVersionEdit, type TableFile, type VersionEdit } from './version-edit.ts';

const CURRENT = 'CURRENT';
const CURRENT_FORM = /^MANIFEST-\d{6,}\n$/;
const LOG_BLOCK_BYTES = 32 * 1024;

/** Name of the manifest that counts; undefined where there is no database yet. Throws MachineError 'damaged'. */
export function currentManifest(directory: string): string | undefined {
  const path = join(directory, CURRENT);
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined;
    throw error;
  }
  if (!CURRENT_FORM.test(text)) throw damagedFile(path, 'in its only line');
  return text.slice(0, -1);
}

/** The tables of a database, as its manifest tells; follows what LevelDB adds to the manifest. */
export class Manifest {
  readonly path: string;
  /** By number. LevelDB moves tables between levels without changing them. */
  readonly tables = new Map<number, TableFile>();
  logNumber = 0;
  previousLogNumber = 0;
  private readonly fd: number;
  private size = 0;
  private next = 0;

  /** Reads all of it. Throws MachineError 'damaged'. */
  constructor(directory: string, name: string) {
    this.path = join(directory, name);
    try {
      this.fd = openSync(this.path, 'r');
    } catch (error) {
      if ((error as { code?: string }).code === 'ENOENT')
        throw damagedFile(join(directory, CURRENT), 'or its manifest is missing');
      throw error;
    }
    this.follow();
  }

  /** Reads what was added. True when there was something. Throws MachineError 'damaged'. */
  follow(): boolean {
    const { size } = fstatSync(this.fd);
    if (size === this.size) return false;
    const start = this.next - (this.next % LOG_BLOCK_BYTES);
    const bytes = Buffer.allocUnsafeSlow(size - start);
    const read = readSync(this.fd, bytes, 0, bytes.length, start);
    const { records, next, end } = readLog(bytes.subarray(0, read), start, this.next);
    for (const record of records) this.apply(record);
    if (end === 'damaged') throw damagedFile(this.path, `behind byte ${next}`);
    this.size = start + read;
    this.next = next;
    return true;
  }

  close(): void {
    closeSync(this.fd);
  }

  private apply(record: Uint8Array): void {
    const edit: VersionEdit | undefined = decodeVersionEdit(record);
    if (edit === undefined) throw damagedFile(this.path, `behind byte ${this.next}`);
    // A table that moves is deleted and added by one record.
    for (const { number } of edit.deleted) this.tables.delete(number);
    for (const table of edit.added) this.tables.set(table.number, table);
    this.logNumber = edit.logNumber ?? this.logNumber;
    this.previousLogNumber = edit.previousLogNumber ?? this.previousLogNumber;
  }
}
