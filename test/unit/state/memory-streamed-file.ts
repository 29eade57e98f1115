import type { StreamedFile } from '#ports/files.ts';
import { concatBytes } from '#util/bytes.ts';

/** A file in memory that is read in small pieces. */
export class MemoryStreamedFile implements StreamedFile {
  bytes: Uint8Array | undefined;
  private readonly pieceBytes: number;

  constructor(bytes?: Uint8Array, pieceBytes = 100) {
    this.bytes = bytes;
    this.pieceBytes = pieceBytes;
  }

  async *read(): AsyncGenerator<Uint8Array> {
    const { bytes } = this;
    if (bytes === undefined) return;
    for (let at = 0; at < bytes.length; at += this.pieceBytes) yield bytes.slice(at, at + this.pieceBytes);
  }

  async replace(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const all: Uint8Array[] = [];
    for await (const piece of pieces) all.push(piece.slice());
    this.bytes = concatBytes(...all);
  }
}
