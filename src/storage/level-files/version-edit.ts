import { readVarint } from './snappy.ts';

/** A table as the manifest has it. Bounds are user keys; undefined is unknown. */
export interface TableFile {
  readonly number: number;
  readonly level: number;
  readonly size: number;
  readonly smallest: Uint8Array | undefined;
  readonly largest: Uint8Array | undefined;
}

/** One record of a manifest: what changed in the set of files. */
export interface VersionEdit {
  readonly added: readonly TableFile[];
  readonly deleted: readonly { readonly level: number; readonly number: number }[];
  /** Logs from this number on hold what is not in tables; undefined where it stays. */
  readonly logNumber: number | undefined;
  readonly previousLogNumber: number | undefined;
}

const TAG = {
  comparator: 1,
  logNumber: 2,
  nextFile: 3,
  lastSequence: 4,
  compactPointer: 5,
  deletedFile: 6,
  newFile: 7,
  previousLog: 9,
} as const;

/** Sequence and kind behind each user key. */
const KEY_SUFFIX_BYTES = 8;

/** Undefined when the bytes are not an edit. */
export function decodeVersionEdit(bytes: Uint8Array): VersionEdit | undefined {
  const fields = new Fields(bytes);
  const added: TableFile[] = [];
  const deleted: { level: number; number: number }[] = [];
  let logNumber: number | undefined;
  let previousLogNumber: number | undefined;
  while (!fields.atEnd) {
    const tag = fields.number();
    if (tag === TAG.newFile) added.push(fields.table());
    else if (tag === TAG.deletedFile) deleted.push({ level: fields.number(), number: fields.number() });
    else if (tag === TAG.logNumber) logNumber = fields.number();
    else if (tag === TAG.previousLog) previousLogNumber = fields.number();
    else if (tag === TAG.nextFile || tag === TAG.lastSequence) fields.number();
    else if (tag === TAG.comparator) fields.bytes();
    else if (tag === TAG.compactPointer) {
      fields.number();
      fields.bytes();
    } else return undefined;
  }
  return fields.failed ? undefined : { added, deleted, logNumber, previousLogNumber };
}

class Fields {
  failed = false;
  private readonly source: Uint8Array;
  private at = 0;

  constructor(source: Uint8Array) {
    this.source = source;
  }

  get atEnd(): boolean {
    return this.failed || this.at >= this.source.length;
  }

  number(): number {
    const read = readVarint(this.source, this.at);
    if (read === undefined) this.failed = true;
    this.at = read?.end ?? this.at;
    return read?.value ?? 0;
  }

  bytes(): Uint8Array {
    const length = this.number();
    if (this.at + length > this.source.length) this.failed = true;
    const bytes = this.source.slice(this.at, this.at + length);
    this.at += length;
    return bytes;
  }

  table(): TableFile {
    const level = this.number();
    const number = this.number();
    const size = this.number();
    return { level, number, size, smallest: userKey(this.bytes()), largest: userKey(this.bytes()) };
  }
}

export function userKey(internal: Uint8Array): Uint8Array {
  return internal.subarray(0, Math.max(0, internal.length - KEY_SUFFIX_BYTES));
}
