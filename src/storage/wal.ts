import type { AppendFile, Files } from '#ports/files.ts';
import { assert } from '#util/assert.ts';
import {
  RECORD_BYTES_MAX,
  RECORD_HEADER_BYTES,
  readRecords,
  type WalContents,
  type WalDamage,
  writeRecord,
} from './wal-format.ts';

/** The log is started anew at a height boundary once it is this long, so replay stays short and the disk bounded. */
const ROTATE_BYTES = 16 * 1024 * 1024;
const SEGMENT_PREFIX = 'wal-';
/** Digits of a segment's number, so that names sort in order. */
const SEGMENT_DIGITS = 10;
/** Segment numbers found in a directory; anything else in there is not ours. */
const SEGMENT_NAME = /^wal-(\d{10})$/;

export interface WalOptions {
  /** Length from which `isLong` asks for a new segment. */
  readonly rotateBytes?: number;
}

/**
 * The write-ahead log of consensus inputs: one file (segment) a height. Records are appended in order and are durable
 * once a later `sync` resolves. After a failed write or sync every call rejects with that error: the process must
 * stop, because what is on the disk is unknown.
 */
export class Wal {
  /** Records found by `open`, oldest first, of the newest segment: earlier heights are in the database. */
  readonly records: readonly Uint8Array[];
  /** Bytes of an unfinished record that `open` cut from the end; 0 is the usual case. */
  readonly tornBytes: number;
  /**
   * Set when bytes before the end were damaged: records were lost, so nothing may be signed at a height at which
   * something was signed. It stays so over restarts until `rotate`.
   */
  damage: WalDamage | undefined;
  private readonly files: Files;
  private readonly directory: string;
  private readonly rotateBytes: number;
  private segment: number;
  private file: AppendFile;
  private queue: Uint8Array[] = [];
  private queuedBytes = 0;
  /** The write that will take what is queued now; appends of one turn of the event loop share it. */
  private nextWrite: Promise<void> | undefined;
  /** Ends when everything handed over so far is written. */
  private lastWrite: Promise<void> = Promise.resolve();
  private nextSync: Promise<void> | undefined;
  private lastSync: Promise<void> = Promise.resolve();
  private failure: { readonly error: unknown } | undefined;

  private constructor(
    files: Files,
    directory: string,
    segment: { number: number; file: AppendFile },
    found: { records: readonly Uint8Array[]; tornBytes: number; damage: WalDamage | undefined },
    { rotateBytes = ROTATE_BYTES }: WalOptions,
  ) {
    this.files = files;
    this.directory = directory;
    this.segment = segment.number;
    this.file = segment.file;
    this.records = found.records;
    this.tornBytes = found.tornBytes;
    this.damage = found.damage;
    this.rotateBytes = rotateBytes;
  }

  /**
   * Opens the log in `directory` (created when absent), reads its newest segment, and copies its records to a new one,
   * without a torn end. What was read may be in the system's memory alone, and after a failed sync a second one would
   * succeed without writing it; signatures will depend on these records, so they are written anew.
   */
  static async open(files: Files, directory: string, options: WalOptions = {}): Promise<Wal> {
    await files.makeDirectory(directory);
    const numbers = await segmentNumbers(files, directory);
    const number = numbers.at(-1) ?? 1;
    // A crash during `rotate` or `open` left these. A new segment exists only after the old one counted no more, or with
    // all records of it.
    for (const old of numbers.slice(0, -1)) await files.remove(segmentPath(directory, old));
    const path = segmentPath(directory, number);
    const bytes = (await files.read(path)) ?? new Uint8Array(0);
    const { records, goodBytes, fault } = readRecords(bytes);
    // A damaged segment stays as it is until `rotate`: another start must find the damage as well.
    const isCopied = bytes.length > 0 && fault !== 'middle';
    if (isCopied) {
      await files.replace(segmentPath(directory, number + 1), bytes.subarray(0, goodBytes));
      await files.remove(path);
    }
    const segment = isCopied ? number + 1 : number;
    const file = await files.openAppend(segmentPath(directory, segment));
    const damage = fault === 'middle' ? { offset: goodBytes, size: bytes.length } : undefined;
    const tornBytes = fault === 'torn' ? bytes.length - goodBytes : 0;
    return new Wal(files, directory, { number: segment, file }, { records, tornBytes, damage }, options);
  }

