import { CONSENSUS_STORE } from '#app/modules/chain/state.ts';
import type { ChainState } from '#engine/chain-state.ts';
import { readChainState, writeChainState } from '#engine/chain-store.ts';
import { decodeEvidenceMark, EVIDENCE_MARK_PREFIX } from '#engine/evidence-marks.ts';
import { putCommittedHash } from '#engine/evidence-rows.ts';
import { PRIORITIES_KEY } from '#engine/priorities-record.ts';
import { syncedChainState } from '#engine/synced-chain-state.ts';
import { workSlice } from '#engine/work-slice.ts';
import { isExpired } from '#evidence/evidence.ts';
import type { Clock } from '#ports/clock.ts';
import type { Directories } from '#ports/files.ts';
import type { KeyValue } from '#ports/key-value.ts';
import { leafKey, leafPrefix, leafValue, prefixEnd } from '#state/rows.ts';
import { SnapshotImport } from '#state/snapshot/import.ts';
import type { Manifest } from '#state/snapshot/manifest.ts';
import { BlockStore } from '#storage/block-store.ts';
import { checkedValue, withChecksum } from '#storage/checksummed.ts';
import { KEY_SPACE } from '#storage/key-space.ts';
import type { HeaderSink } from '#sync/header-backfill.ts';
import type { StateSyncDatabase } from '#sync/state-sync.ts';
import type { VerifiedChain } from '#sync/verified-heights.ts';
import type { Logger } from '#telemetry/logger.ts';
import type { Genesis } from '#types/genesis.ts';
import type { Header } from '#types/header.ts';
import type { LightBlock } from '#types/light-block.ts';
import { assert } from '#util/assert.ts';
import { concatBytes, equalBytes, fromLatin1 } from '#util/bytes.ts';
import { MachineError } from '#util/errors.ts';
import { SYNCING_SUFFIX } from './database-names.ts';

/** Whom the state was verified by. It stays in the node's database and serves nobody there. */
const TRUST_KEY = Uint8Array.of(KEY_SPACE.engine, 0x74);

/** The SDK's key of the parameters, in the consensus store. */
const PARAMS_KEY = 'Consensus';

export interface SyncDatabaseComponents {
  readonly directories: Directories;
  readonly openDatabase: (path: string) => Promise<KeyValue>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The header from which all others followed. */
export interface TrustedHeader {
  readonly height: number;
  readonly hash: Uint8Array;
}

export interface SyncTarget {
  readonly genesis: Genesis;
  readonly path: string;
  /** What is there of another one is thrown away: the operator may have had a reason to trust it no more. */
  readonly trust: TrustedHeader;
}

/** The database of a node that begins with a snapshot, until it is whole and gets its name. */
export class SyncDatabase implements StateSyncDatabase, HeaderSink {
  private readonly parts: SyncDatabaseComponents;
  private readonly genesis: Genesis;
  private readonly path: string;
  private readonly trust: TrustedHeader;
  private kv: KeyValue;
  private imported: SnapshotImport | undefined;
  /** Once all chunks are there. */
  private chain: { readonly state: ChainState; readonly blockStore: BlockStore } | undefined;

  private constructor(parts: SyncDatabaseComponents, { genesis, path, trust }: SyncTarget, kv: KeyValue) {
    this.parts = parts;
    this.genesis = genesis;
    this.path = path;
    this.trust = trust;
    this.kv = kv;
  }

  /**
   * With what a process before this one has got from the same trusted header. `path` is the name that the database is to
   * have.
   */
  static async open(parts: SyncDatabaseComponents, { genesis, path, trust }: SyncTarget): Promise<SyncDatabase> {
    const open = async (): Promise<SyncDatabase> =>
      new SyncDatabase(parts, { genesis, path, trust }, await parts.openDatabase(path + SYNCING_SUFFIX));
    const startOver = async (reason: string): Promise<SyncDatabase> => {
      parts.logger.warn('state sync: what was fetched before is fetched again', { reason });
      await SyncDatabase.discard(parts.directories, path);
      return open();
    };
    let database: SyncDatabase | undefined;
    try {
      database = await open();
      const reason = await database.read();
      if (reason === undefined) return database;
      await database.close();
      return startOver(reason);
    } catch (error) {
      await database?.close();
      // A process that was killed while it removed it leaves a part of it, too.
      if (!(error instanceof MachineError) || error.code !== 'damaged') throw error;
      return startOver(error.message);
    }
  }

  /** Removes what a state sync that was given up has left. */
  static async discard(directories: Directories, path: string): Promise<void> {
    await directories.remove(path + SYNCING_SUFFIX);
  }

  get begun(): SnapshotImport | undefined {
    return this.imported;
  }

  /** The state and the chain's record of it are there; headers for evidence may be missing. */
  get isComplete(): boolean {
    return this.chain !== undefined;
  }

  /** Of the state that is there. */
  get height(): number | undefined {
    return this.chain?.state.height;
  }

