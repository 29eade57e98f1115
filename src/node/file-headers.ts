import { decodeAnswer } from '#network/request-codec.ts';
import type { Clock } from '#ports/clock.ts';
import type { PeerId } from '#ports/transport.ts';
import type { HeaderPeers } from '#sync/header-backfill.ts';
import type { LightBlock } from '#types/light-block.ts';
import { BizraError } from '#util/errors.ts';
import { badSnapshotFile, HEADERS_BYTES_MAX, SECTION, type SnapshotFileReader } from './snapshot-file.ts';

/** Light blocks of one section. */
interface Range {
  readonly from: number;
  readonly to: number;
  readonly stored: Uint8Array;
}

type Decompress = (bytes: Uint8Array, maxBytes: number) => Promise<Uint8Array | undefined>;

export interface FileHeadersParts {
  readonly clock: Clock;
  readonly decompress: Decompress;
}

const LIMITS = { maxBlockBytes: 0, maxTxBytes: 0 };
const ALL_OF_IT = { kind: 'getLightBlocks', from: 0, count: Number.MAX_SAFE_INTEGER } as const;

/** The headers at the end of a snapshot file, given as a peer gives them: nothing of them is believed. */
export class FileHeaders implements HeaderPeers {
  /** Lowest height; the one above all where there are none. */
  readonly lowest: number;
  private readonly path: string;
  private readonly ranges: readonly Range[];
  private readonly parts: FileHeadersParts;

  private constructor(path: string, lowest: number, ranges: readonly Range[], parts: FileHeadersParts) {
    this.path = path;
    this.lowest = lowest;
    this.ranges = ranges;
    this.parts = parts;
  }

  /**
   * Reads the file to its end. The sections go down from the header above without a gap. Compressed they are small: a
   * hundred validators sign 7 KB a block.
   */
  static async read(reader: SnapshotFileReader, above: number, parts: FileHeadersParts): Promise<FileHeaders> {
    const ranges: Range[] = [];
    let to = above - 1;
    for (let at = reader.offset, section = await reader.next(); section.kind !== SECTION.end; ) {
      if (section.kind !== SECTION.headers) throw reader.damaged(at);
      const heights = (await unfold(reader.path, section.bytes, parts.decompress)).map(({ header }) => header.height);
      const from = to - heights.length + 1;
      if (heights.length === 0 || !heights.every((height, i) => height === from + i)) throw reader.damaged(at);
      ranges.push({ from, to, stored: section.bytes });
      to = from - 1;
      at = reader.offset;
      section = await reader.next();
    }
    reader.checkAtEnd();
    return new FileHeaders(reader.path, to + 1, ranges, parts);
  }

  usable(): PeerId[] {
    return [this.path];
  }

  async lightBlocks(_peer: PeerId, from: number, count: number): Promise<readonly LightBlock[]> {
    const range = this.ranges.find((one) => one.from <= from && from <= one.to);
    if (range === undefined) return [];
    const blocks = await unfold(this.path, range.stored, this.parts.decompress);
    return blocks.slice(from - range.from, from - range.from + count);
  }

  lied(_peer: PeerId, what: string): void {
    throw badSnapshotFile(`${this.path} cannot be used: ${what}`);
  }

  /** A file is never silent. */
  isSilence(error: unknown): boolean {
    throw error;
  }

  /** What is asked of it comes as soon as the event loop has turned. */
  async sleep(): Promise<void> {
    await this.parts.clock.yield();
  }
}

async function unfold(path: string, stored: Uint8Array, decompress: Decompress): Promise<readonly LightBlock[]> {
  const encoded = await decompress(stored, HEADERS_BYTES_MAX);
  if (encoded === undefined) throw badSnapshotFile(`${path} cannot be used: its headers cannot be unfolded`);
  try {
    return decodeAnswer<'getLightBlocks'>(ALL_OF_IT, encoded, LIMITS).blocks;
  } catch (error) {
    if (!(error instanceof BizraError)) throw error;
    throw badSnapshotFile(`${path} cannot be used: ${error.message}`);
  }
}
