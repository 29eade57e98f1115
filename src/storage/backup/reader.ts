import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { compareBytes } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { decompress } from '../compression.ts';
import { crc32c } from '../crc32c.ts';
import type { StorageErrorCode } from '../errors.ts';
import { openInput } from '../input-file.ts';
import { attempt } from '../node-files.ts';
import {
  type BackupHeader,
  type BackupRecord,
  type BackupTrailer,
  badBackup,
  decodeSectionHeader,
  ENCODING,
  faultOfPreamble,
  PREAMBLE_BYTES,
  SECTION,
  SECTION_HEADER_BYTES,
  SECTION_NAMES,
  type SectionHeader,
  type SectionKind,
  unpackRecords,
} from './format.ts';

interface Section {
  readonly kind: SectionKind;
  /** Of its header in the file. */
  readonly offset: number;
  readonly number: number;
  readonly plain: Uint8Array;
}

/**
 * Reads a backup from its beginning to its end and believes no byte before its checksum. Throws BizraError
 * 'damaged_backup' that names section and offset, 'bad_backup' for other files and newer formats.
 */
export class BackupReader {
  readonly path: string;
  /** Bytes of the file, and how many of them were read. */
  readonly size: number;
  private readonly file: FileHandle;
  private readonly hash = createHash('sha256');
  private at = 0;
  private count = 0;
  private plainBytes = 0;
  private recordCount = 0;
  /** Read already, and nobody's yet. */
  private peeked: Section | undefined;
  private read: BackupHeader | undefined;
  private end: BackupTrailer | undefined;

  private constructor(path: string, file: FileHandle, size: number) {
    this.path = path;
    this.file = file;
    this.size = size;
  }

  static async open(path: string): Promise<BackupReader> {
    const { file, size } = await openInput(path);
    try {
      const reader = new BackupReader(path, file, size);
      await reader.begin();
      return reader;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get header(): BackupHeader {
    return this.read as BackupHeader;
  }

  /** Known once the last record was read. */
  get trailer(): BackupTrailer | undefined {
    return this.end;
  }

  get offset(): number {
    return this.at;
  }

  get records(): number {
    return this.recordCount;
  }

  /** The genesis document in pieces: once, before the records. */
  async *genesis(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const section = this.peeked ?? (await this.next());
      this.peeked = section;
      if (section.kind !== SECTION.genesis) return;
      this.peeked = undefined;
      yield section.plain;
    }
  }

  /** The records in the order of their keys, a section at a time. When it ends, all of the file was in order. */
  async *sections(): AsyncGenerator<readonly BackupRecord[]> {
    let last: Uint8Array | undefined;
    for await (const _ of this.genesis()); // whoever does not want it
    for (;;) {
      const section = this.peeked ?? (await this.next());
      this.peeked = undefined;
      if (section.kind === SECTION.trailer) return this.finish(section);
      const records = section.kind === SECTION.records ? unpackRecords(section.plain) : undefined;
      if (records === undefined) throw this.damaged(section, 'it does not hold records');
      for (const [key] of records) {
        if (last !== undefined && compareBytes(last, key) >= 0)
          throw this.damaged(section, 'its keys are out of order');
        last = key;
      }
      this.recordCount += records.length;
      yield records;
    }
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  private async begin(): Promise<void> {
    const preamble = await this.bytes(Math.min(PREAMBLE_BYTES, this.size));
    const fault = faultOfPreamble(preamble);
    if (fault?.isDamage === true) throw this.damagedAt('the preamble', 0, fault.what);
    if (fault !== undefined) throw badBackup(`${this.path}: ${fault.what}`);
    const section = await this.next();
    if (section.kind !== SECTION.header) throw this.damaged(section, 'it is not the header');
    const header = this.parse<BackupHeader>(section);
    const { chain_id, genesis_hash, height, app_hash, time } = header;
    const texts = [chain_id, genesis_hash, app_hash, time];
    if (texts.some((text) => typeof text !== 'string') || !Number.isSafeInteger(height) || height < 0)
      throw this.damaged(section, 'a field is missing');
    this.read = header;
  }

  private finish(section: Section): void {
    const trailer = this.parse<BackupTrailer>(section);
    const found = { sections: section.number, records: this.recordCount, bytes: this.plainBytes };
    for (const [name, value] of Object.entries(found)) {
      const told = trailer[name as keyof BackupTrailer];
      if (told !== value) throw this.damaged(section, `it counts ${told} ${name} where there are ${value}`);
    }
    if (trailer.sha256 !== this.hash.digest('hex'))
      throw this.damaged(section, 'the SHA-256 of the sections before is another one');
    if (this.at < this.size) throw this.damagedAt('the end', this.at, `${this.size - this.at} bytes follow it`);
    this.end = trailer;
  }

  private async next(): Promise<Section> {
    const [offset, number] = [this.at, this.count++];
    const header = decodeSectionHeader(await this.part(offset, number, SECTION_HEADER_BYTES), number);
    if (typeof header === 'string') throw this.damagedAt(`section ${number}`, offset, header);
    const { kind } = header;
    const stored = await this.part(offset, number, header.storedLength);
    if (crc32c(stored) !== header.storedCrc) throw this.damaged({ kind, number, offset }, 'its checksum is wrong');
    const plain = await inflated(header, stored);
    if (plain?.length !== header.plainLength)
      throw this.damaged({ kind, number, offset }, 'it does not inflate to its length');
    if (kind !== SECTION.trailer) {
      this.hash.update(plain);
      this.plainBytes += plain.length;
    }
    return { kind, offset, number, plain };
  }

  /** The next bytes of a section. */
  private async part(offset: number, number: number, length: number): Promise<Uint8Array> {
    if (this.at + length > this.size)
      throw this.damagedAt(`section ${number}`, offset, `the file ends within it, after ${this.size} bytes`);
    return this.bytes(length);
  }

  private async bytes(length: number): Promise<Uint8Array> {
    const out = new Uint8Array(length);
    for (let have = 0; have < length; ) {
      const read = (): Promise<{ bytesRead: number }> => this.file.read(out, have, length - have, this.at + have);
      const { bytesRead } = await attempt('read', this.path, read);
      if (bytesRead === 0) throw badBackup(`${this.path}: it became shorter while it was read`);
      have += bytesRead;
    }
    this.at += length;
    return out;
  }

  private parse<T>(section: Section): T {
    try {
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(section.plain)) as T;
    } catch {
      throw this.damaged(section, 'it is not JSON');
    }
  }

  private damaged({ kind, number, offset }: Omit<Section, 'plain'>, what: string): BizraError<StorageErrorCode> {
    return this.damagedAt(`section ${number} (${SECTION_NAMES[kind]})`, offset, what);
  }

  private damagedAt(where: string, offset: number, what: string): BizraError<StorageErrorCode> {
    return new BizraError(
      'damaged_backup',
      `${this.path} is damaged: ${where}, at offset ${offset}: ${what}; use another backup`,
    );
  }
}

async function inflated(header: SectionHeader, stored: Uint8Array): Promise<Uint8Array | undefined> {
  // The limit must not be 0, which would mean none.
  return header.encoding === ENCODING.plain ? stored : decompress(stored, Math.max(1, header.plainLength));
}
