import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { InlineVerifier } from '#crypto/verifier.ts';
import { NetworkError } from '#network/errors.ts';
import type { Request } from '#network/messages.ts';
import { decodeRequest, encodeAnswer } from '#network/request-codec.ts';
import { stateSyncAnswersOf } from '#node/archive.ts';
import { initializeChain } from '#node/database.ts';
import { ensureDatabase } from '#node/fresh-database.ts';
import type { NodeSettings } from '#node/settings.ts';
import { syncState } from '#node/state-syncing.ts';
import type { Directories } from '#ports/files.ts';
import type { KeyValue } from '#ports/key-value.ts';
import type { PeerId, PeerInfo, Transport, TransportHandlers } from '#ports/transport.ts';
import type { SnapshotArchive, SnapshotInfo } from '#state/snapshot/archive.ts';
import { encodeChunk } from '#state/snapshot/chunk.ts';
import { makeSnapshot } from '#state/snapshot/make.ts';
import { encodeManifest, manifestId } from '#state/snapshot/manifest.ts';
import { BlockStore } from '#storage/block-store.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { type LogFields, type Logger, SILENT_LOGGER } from '#telemetry/logger.ts';
import { hashHeader } from '#types/header.ts';
import { assert } from '#util/assert.ts';
import { toHex } from '#util/bytes.ts';
import { NEVER_PAUSE } from '#util/pause.ts';
import { SIM_SETTINGS } from '../../sim/chain/settings.ts';
import { Chance } from '../../sim/time/chance.ts';
import { VirtualClock } from '../../sim/time/clock.ts';
import { type Life, settle } from '../../sim/time/scheduler.ts';
import { NodeBench } from '../engine/bench.ts';

export const DATABASE = 'data/chain.db';
const HONEST_MS = 5;
const LIAR_MS = 4;
const SYNCING = `${DATABASE}.syncing`;

/** Snapshots in memory. */
class MemoryArchive implements SnapshotArchive {
  readonly making = undefined;
  private readonly kept = new Map<number, { info: SnapshotInfo; manifest: Uint8Array; chunks: Uint8Array[] }>();

  async make(bench: NodeBench): Promise<void> {
    const pinned = bench.node.state.pin();
    assert(pinned !== undefined, 'no other snapshot is made');
    const chunks: Uint8Array[] = [];
    const manifest = await makeSnapshot(
      pinned,
      async (_index, { leaves }) => void chunks.push(new Uint8Array(deflateRawSync(await encodeChunk(leaves)))),
      NEVER_PAUSE,
    );
    await pinned.release();
    const encoded = encodeManifest(manifest);
    const info = { height: manifest.height, id: manifestId(encoded), chunks: chunks.length };
    this.kept.set(info.height, {
      info: { ...info, leaves: 0, bytes: 0, storedBytes: 0 },
      manifest: encoded,
      chunks,
    });
  }

  drop(height: number): void {
    this.kept.delete(height);
  }

  list(): readonly SnapshotInfo[] {
    return [...this.kept.values()].map(({ info }) => info).sort((a, b) => b.height - a.height);
  }

  async manifest(height: number): Promise<Uint8Array | undefined> {
    return this.kept.get(height)?.manifest;
  }

  async chunk(height: number, index: number): Promise<Uint8Array | undefined> {
    return this.kept.get(height)?.chunks[index];
  }
}

/** A chain of one validator with snapshots, made by a real node. */
export class SourceChain {
  readonly bench = new NodeBench(1);
  readonly archive = new MemoryArchive();

  /** Snapshots at these heights, the last of them well below the head. */
  static async create(...snapshots: readonly number[]): Promise<SourceChain> {
    const chain = new SourceChain();
    await (await chain.bench.install()).start();
    for (const height of snapshots) {
      await chain.runTo(height);
      await chain.archive.make(chain.bench);
    }
    await chain.runTo((snapshots.at(-1) ?? 0) + 3);
    return chain;
  }

