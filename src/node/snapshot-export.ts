import { needsNextValidators } from '#engine/synced-chain-state.ts';
import { encodeAnswer } from '#network/request-codec.ts';
import type { SnapshotArchive, SnapshotInfo } from '#state/snapshot/archive.ts';
import { type Header, hashHeader } from '#types/header.ts';
import { encodeLightBlock, type LightBlock } from '#types/light-block.ts';
import { toHex } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { SECTION, SnapshotFileWriter } from './snapshot-file.ts';

const HEADERS_PER_SECTION = 128;
/** In all commits of a section, some 2 MB; a single commit may have more. */
const SIGNATURES_PER_SECTION = 20_000;

/** What the file says of itself. Hashes are lower-case hex. */
export interface SnapshotFileHeader {
  readonly chain_id: string;
  readonly genesis_hash: string;
  readonly height: number;
  /** Of the manifest. */
  readonly id: string;
  readonly chunks: number;
  readonly leaves: number;
  /** Light blocks around the height, which stand before the chunks. */
  readonly light_blocks: number;
}

export interface ExportSource {
  readonly archive: SnapshotArchive;
  readonly chainId: string;
  readonly genesisHash: Uint8Array;
  /** Undefined for a height that is not decided, or no longer kept. */
  readonly lightBlock: (height: number) => Promise<LightBlock | undefined>;
  /** Whether evidence about `then` could still be in a block after `now`: headers back to there go along. */
  readonly isRecent: (then: Header, now: Header) => boolean;
  readonly compress: (bytes: Uint8Array) => Promise<Uint8Array>;
}

export interface ExportProgress {
  readonly chunks: number;
  readonly of: number;
  readonly bytes: number;
}

export interface ExportedSnapshot extends SnapshotFileHeader {
  readonly file: string;
  readonly bytes: number;
  /** The header that whoever imports the file has to trust. */
  readonly trust_height: number;
  readonly trust_hash: string;
}

/**
 * Writes the snapshot at `height` (the newest by default) to one file, with the light blocks from which its chain is
 * verified and goes on. Throws BizraError 'snapshot_missing', 'snapshot_early', 'cancelled', and what `NewFile.create` throws.
 */
export async function exportSnapshot(
  source: ExportSource,
  request: { readonly height: number | undefined; readonly output: string },
  onProgress: (progress: ExportProgress) => void = () => {},
  signal?: AbortSignal,
): Promise<ExportedSnapshot> {
  const { output } = request;
  const info = find(source.archive, request.height);
  const writer = await SnapshotFileWriter.create(output);
  try {
    const lightBlocks = await lightBlocksOf(source, info.height);
    const header: SnapshotFileHeader = {
      chain_id: source.chainId,
      genesis_hash: toHex(source.genesisHash),
      height: info.height,
      id: toHex(info.id),
      chunks: info.chunks,
      leaves: info.leaves,
      light_blocks: lightBlocks.length,
    };
    await writer.section(SECTION.header, new TextEncoder().encode(JSON.stringify(header)));
    await writer.section(SECTION.manifest, there(await source.archive.manifest(info.height), info));
    for (const block of lightBlocks) await writer.section(SECTION.lightBlock, encodeLightBlock(block));
    for (let index = 0; index < info.chunks; index++) {
      checkWanted(signal);
      await writer.section(SECTION.chunk, there(await source.archive.chunk(info.height, index), info));
      onProgress({ chunks: index + 1, of: info.chunks, bytes: writer.bytes });
    }
    await writeHeaders(writer, source, info.height, signal);
    await writer.section(SECTION.end, new Uint8Array(0));
    await writer.finish();
    const { header: trusted } = lightBlocks[1] as LightBlock;
    const trust = { trust_height: trusted.height, trust_hash: toHex(hashHeader(trusted)) };
    return { file: output, ...header, bytes: writer.bytes, ...trust };
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

/** Headers with their commits and validators below the height: without them a node cannot judge evidence. */
async function writeHeaders(
  writer: SnapshotFileWriter,
  source: ExportSource,
  height: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const now = (await source.lightBlock(height))?.header;
  let above = now;
  let blocks: LightBlock[] = [];
  const flush = async (): Promise<void> => {
    checkWanted(signal);
    const encoded = encodeAnswer('getLightBlocks', { blocks: blocks.toReversed() });
    if (blocks.length > 0) await writer.section(SECTION.headers, await source.compress(encoded));
    blocks = [];
  };
  while (now !== undefined && above !== undefined && source.isRecent(above, now)) {
    const block = await source.lightBlock(above.height - 1);
    above = block?.header;
    if (block === undefined) break;
    const { length } = block.commit.signatures;
    if (blocks.length === HEADERS_PER_SECTION || (blocks.length + 1) * length > SIGNATURES_PER_SECTION) await flush();
    blocks.push(block);
  }
  await flush();
}

function checkWanted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new BizraError('cancelled', 'the export was cancelled: nothing was kept of it');
}

/** Of the snapshot's height and the next one, and of the one after it where the validators change there. */
async function lightBlocksOf({ lightBlock }: ExportSource, height: number): Promise<LightBlock[]> {
  const last = await lightBlock(height);
  const next = await lightBlock(height + 1);
  if (last !== undefined && next !== undefined && !needsNextValidators(next)) return [last, next];
  const afterNext = await lightBlock(height + 2);
  if (last !== undefined && next !== undefined && afterNext !== undefined) return [last, next, afterNext];
  throw new BizraError(
    'snapshot_early',
    `the headers after height ${height} are not there: wait for a block or two, or take an older snapshot`,
  );
}

function find(archive: SnapshotArchive, height: number | undefined): SnapshotInfo {
  const all = archive.list();
  const info = height === undefined ? all[0] : all.find((one) => one.height === height);
  if (info !== undefined) return info;
  throw new BizraError(
    'snapshot_missing',
    `there is no snapshot${height === undefined ? '' : ` at height ${height}`}: make one with bizra-node snapshot create`,
  );
}

function there(bytes: Uint8Array | undefined, { height }: SnapshotInfo): Uint8Array {
  if (bytes !== undefined) return bytes;
  throw new BizraError('snapshot_missing', `the snapshot at height ${height} is gone: it was damaged or deleted`);
}
