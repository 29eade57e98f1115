import { isLightError } from '#light/index.ts';
import type { Clock } from '#ports/clock.ts';
import type { SnapshotImport } from '#state/snapshot/import.ts';
import { checkManifest, decodeManifest, encodeManifest, type Manifest, manifestId } from '#state/snapshot/manifest.ts';
import type { Logger } from '#telemetry/logger.ts';
import { equalBytes, toHex } from '#util/bytes.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import { ChunkFetch, type ChunkFetchComponents } from './chunk-fetch.ts';
import { type Candidate, SnapshotOffers } from './snapshot-offers.ts';
import type { SnapshotName, StateSyncPeers } from './state-sync-peers.ts';
import { StateSyncError } from './sync-errors.ts';
import type { VerifiedChain, VerifiedHeights } from './verified-heights.ts';

const LOOK_EVERY_MS = 200;
/** A snapshot that could not be had or verified is not tried again for so long. */
const POSTPONE_MS = 10_000;
/** While nobody delivers a chunk for so long, another snapshot is looked for. */
const CHUNK_PATIENCE_MS = 60_000;

/** The database under way. */
export interface StateSyncDatabase {
  /** The import under way, of this process or one before it. */
  readonly begun: SnapshotImport | undefined;
  /** Throws away what was there. */
  begin(manifest: Manifest): Promise<SnapshotImport>;
  /** All chunks are there: writes what the chain goes on from. Throws what is no peer's fault. */
  complete(imported: SnapshotImport, chain: VerifiedChain): Promise<void>;
}

export interface StateSyncComponents {
  readonly peers: StateSyncPeers;
  readonly heights: VerifiedHeights;
  readonly database: StateSyncDatabase;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly decompress: ChunkFetchComponents['decompress'];
}

export interface StateSyncOptions {
  /** Milliseconds in which peers are looked for before one snapshot is chosen. */
  readonly discoveryMs: number;
  /** Milliseconds without any progress after which state sync fails. */
  readonly timeoutMs: number;
}

/**
 * Brings an empty database to the state of a snapshot that peers offer. Nothing that they say is believed: the header
 * behind the snapshot follows from a trusted one, the manifest from the app hash in it, each chunk from the manifest.
 */
export class StateSync {
  private readonly parts: StateSyncComponents;
  private readonly options: StateSyncOptions;
  private readonly offers: SnapshotOffers;
  private readonly postponedUntilMs = new Map<string, number>();
  private progressMs: number;
  private reason = 'no peer offers one';
  private failure: { readonly error: unknown } | undefined;

  constructor(components: StateSyncComponents, options: StateSyncOptions) {
    this.parts = components;
    this.options = options;
    this.offers = new SnapshotOffers(components.peers);
    this.progressMs = components.clock.monotonicMs();
  }

  /** Resolves when the state and the chain's record of it are on the disk. Throws StateSyncError. */
  async run(): Promise<void> {
    const { clock, logger, database, peers } = this.parts;
    logger.info('state sync: looking for snapshots', { begun: database.begun?.manifest.height });
    await this.discover();
    for (;;) {
      const candidate = this.choose();
      const isUntried = candidate?.failures === 0;
      if (!isUntried && clock.monotonicMs() - this.progressMs > this.options.timeoutMs)
        throw new StateSyncError('no_snapshot', `no snapshot could be had: ${this.reason}`);
      if (candidate !== undefined) {
        const { liarCount } = peers;
        if (await this.tryOne(candidate)) return;
        // Where a liar was found, the others are asked at once.
        if (peers.liarCount === liarCount) this.postpone(candidate);
      }
      await this.look();
    }
  }

  private postpone(candidate: Candidate): void {
    this.postponedUntilMs.set(keyOf(candidate), this.parts.clock.monotonicMs() + POSTPONE_MS);
    this.offers.failed(candidate);
  }

  /** Peers come one after the other, and the first is not always the best. */
  private async discover(): Promise<void> {
    const { clock } = this.parts;
    const untilMs = clock.monotonicMs() + this.options.discoveryMs;
    while (clock.monotonicMs() < untilMs) await this.look();
  }

  private async look(): Promise<void> {
    if (this.failure !== undefined) throw this.failure.error;
    this.offers.refresh((error) => {
      this.failure ??= { error };
    });
    await this.parts.peers.sleep(LOOK_EVERY_MS);
  }

  /** The best that is not postponed; the one that was begun where it is as good. */
  private choose(): Candidate | undefined {
    const now = this.parts.clock.monotonicMs();
    const open = this.offers.candidates().filter((one) => (this.postponedUntilMs.get(keyOf(one)) ?? 0) <= now);
    const [best] = open;
    return open.find((one) => one.failures === best?.failures && this.isBegun(one)) ?? best;
  }

