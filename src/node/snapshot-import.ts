import type { Verifier } from '#crypto/verifier.ts';
import { LightClient, type LightProvider, lightError, MemoryTrustedStore } from '#light/index.ts';
import type { Clock } from '#ports/clock.ts';
import type { Directories } from '#ports/files.ts';
import type { KeyValue } from '#ports/key-value.ts';
import type { SnapshotImport } from '#state/snapshot/import.ts';
import { CHUNK_BYTES_MAX } from '#state/snapshot/limits.ts';
import { checkManifest, decodeManifest, encodeManifest, type Manifest, manifestId } from '#state/snapshot/manifest.ts';
import { HeaderBackfill } from '#sync/header-backfill.ts';
import type { VerifiedChain } from '#sync/verified-heights.ts';
import type { Logger } from '#telemetry/logger.ts';
import type { Genesis } from '#types/genesis.ts';
import { decodeLightBlock, type LightBlock } from '#types/light-block.ts';
import { equalBytes, toHex } from '#util/bytes.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import { FileHeaders } from './file-headers.ts';
import type { SnapshotFileHeader } from './snapshot-export.ts';
import { badSnapshotFile, SECTION, type SnapshotFileReader } from './snapshot-file.ts';
import { SyncDatabase } from './sync-database.ts';

/** A file does not let anybody wait. */
const PATIENCE_MS = 60_000;

/** A header that the operator trusts, and for how long after its time. */
export interface ImportTrust {
  readonly height: number;
  readonly hash: Uint8Array;
  readonly periodNs: bigint;
}

export interface ImportParts {
  readonly directories: Directories;
  readonly openDatabase: (path: string) => Promise<KeyValue>;
  readonly clock: Clock;
  readonly verifier: Verifier;
  readonly logger: Logger;
  readonly decompress: (bytes: Uint8Array, maxBytes: number) => Promise<Uint8Array | undefined>;
}

export interface ImportTarget {
  /** Where the database is to be. */
  readonly path: string;
  readonly genesis: Genesis;
  readonly trust: ImportTrust;
}

export interface ImportProgress {
  readonly chunks: number;
  readonly of: number;
  readonly bytes: number;
}

export interface ImportedSnapshot {
  readonly height: number;
  readonly app_hash: string;
  readonly chunks: number;
  readonly leaves: number;
  /** Lowest height whose header came along. */
  readonly headers_from: number;
}

/**
 * Makes a node's database from a snapshot file, by the same steps as one from peers: the headers follow from the trusted
 * one, the manifest from the app hash, the chunks from the manifest. Killed in between, it goes on when it is called
 * again. Throws BizraError 'home_occupied', 'bad_snapshot_file', and a light client's errors.
 */
export async function importSnapshot(
  parts: ImportParts,
  reader: SnapshotFileReader,
  target: ImportTarget,
  onProgress: (progress: ImportProgress) => void = () => {},
): Promise<ImportedSnapshot> {
  const { directories } = parts;
  const { path, genesis, trust } = target;
  if (await directories.exists(path))
    throw new BizraError('home_occupied', `${path} exists: a snapshot is imported into a home without data`);
  const header = await readHeader(reader, genesis);
  const manifest = await readManifest(reader, header);
  const chain = await readChain(parts, reader, header, target);
  await named(reader, async () => checkManifest(manifest, header.height, chain.next.header.appHash));
  const database = await SyncDatabase.open(parts, { genesis, path, trust });
  try {
    if (!isDone(database, header)) {
      const imported = await beginOrResume(database, manifest);
      await readChunks(parts, reader, imported, onProgress);
      await database.complete(imported, chain);
    } else await skipChunks(reader, header.chunks);
    await readHeaders(parts, reader, target, { database, above: header.height });
    const { height } = database.lowest();
    await database.finish();
    const { chunks, leaves } = header;
    return { height: header.height, app_hash: toHex(chain.next.header.appHash), chunks, leaves, headers_from: height };
  } catch (error) {
    await database.close();
    // What a file that turns out wrong has left would only be in the way.
    if (!(error instanceof MachineError)) await SyncDatabase.discard(directories, path);
    throw error;
  }
}

async function readHeader(reader: SnapshotFileReader, { chainId, hash }: Genesis): Promise<SnapshotFileHeader> {
  const header = parseHeader(reader, await reader.expect(SECTION.header));
  const { path } = reader;
  if (header.chain_id !== chainId)
    throw badSnapshotFile(
      `${path} is of chain ${header.chain_id}, this home of ${chainId}: use another --home or file`,
    );
  if (header.genesis_hash === toHex(hash)) return header;
  throw badSnapshotFile(
    `${path} is of chain ${chainId} with another genesis file (hash ${header.genesis_hash}, not ${toHex(hash)}): put ` +
      'the right genesis.json into the home',
  );
}

