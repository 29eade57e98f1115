import { createHash } from 'node:crypto';
import { assert } from '#util/assert.ts';
import { compress } from '../compression.ts';
import { crc32c } from '../crc32c.ts';
import { NewFile, type NewFileOptions } from '../new-file.ts';
import {
  type BackupHeader,
  type BackupTrailer,
  ENCODING,
  encodePreamble,
  encodeSectionHeader,
  RecordPacker,
  SECTION,
  SECTION_BYTES,
  SECTION_BYTES_MAX,
  type SectionKind,
} from './format.ts';

/**
 * Writes a backup under another name and gives it its own when all of it is on the disk: what has that name is whole.
 * Holds one section in memory. Failures are MachineErrors 'io_failed' that name the file.
 */
export class BackupWriter {
  private readonly file: NewFile;
  private readonly hash = createHash('sha256');
  private readonly packer = new RecordPacker();
  private sections = 0;
  private bytes = 0;
  private recordCount = 0;

  private constructor(file: NewFile) {
    this.file = file;
  }

  /** Throws what `NewFile.create` throws. */
  static async create(path: string, header: BackupHeader, options: NewFileOptions = {}): Promise<BackupWriter> {
    const file = await NewFile.create(path, options);
    const writer = new BackupWriter(file);
    try {
      await file.write(encodePreamble());
      await writer.section(SECTION.header, json(header));
      return writer;
    } catch (error) {
      await writer.abandon();
      throw error;
    }
  }

  /** Of the file so far. */
  get fileBytes(): number {
    return this.file.bytes;
  }

  get records(): number {
    return this.recordCount;
  }

  /** A piece of the genesis document, before the first record. The array is the caller's again when it resolves. */
  async genesis(piece: Uint8Array): Promise<void> {
    assert(this.recordCount === 0, 'the genesis document comes before the records');
    await this.section(SECTION.genesis, piece);
  }

  /** Takes a record. A promise is to be waited for before the next one. */
  put(key: Uint8Array, value: Uint8Array): Promise<void> | undefined {
    this.packer.add(key, value);
    this.recordCount++;
    return this.packer.bytes >= SECTION_BYTES ? this.section(SECTION.records, this.packer.take()) : undefined;
  }

  /** Ends the file, makes it durable, and gives it its name. */
  async finish(): Promise<BackupTrailer> {
    if (this.packer.bytes > 0) await this.section(SECTION.records, this.packer.take());
    const { sections, recordCount: records, bytes } = this;
    const trailer = { sections, records, bytes, sha256: this.hash.copy().digest('hex') };
    await this.section(SECTION.trailer, json(trailer));
    await this.file.finish();
    return trailer;
  }

  /** Removes what was written. Best effort: it is called after another failure. */
  async abandon(): Promise<void> {
    await this.file.abandon();
  }

  private async section(kind: SectionKind, plain: Uint8Array): Promise<void> {
    assert(plain.length <= SECTION_BYTES_MAX, 'a record is no larger than a section may be');
    this.hash.update(plain);
    this.bytes += plain.length;
    const number = this.sections++;
    const deflated = kind === SECTION.header ? plain : await compress(plain);
    const encoding = deflated.length < plain.length ? ENCODING.deflate : ENCODING.plain;
    const stored = encoding === ENCODING.deflate ? deflated : plain;
    const [plainLength, storedLength, storedCrc] = [plain.length, stored.length, crc32c(stored)];
    await this.file.write(encodeSectionHeader({ number, kind, encoding, plainLength, storedLength, storedCrc }));
    await this.file.write(stored);
  }
}

function json(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