  private isBegun({ height, id }: SnapshotName): boolean {
    const manifest = this.parts.database.begun?.manifest;
    return manifest?.height === height && equalBytes(manifestId(encodeManifest(manifest)), id);
  }

  /** Whether the snapshot was verified, fetched and written. */
  private async tryOne(candidate: Candidate): Promise<boolean> {
    const { height } = candidate;
    const { clock, database, logger } = this.parts;
    try {
      const chain = await this.parts.heights.chainAt(height, candidate.peers);
      logger.info('state sync: headers verified', { height, app_hash: toHex(chain.next.header.appHash) });
      const manifest = await this.fetchManifest(candidate, chain.next.header.appHash);
      if (manifest === undefined) return false;
      const imported = await this.importOf(candidate, manifest);
      const { chunksDone } = imported;
      if (await this.fetchChunks(candidate, imported)) {
        await database.complete(imported, chain);
        return true;
      }
      // Chunks alone are progress: headers and a manifest can be had of those who then give nothing.
      if (imported.chunksDone > chunksDone) this.progressMs = clock.monotonicMs();
      this.reason = `nobody gives the chunks of the snapshot at height ${height} any more`;
      return false;
    } catch (error) {
      // A liar's header may be from the future, too: that alone must not end it.
      const codes = ['bad_light_block', 'no_light_block', 'no_witness', 'provider_failed', 'too_many_steps'] as const;
      if (!isLightError(error, 'header_from_future', ...codes)) throw error;
      this.reason = `the header after the snapshot at height ${height} cannot be verified: ${error.message}`;
      logger.warn('state sync: a snapshot is put off', { height, reason: error.message });
      if (error.code === 'no_light_block') await this.blameOfferers(candidate);
      return false;
    }
  }

  /** A node offers a snapshot once it has the next header, too: who does not have that offers what there is not. */
  private async blameOfferers({ height, peers: offerers }: Candidate): Promise<void> {
    const { peers } = this.parts;
    await Promise.all(
      offerers.map(async (peer) => {
        try {
          if ((await peers.lightBlocks(peer, height + 1, 1)).length === 0) peers.failed(peer);
        } catch (error) {
          peers.isSilence(error);
        }
      }),
    );
  }

  /** From the first peer that has it. What does not lead to the app hash was a lie when it was offered. */
  private async fetchManifest(candidate: Candidate, appHash: Uint8Array): Promise<Manifest | undefined> {
    const { peers } = this.parts;
    const { height, id } = candidate;
    for (const peer of candidate.peers) {
      const encoded = await this.manifestOf(peer, candidate);
      if (encoded === undefined) continue;
      try {
        if (!equalBytes(manifestId(encoded), id)) throw new BizraError('bad_snapshot', 'it is not the one offered');
        const manifest = decodeManifest(encoded);
        checkManifest(manifest, height, appHash);
        return manifest;
      } catch (error) {
        if (!(error instanceof BizraError) || error instanceof MachineError) throw error;
        peers.lied(peer, `manifest of height ${height}: ${error.message}`);
      }
    }
    this.reason = `nobody gives the manifest of the snapshot at height ${height}`;
    return undefined;
  }

  private async manifestOf(peer: string, name: SnapshotName): Promise<Uint8Array | undefined> {
    const { peers } = this.parts;
    try {
      const encoded = await peers.manifest(peer, name);
      if (encoded === undefined) this.offers.gone(peer, name);
      return encoded;
    } catch (error) {
      peers.isSilence(error);
      return undefined;
    }
  }

  /** Goes on with what is there of the same snapshot; what is there of another one is thrown away. */
  private async importOf(name: SnapshotName, manifest: Manifest): Promise<SnapshotImport> {
    const { database, logger } = this.parts;
    const { begun } = database;
    if (begun !== undefined && this.isBegun(name)) {
      logger.info('state sync: going on', { height: manifest.height, chunks: begun.chunksDone });
      return begun;
    }
    return database.begin(manifest);
  }

  private fetchChunks(candidate: Candidate, sink: SnapshotImport): Promise<boolean> {
    const { offers } = this;
    const fetch = new ChunkFetch({ ...this.parts, offers, sink }, candidate, { patienceMs: CHUNK_PATIENCE_MS });
    return fetch.run();
  }
}

function keyOf({ height, id }: SnapshotName): string {
  return `${height}/${toHex(id)}`;
}