  get height(): number {
    return this.bench.node.chain.state.height;
  }

  async runTo(height: number): Promise<void> {
    await this.bench.run(1_000_000, () => this.height >= height);
    assert(this.height === height, 'heights come one by one');
  }

  hashAt(height: number): string {
    const header = this.bench.node.blockStore.meta(height)?.header;
    assert(header !== undefined, 'the height is stored');
    return toHex(hashHeader(header));
  }

  /** What an honest peer answers. */
  async answer(peer: PeerId, request: Request): Promise<Uint8Array> {
    const { node } = this.bench;
    const answers = stateSyncAnswersOf(node.chain, node.blockStore, node.ports.clock, this.archive);
    switch (request.kind) {
      case 'getSnapshots':
        return encodeAnswer('getSnapshots', await answers.snapshots(peer));
      case 'getManifest':
        return encodeAnswer('getManifest', await answers.manifest(peer, request));
      case 'getChunk':
        return encodeAnswer('getChunk', await answers.chunk(peer, request));
      case 'getLightBlocks':
        return encodeAnswer('getLightBlocks', await answers.lightBlocks(peer, request));
      default:
        throw new NetworkError('peer_error', 'not asked here');
    }
  }
}

/** A peer's answer; `honest` is what the chain says. */
export type Script = (request: Request, honest: () => Promise<Uint8Array>) => Promise<Uint8Array>;

export const HONEST: Script = (_request, honest) => honest();
export const SILENT: Script = () => new Promise(() => {});

/** Where a process finds its databases again after it died. */
class MemoryDirectories implements Directories {
  readonly databases = new Map<string, MemoryKeyValue>();
  /** Batches and names that may still be written; then the process dies. */
  stepsLeft = Number.POSITIVE_INFINITY;

  readonly open = async (path: string): Promise<KeyValue> => {
    const kv = this.databases.get(path) ?? new MemoryKeyValue();
    this.databases.set(path, kv);
    return new Proxy(kv, {
      get: (target, name) => {
        if (name === 'close') return async () => undefined;
        const value = Reflect.get(target, name) as unknown;
        if (name !== 'batch') return typeof value === 'function' ? value.bind(target) : value;
        return () => {
          const batch = target.batch();
          const write = batch.write.bind(batch);
          batch.write = async (options) => {
            this.step();
            await write(options);
          };
          return batch;
        };
      },
    });
  };

  async exists(path: string): Promise<boolean> {
    return this.databases.has(path);
  }

  async remove(path: string): Promise<void> {
    this.step();
    this.databases.delete(path);
  }

  async rename(from: string, to: string): Promise<void> {
    this.step();
    const kv = this.databases.get(from);
    assert(kv !== undefined, 'it is there');
    this.databases.set(to, kv);
    this.databases.delete(from);
  }

  async syncName(): Promise<void> {
    this.step();
  }

  private step(): void {
    if (this.stepsLeft-- <= 0) throw new ProcessDied();
  }
}

export class ProcessDied extends Error {}

/** A node without a database, among scripted peers. */
export class Newcomer implements Transport {
  readonly self = 'newcomer';
  readonly directories = new MemoryDirectories();
  readonly scripts = new Map<PeerId, Script>();
  readonly asked: { readonly peer: PeerId; readonly request: Request }[] = [];
  readonly punished: { readonly peer: PeerId; readonly reason: string }[] = [];
  readonly lines: string[] = [];
  settings: NodeSettings;
  private readonly source: SourceChain;

  constructor(source: SourceChain, scripts: Readonly<Record<PeerId, Script>>, trustHeight = 1) {
    this.source = source;
    for (const [peer, script] of Object.entries(scripts)) this.scripts.set(peer, script);
    const statesync = { ...SIM_SETTINGS.statesync, enable: true, trustHeight, trustHash: source.hashAt(trustHeight) };
    this.settings = { ...SIM_SETTINGS, statesync };
  }

