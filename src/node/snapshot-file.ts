import type { FileHandle } from 'node:fs/promises';
import { CHUNK_BYTES_MAX, MANIFEST_BYTES_MAX } from '#state/snapshot/limits.ts';
import { crc32c } from '#storage/crc32c.ts';
import { openInput } from '#storage/input-file.ts';
import { NewFile } from '#storage/new-file.ts';
import { attempt } from '#storage/node-files.ts';
import { MAX_LIGHT_BLOCK_BYTES } from '#types/light-block.ts';
import { concatBytes, equalBytes } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';

/**
 * A snapshot in one file:
 *
 *     magic (8), then sections: kind (u8), length (u32), bytes, CRC32C of all three (u32)
 *
 * Numbers are big endian. The sections are one header (JSON), the manifest, the light blocks around the height in
 * ascending order, the chunks in theirs, headers before the height (downwards, ascending within a section; chunks and
 * these are compressed), and an end with nothing in it. The last byte of the magic counts versions.
 */
const MAGIC = Uint8Array.of(0x42, 0x49, 0x5a, 0x52, 0x41, 0x53, 0x0a, 1);
const VERSION_AT = MAGIC.length - 1;
const KIND_AND_LENGTH_BYTES = 5;
const CHECKSUM_BYTES = 4;
/** What deflate adds to bytes that do not shrink. */
const DEFLATE_OVERHEAD_BYTES = 1024;
/** Bytes of one section of headers, inflated: two light blocks of the largest kind. */
export const HEADERS_BYTES_MAX = 2 * MAX_LIGHT_BLOCK_BYTES;

export const SECTION = { header: 1, manifest: 2, lightBlock: 3, chunk: 4, headers: 5, end: 6 } as const;
export type SectionKind = (typeof SECTION)[keyof typeof SECTION];

/** A longer claim is damage, and no memory is taken for it. */
const BYTES_MAX: Readonly<Record<number, number>> = {
  [SECTION.header]: 64 * 1024,
  [SECTION.manifest]: MANIFEST_BYTES_MAX,
  [SECTION.lightBlock]: MAX_LIGHT_BLOCK_BYTES,
  [SECTION.chunk]: CHUNK_BYTES_MAX + DEFLATE_OVERHEAD_BYTES,
  [SECTION.headers]: HEADERS_BYTES_MAX + DEFLATE_OVERHEAD_BYTES,
  [SECTION.end]: 0,
};

export interface Section {
  readonly kind: SectionKind;
  readonly bytes: Uint8Array;
}

export function badSnapshotFile(message: string): BizraError<'bad_snapshot_file'> {
  return new BizraError('bad_snapshot_file', message);
}

/** Writes sections one behind the other, to a file that did not exist. */
export class SnapshotFileWriter {
  private readonly file: NewFile;

  private constructor(file: NewFile) {
    this.file = file;
  }

  /** Throws what `NewFile.create` throws. */
  static async create(path: string): Promise<SnapshotFileWriter> {
    const writer = new SnapshotFileWriter(await NewFile.create(path));
    try {
      await writer.file.write(MAGIC);
      return writer;
    } catch (error) {
      await writer.abandon();
      throw error;
    }
  }

  /** Written so far. */
  get bytes(): number {
    return this.file.bytes;
  }

  async section(kind: SectionKind, bytes: Uint8Array): Promise<void> {
    const head = sectionHead(kind, bytes.length);
    const checksum = new Uint8Array(CHECKSUM_BYTES);
    new DataView(checksum.buffer).setUint32(0, checksumOf(head, bytes));
    await this.file.write(concatBytes(head, bytes, checksum));
  }

  async finish(): Promise<void> {
    await this.file.finish();
  }

  /** After a failure: nothing is kept. */
  async abandon(): Promise<void> {
    await this.file.abandon();
  }
}

/** Reads sections in order and checks each. Throws BizraError 'bad_snapshot_file' that says where it is damaged. */
export class SnapshotFileReader {
  readonly path: string;
  readonly size: number;
  /** Read so far. */
  offset = MAGIC.length;
  private readonly file: FileHandle;

  private constructor(file: FileHandle, path: string, size: number) {
    this.file = file;
    this.path = path;
    this.size = size;
  }

  static async open(path: string): Promise<SnapshotFileReader> {
    const { file, size } = await openInput(path);
    try {
      const magic = new Uint8Array(MAGIC.length);
      await attempt('read', path, () => file.read(magic, 0, magic.length, 0));
      if (!equalBytes(magic.subarray(0, VERSION_AT), MAGIC.subarray(0, VERSION_AT)))
        throw badSnapshotFile(`${path} is no snapshot file: give one that bizra-node snapshot export wrote`);
      if (magic[VERSION_AT] !== MAGIC[VERSION_AT])
        throw badSnapshotFile(
          `${path} is a snapshot file of version ${magic[VERSION_AT]}, which this program does not read`,
        );
      return new SnapshotFileReader(file, path, size);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async next(): Promise<Section> {
    const at = this.offset;
    const head = await this.read(KIND_AND_LENGTH_BYTES, at);
    const length = new DataView(head.buffer, head.byteOffset).getUint32(1);
    if (length > (BYTES_MAX[head[0] as number] ?? -1)) throw this.damaged(at);
    const bytes = await this.read(length, at);
    const checksum = await this.read(CHECKSUM_BYTES, at);
    if (new DataView(checksum.buffer, checksum.byteOffset).getUint32(0) !== checksumOf(head, bytes))
      throw this.damaged(at);
    return { kind: head[0] as SectionKind, bytes };
  }

  /** The next section, of this kind. */
  async expect(kind: SectionKind): Promise<Uint8Array> {
    const at = this.offset;
    const section = await this.next();
    if (section.kind !== kind) throw this.damaged(at);
    return section.bytes;
  }

  /** After the section that ends it: nothing follows. */
  checkAtEnd(): void {
    if (this.offset !== this.size) throw this.damaged(this.offset);
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  damaged(at: number): BizraError<'bad_snapshot_file'> {
    return badSnapshotFile(`${this.path} is damaged at byte ${at}, or cut off behind it: get it again`);
  }

  private async read(length: number, sectionAt: number): Promise<Uint8Array> {
    if (this.offset + length > this.size) throw this.damaged(sectionAt);
    const bytes = new Uint8Array(length);
    const { bytesRead } = await attempt('read', this.path, () => this.file.read(bytes, 0, length, this.offset));
    if (bytesRead !== length) throw this.damaged(sectionAt);
    this.offset += length;
    return bytes;
  }
}

function sectionHead(kind: SectionKind, length: number): Uint8Array {
  const head = new Uint8Array(KIND_AND_LENGTH_BYTES);
  head[0] = kind;
  new DataView(head.buffer).setUint32(1, length);
  return head;
}

function checksumOf(head: Uint8Array, bytes: Uint8Array): number {
  return crc32c(bytes, 0, bytes.length, crc32c(head));
}