function parseHeader(reader: SnapshotFileReader, bytes: Uint8Array): SnapshotFileHeader {
  try {
    const header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as SnapshotFileHeader;
    const numbers = [header.height, header.chunks, header.leaves, header.light_blocks];
    const texts = [header.chain_id, header.genesis_hash, header.id];
    if (numbers.every(Number.isSafeInteger) && texts.every((text) => typeof text === 'string')) return header;
  } catch {
    // Told below.
  }
  throw badSnapshotFile(`${reader.path} has a header that this program does not understand: export it again`);
}

async function readManifest(reader: SnapshotFileReader, header: SnapshotFileHeader): Promise<Manifest> {
  const encoded = await reader.expect(SECTION.manifest);
  return named(reader, async () => {
    if (toHex(manifestId(encoded)) !== header.id) throw new BizraError('bad_snapshot', 'its manifest is another one');
    return decodeManifest(encoded);
  });
}

/** The light blocks in the file, verified from the trusted header on. */
async function readChain(
  { verifier, clock }: ImportParts,
  reader: SnapshotFileReader,
  header: SnapshotFileHeader,
  { genesis, trust }: ImportTarget,
): Promise<VerifiedChain> {
  const blocks = new Map<number, LightBlock>();
  for (let i = 0; i < header.light_blocks; i++) {
    const bytes = await reader.expect(SECTION.lightBlock);
    const block = await named(reader, async () => decodeLightBlock(bytes));
    blocks.set(block.header.height, block);
  }
  const client = new LightClient(
    { verifier, store: new MemoryTrustedStore(), primary: fileProvider(reader.path, blocks) },
    { chainId: genesis.chainId, trustingPeriodNs: trust.periodNs },
  );
  await client.trustHeader(trust.height, trust.hash, clock.now());
  const at = async (height: number): Promise<LightBlock> => (await client.verify(height, clock.now())).block;
  const last = await at(header.height);
  const next = await at(header.height + 1);
  const isSame = equalBytes(next.header.nextValidatorsHash, next.header.validatorsHash);
  return { last, next, afterNext: isSame ? undefined : await at(header.height + 2) };
}

function fileProvider(name: string, blocks: ReadonlyMap<number, LightBlock>): LightProvider {
  return {
    name,
    lightBlock: async (height = Math.max(...blocks.keys())) => {
      const block = blocks.get(height);
      if (block !== undefined) return block;
      throw lightError(
        'no_light_block',
        `${name} does not have header ${height}, only ${[...blocks.keys()].join(', ')}: name one of these as trusted`,
      );
    },
  };
}

function isDone(database: SyncDatabase, { height }: SnapshotFileHeader): boolean {
  return database.isComplete && database.height === height;
}

async function beginOrResume(database: SyncDatabase, manifest: Manifest): Promise<SnapshotImport> {
  const { begun } = database;
  const isSame = begun !== undefined && equalBytes(encodeManifest(begun.manifest), encodeManifest(manifest));
  return isSame ? begun : database.begin(manifest);
}

async function readChunks(
  { decompress }: ImportParts,
  reader: SnapshotFileReader,
  imported: SnapshotImport,
  onProgress: (progress: ImportProgress) => void,
): Promise<void> {
  const of = imported.chunks.length;
  for (let index = 0; index < of; index++) {
    const stored = await reader.expect(SECTION.chunk);
    if (!imported.has(index)) {
      const encoded = await decompress(stored, CHUNK_BYTES_MAX);
      await named(reader, async () => {
        if (encoded === undefined) throw new BizraError('bad_snapshot', `chunk ${index} cannot be unfolded`);
        await imported.add(index, encoded);
      });
    }
    onProgress({ chunks: index + 1, of, bytes: reader.offset });
  }
}

async function skipChunks(reader: SnapshotFileReader, chunks: number): Promise<void> {
  for (let index = 0; index < chunks; index++) await reader.expect(SECTION.chunk);
}

/** Headers below the snapshot's, for evidence; as many as came along. */
async function readHeaders(
  { verifier, clock, logger, decompress }: ImportParts,
  reader: SnapshotFileReader,
  { genesis: { chainId, initialHeight } }: ImportTarget,
  { database, above }: { readonly database: SyncDatabase; readonly above: number },
): Promise<void> {
  const headers = await FileHeaders.read(reader, above, { clock, decompress });
  const components = { peers: headers, sink: database, verifier, clock, logger };
  const lowest = Math.max(initialHeight, headers.lowest);
  await new HeaderBackfill(components, { chainId, lowest, patienceMs: PATIENCE_MS }).run();
}

/** What is wrong with a part is wrong with the file. */
async function named<T>({ path }: SnapshotFileReader, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof BizraError) || error instanceof MachineError) throw error;
    throw badSnapshotFile(`${path} cannot be used: ${error.message}`);
  }
}