  get database(): MemoryKeyValue | undefined {
    return this.directories.databases.get(DATABASE);
  }

  get unfinished(): MemoryKeyValue | undefined {
    return this.directories.databases.get(SYNCING);
  }

  /** Why a peer was punished. */
  reasons(peer: PeerId): string[] {
    return this.punished.filter((one) => one.peer === peer).map(({ reason }) => reason);
  }

  /** Runs state sync to its end while the chain goes on. `signal` ends it. */
  async sync(signal = new AbortController().signal): Promise<void> {
    const { scheduler, genesis } = this.source.bench;
    const life: Life = { alive: true };
    let end: { readonly error?: unknown } | undefined;
    syncState(
      {
        transport: this,
        clock: new VirtualClock(scheduler, life, { ms: 0 }),
        random: new Chance(1),
        verifier: new InlineVerifier(),
        logger: this.logger(),
        directories: this.directories,
        openDatabase: this.directories.open,
        decompress: async (bytes, maxOutputLength) => inflated(bytes, maxOutputLength),
        signal,
        path: DATABASE,
      },
      genesis,
      this.settings,
    ).then(
      () => {
        end = {};
      },
      (error: unknown) => {
        end = { error };
      },
    );
    await settle();
    while (end === undefined && (await scheduler.step()));
    life.alive = false;
    if (end?.error !== undefined) throw end.error;
  }

  /** As the daemon goes on where state sync has left no database. */
  async fallBack(): Promise<void> {
    const { genesis } = this.source.bench;
    await ensureDatabase(this.directories, DATABASE, this.directories.open, async (kv) =>
      initializeChain(kv, genesis, await BlockStore.open(kv)),
    );
  }

  async start(_handlers: TransportHandlers): Promise<void> {}

  async stop(): Promise<void> {}

  addresses(): readonly string[] {
    return [];
  }

  peers(): readonly PeerInfo[] {
    return [...this.scripts.keys()].map((id) => ({ id, address: '', outbound: true, connectedAtMs: 0 }));
  }

  send(): boolean {
    return true;
  }

  async request(peer: PeerId, bytes: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const script = this.scripts.get(peer);
    if (script === undefined) throw new NetworkError('disconnected', 'it is gone');
    const request = decodeRequest(bytes);
    this.asked.push({ peer, request });
    const { scheduler } = this.source.bench;
    return new Promise((resolve, reject) => {
      const cancel = scheduler.after(timeoutMs, { alive: true }, () =>
        reject(new NetworkError('timeout', 'no answer in time')),
      );
      // An answer takes its way; a liar's is the first.
      const answered = (end: () => void) => (): void => {
        cancel();
        scheduler.after(peer === 'liar' ? LIAR_MS : HONEST_MS, { alive: true }, end);
      };
      script(request, () => this.source.answer(peer, request)).then(
        (answer) => answered(() => resolve(answer))(),
        (error: unknown) => answered(() => reject(new NetworkError('peer_error', String(error))))(),
      );
    });
  }

  publish(): void {}

  penalize(peer: PeerId, _points: number, reason: string): void {
    this.punished.push({ peer, reason });
  }

  ban(peer: PeerId, _durationMs: number, reason: string): void {
    this.punished.push({ peer, reason });
    this.scripts.delete(peer);
  }

  private logger(): Logger {
    const note = (message: string, fields: LogFields = {}): void =>
      void this.lines.push([message, ...Object.entries(fields).map(([key, value]) => `${key}=${value}`)].join(' '));
    return { ...SILENT_LOGGER, info: note, warn: note, child: () => this.logger() };
  }
}

function inflated(bytes: Uint8Array, maxOutputLength: number): Uint8Array | undefined {
  try {
    return new Uint8Array(inflateRawSync(bytes, { maxOutputLength }));
  } catch {
    return undefined;
  }
}