  async begin(manifest: Manifest): Promise<SnapshotImport> {
    await this.clear();
    const { clock } = this.parts;
    this.imported = await SnapshotImport.begin(this.kv, manifest, { pause: workSlice(clock) });
    return this.imported;
  }

  async complete(imported: SnapshotImport, { last, next, afterNext }: VerifiedChain): Promise<void> {
    const { kv, genesis } = this;
    const records = { params: this.record(PARAMS_KEY), priorities: this.record(PRIORITIES_KEY) };
    const verified = { last, next, nextValidators: afterNext?.validators };
    const state = await syncedChainState(genesis, verified, records, workSlice(this.parts.clock));
    const marks = await this.evidenceMarks();
    const blockStore = await BlockStore.open(kv);
    await imported.finish((batch) => {
      writeChainState(batch, state);
      const { height, lastBlockId: blockId, appHash, validators, params } = state;
      const { header, commit, validators: signers } = last;
      blockStore.seed(batch, { height, blockId, header, commit, appHash, signers, validators, params });
      for (const { hash, height: at } of marks) putCommittedHash(batch, at, hash);
      batch.put(TRUST_KEY, withChecksum(encodeTrust(this.trust)));
    });
    this.imported = undefined;
    this.chain = { state, blockStore };
  }

  lowest(): Header {
    const { blockStore } = this.opened();
    const header = blockStore.meta(blockStore.headerBase)?.header;
    assert(header !== undefined, 'the lowest header is there');
    return header;
  }

  isRecent({ height, time }: Header): boolean {
    const { state } = this.opened();
    const now = { height: state.height, time: state.lastBlockTime };
    return !isExpired(state.params.evidence, now, { height, time });
  }

  async put(blocks: readonly LightBlock[]): Promise<void> {
    const { blockStore } = this.opened();
    let above = this.lowest();
    for (const [index, { header, commit, validators }] of blocks.entries()) {
      const { lastBlockId: blockId, appHash } = above;
      const batch = this.kv.batch();
      blockStore.putHeader(batch, { height: header.height, blockId, header, commit, appHash, signers: validators });
      // The log is written in order: the last one's sync covers those before it.
      await batch.write({ sync: index === blocks.length - 1 });
      above = header;
    }
  }

  /** The database gets its name: from now on it is a node's like any other. */
  async finish(): Promise<void> {
    const { directories } = this.parts;
    assert(this.isComplete, 'the state is there');
    await this.kv.close();
    await directories.rename(this.path + SYNCING_SUFFIX, this.path);
    await directories.syncName(this.path);
  }

  close(): Promise<void> {
    return this.kv.close();
  }

  /** Why it cannot be gone on with, if so. */
  private async read(): Promise<string | undefined> {
    const { kv, genesis } = this;
    const state = readChainState(kv);
    if (state !== undefined) {
      if (!equalBytes(state.genesisHash, genesis.hash)) return 'it is of another chain';
      const trust = kv.get(TRUST_KEY);
      const isSame =
        trust !== undefined && equalBytes(checkedValue(trust, TRUST_KEY, 'trust'), encodeTrust(this.trust));
      if (!isSame) return 'it was verified by another trusted header';
      this.chain = { state, blockStore: await BlockStore.open(kv) };
      return undefined;
    }
    this.imported = await SnapshotImport.resume(kv, { pause: workSlice(this.parts.clock) });
    return undefined;
  }

  private async clear(): Promise<void> {
    const { directories, openDatabase } = this.parts;
    await this.kv.close();
    await directories.remove(this.path + SYNCING_SUFFIX);
    this.kv = await openDatabase(this.path + SYNCING_SUFFIX);
    this.imported = undefined;
    this.chain = undefined;
  }

  private opened(): { readonly state: ChainState; readonly blockStore: BlockStore } {
    assert(this.chain !== undefined, 'the state is there');
    return this.chain;
  }

  /** A leaf of the consensus store: each was checked against its tree when its chunk came. */
  private record(key: string): Uint8Array | undefined {
    const row = this.kv.get(leafKey(leafPrefix(CONSENSUS_STORE), fromLatin1(key)));
    return row === undefined ? undefined : leafValue(row);
  }

  private async evidenceMarks(): Promise<{ hash: Uint8Array; height: number }[]> {
    const prefix = leafKey(leafPrefix(CONSENSUS_STORE), fromLatin1(EVIDENCE_MARK_PREFIX));
    const marks: { hash: Uint8Array; height: number }[] = [];
    for await (const [key, row] of this.kv.iterate({ gte: prefix, lt: prefixEnd(prefix) as Uint8Array })) {
      marks.push({ hash: key.slice(prefix.length), height: decodeEvidenceMark(leafValue(row)) });
    }
    return marks;
  }
}

function encodeTrust({ height, hash }: TrustedHeader): Uint8Array {
  return concatBytes(new TextEncoder().encode(`${height}/`), hash);
}