  /** Bytes of the current segment, queued ones included. */
  get size(): number {
    return this.file.size + this.queuedBytes;
  }

  /** True when it should be started anew at the next height boundary. */
  get isLong(): boolean {
    return this.size > this.rotateBytes;
  }

  /** Resolves once the record is handed to the operating system. `record` may be reused after the call. */
  append(record: Uint8Array): Promise<void> {
    assert(record.length > 0 && record.length <= RECORD_BYTES_MAX, 'a record has 1 byte to 101 MiB');
    const framed = new Uint8Array(RECORD_HEADER_BYTES + record.length);
    writeRecord(framed, 0, record);
    this.queue.push(framed);
    this.queuedBytes += framed.length;
    this.nextWrite ??= this.writeAfter(this.lastWrite);
    this.lastWrite = this.nextWrite;
    return this.nextWrite;
  }

  /** Resolves once all records appended so far are on the disk. Calls made while one runs share the next fsync. */
  sync(): Promise<void> {
    this.nextSync ??= this.syncAfter(this.lastSync);
    this.lastSync = this.nextSync;
    return this.nextSync;
  }

  /**
   * What the segment holds counts no more: its height is in the database, or it is damaged and nothing was signed at its
   * height. Starts an empty segment and removes the old one, both durably.
   * Nothing may be appended until it resolves.
   */
  async rotate(): Promise<void> {
    await this.lastWrite;
    this.throwIfFailed();
    const old = this.segment;
    try {
      const file = await this.files.openAppend(segmentPath(this.directory, old + 1));
      await this.file.close();
      this.file = file;
      this.segment = old + 1;
      this.damage = undefined;
      await this.files.remove(segmentPath(this.directory, old));
    } catch (error) {
      throw this.fail(error);
    }
  }

  async close(): Promise<void> {
    await this.lastWrite;
    await this.file.close();
  }

  private async writeAfter(before: Promise<void>): Promise<void> {
    await before;
    this.nextWrite = undefined;
    this.throwIfFailed();
    const parts = this.queue;
    const bytes = parts.length === 1 ? (parts[0] as Uint8Array) : joined(parts, this.queuedBytes);
    this.queue = [];
    this.queuedBytes = 0;
    try {
      await this.file.append(bytes);
    } catch (error) {
      throw this.fail(error);
    }
  }

  private async syncAfter(before: Promise<void>): Promise<void> {
    await before;
    this.nextSync = undefined;
    await this.lastWrite;
    this.throwIfFailed();
    try {
      await this.file.sync();
    } catch (error) {
      throw this.fail(error);
    }
  }

  private fail(error: unknown): unknown {
    this.failure ??= { error };
    return error;
  }

  private throwIfFailed(): void {
    if (this.failure !== undefined) throw this.failure.error;
  }
}

/** A log as it lies on the disk, which nobody writes; undefined where there is none. */
export async function readWal(
  files: Files,
  directory: string,
): Promise<(WalContents & { readonly path: string; readonly size: number }) | undefined> {
  const number = (await segmentNumbers(files, directory)).at(-1);
  if (number === undefined) return undefined;
  const path = segmentPath(directory, number);
  const bytes = (await files.read(path)) ?? new Uint8Array(0);
  return { path, size: bytes.length, ...readRecords(bytes) };
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const out = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

async function segmentNumbers(files: Files, directory: string): Promise<number[]> {
  const names = await files.list(directory);
  return names.flatMap((name) => SEGMENT_NAME.exec(name)?.[1] ?? []).map(Number);
}

function segmentPath(directory: string, number: number): string {
  return `${directory}/${SEGMENT_PREFIX}${String(number).padStart(SEGMENT_DIGITS, '0')}`;
}
