import type { SnapshotInfo } from '#state/snapshot/archive.ts';
import { decodeManifest, manifestChunks, manifestId } from '#state/snapshot/manifest.ts';
import { StrictReader } from '#state/snapshot/strict-reader.ts';
import { ByteWriter } from '#storage/byte-codec.ts';
import { checkedValue, withChecksum } from '#storage/checksummed.ts';
import { fromLatin1 } from '#util/bytes.ts';

/** Its manifest file is the last that a snapshot gets. */
export const MANIFEST_FILE = 'manifest';
const INDEX_DIGITS = 6;

/** Name of a chunk's file: all have as many digits as the largest index. */
export function chunkFile(index: number): string {
  return String(index).padStart(INDEX_DIGITS, '0');
}

/** What a snapshot's chunks add up to, which the manifest does not say. */
export interface SnapshotTotals {
  readonly leaves: number;
  readonly bytes: number;
  readonly storedBytes: number;
}

/** The file of a manifest: totals for those who list it, the manifest, a checksum. */
export function encodeSnapshotRecord(manifest: Uint8Array, { leaves, bytes, storedBytes }: SnapshotTotals): Uint8Array {
  const writer = new ByteWriter();
  for (const total of [leaves, bytes, storedBytes]) writer.varint(total);
  writer.bytes(manifest);
  return withChecksum(writer.finish());
}

/** Throws MachineError 'damaged', or BizraError 'bad_snapshot' where the bytes are whole and of something else. */
export function decodeSnapshotRecord(path: string, record: Uint8Array): { info: SnapshotInfo; manifest: Uint8Array } {
  const reader = new StrictReader(checkedValue(record, fromLatin1(path), 'manifest of a snapshot'));
  const [leaves, bytes, storedBytes] = [total(reader), total(reader), total(reader)];
  const manifest = reader.raw(total(reader)).slice();
  reader.end();
  const decoded = decodeManifest(manifest);
  const chunks = manifestChunks(decoded).length;
  return {
    info: { height: decoded.height, id: manifestId(manifest), chunks, leaves, bytes, storedBytes },
    manifest,
  };
}

function total(reader: StrictReader): number {
  return reader.varint(Number.MAX_SAFE_INTEGER);
}

/** Regular names only: what else lies in the directory is not ours. */
export function heightOf(name: string): number | undefined {
  const height = /^[1-9]\d{0,15}$/.test(name) ? Number(name) : Number.NaN;
  return Number.isSafeInteger(height) ? height : undefined;
}
