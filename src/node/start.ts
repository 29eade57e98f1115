import { join } from 'node:path';
import { CatchUpVerifier } from '#crypto/catch-up-verifier.ts';
import { assertNativeCrypto } from '#crypto/native.ts';
import { HandoverTransport } from '#network/handover.ts';
import type { Libp2pTransport } from '#network/libp2p/libp2p-transport.ts';
import type { NodeKey } from '#network/libp2p/node-key.ts';
import type { KeyValue } from '#ports/key-value.ts';
import type { RpcServer } from '#rpc/server.ts';
import { FileSigner } from '#signer/signer.ts';
import { NodeFiles } from '#storage/node-files.ts';
import { NodeStreamedFile } from '#storage/streamed-file.ts';
import { Wal } from '#storage/wal.ts';
import type { Logger } from '#telemetry/logger.ts';
import type { Genesis } from '#types/genesis.ts';
import { formatTime } from '#types/time.ts';
import { BizraError } from '#util/errors.ts';
import type { AdminServer } from './admin.ts';
import { makeAdminServer } from './admin-commands.ts';
import { openChainDatabase } from './chain-database.ts';
import {
  type DaemonVerifier,
  makeLogger,
  makeServer,
  makeTransport,
  makeVerifier,
  readNodeKey,
} from './daemon-parts.ts';
import { DaemonDescription } from './description.ts';
import { readGenesis } from './genesis-file.ts';
import { Instrumentation } from './instrumentation.ts';
import { Node } from './node.ts';
import type { NodePorts } from './node-ports.ts';
import { RealClock } from './real-clock.ts';
import { RealRandom } from './real-random.ts';
import { NodeRpcApi } from './rpc-api.ts';
import type { NodeSettings } from './settings.ts';
import { openSnapshotStore } from './snapshot-wiring.ts';
import { namedGenesisError, namedWalError } from './start-errors.ts';

/** The files of a home that the daemon uses. */
export interface NodePaths {
  readonly genesisFile: string;
  readonly nodeKeyFile: string;
  readonly privValidatorKeyFile: string;
  readonly privValidatorStateFile: string;
  readonly dataDirectory: string;
}

export interface ReadyInfo {
  /** `http://host:port`. */
  readonly rpc: string;
  /** Multiaddrs with the peer id. */
  readonly p2p: readonly string[];
  readonly pid: number;
  /** `http://host:port/metrics`, where the settings ask for metrics. */
  readonly metrics?: string;
}

export interface StartOptions {
  readonly settings: NodeSettings;
  readonly paths: NodePaths;
  /** Aborted: stop cleanly. */
  readonly signal: AbortSignal;
  readonly onReady?: (info: ReadyInfo) => void;
  /** Go on where the signing record is missing or old: quiet for some heights, then signing. */
  readonly recoverSigningRecord?: boolean | undefined;
  readonly adapt?: Adapt;
}

/**
 * What a test puts around the ports before the node is opened over them: a clock that is wrong, a peer that lies.
 * Absent in production.
 */
export type Adapt = (ports: NodePorts, genesis: Genesis) => NodePorts;

/**
 * Runs the daemon until the signal aborts; then resolves once everything is closed. Rejects with what made starting
 * impossible, or with the fault that ended it: nothing is signed after that.
 */
export async function startNode(options: StartOptions): Promise<void> {
  const { paths, signal, onReady } = options;
  assertNativeCrypto();
  const daemon = await Daemon.open(options).catch((error: unknown) => {
    if (error instanceof BizraError && error.code === 'stopped') return undefined;
    throw namedGenesisError(error, paths.genesisFile);
  });
  if (daemon === undefined) return;
  try {
    const info = await daemon.start();
    onReady?.(info);
    await daemon.ended(signal);
  } finally {
    await daemon.stop();
  }
}

/** What a daemon is composed of, opened one after the other. */
interface OpenedParts extends Pick<NodePorts, 'clock' | 'random' | 'kv' | 'transport' | 'logger'> {
  readonly verifier: DaemonVerifier;
  readonly files: NodeFiles;
  readonly key: NodeKey;
  readonly genesis: Genesis;
  readonly signer: FileSigner;
  readonly libp2p: Libp2pTransport;
}

class Daemon {
  private readonly node: Node;
  private readonly server: RpcServer;
  private readonly transport: Libp2pTransport;
  private readonly verifier: DaemonVerifier;
  private readonly fatal: Promise<never>;
  private readonly instrumentation: Instrumentation | undefined;
  private readonly admin: AdminServer;
  private readonly walPath: string;

  private constructor(parts: {
    node: Node;
    server: RpcServer;
    transport: Libp2pTransport;
    verifier: DaemonVerifier;
    fatal: Promise<never>;
    instrumentation: Instrumentation | undefined;
    admin: AdminServer;
    walPath: string;
  }) {
    this.node = parts.node;
    this.server = parts.server;
    this.transport = parts.transport;
    this.verifier = parts.verifier;
    this.fatal = parts.fatal;
    this.instrumentation = parts.instrumentation;
    this.admin = parts.admin;
    this.walPath = parts.walPath;
  }

  static async open(options: StartOptions): Promise<Daemon> {
    const { settings, paths, signal } = options;
    const clock = new RealClock();
    const logger = makeLogger(settings, () => formatTime(clock.now()));
    const genesis = await readGenesis(paths.genesisFile);
    const files = new NodeFiles();
    const key = await readNodeKey(files, paths.nodeKeyFile);
    const { privValidatorKeyFile, privValidatorStateFile } = paths;
    // Whether it can do without its record depends on the chain: the node looks.
    const signer = await FileSigner.open(files, privValidatorKeyFile, privValidatorStateFile, { recordOptional: true });
    const verifier = makeVerifier(settings);
    const libp2p = makeTransport(settings, genesis, key, join(paths.dataDirectory, 'addresses.json'), logger);
    const base = { clock, random: new RealRandom(), verifier, logger, transport: new HandoverTransport(libp2p) };
    let kv: KeyValue | undefined;
    try {
      kv = await openChainDatabase({ ...base, signal }, paths.dataDirectory, genesis, settings);
      return await Daemon.compose(options, { ...base, files, key, genesis, signer, kv, libp2p });
    } catch (error) {
      // The transport runs already where state sync has used it. A database that is not closed counts as one whose process
      // died: the next start would read all of it. What is told is why the start was refused, not what closing it says.
      const closing = [base.transport.stop(), kv?.close(), signer.close(), verifier.close()];
      await Promise.allSettled(closing);
      throw error;
    }
  }

  private static async compose(options: StartOptions, parts: OpenedParts): Promise<Daemon> {
    const { settings, paths, adapt = asTheyAre, recoverSigningRecord } = options;
    const { files, key, genesis, libp2p, ...base } = parts;
    const { clock, logger, verifier, signer } = base;
    const walPath = join(paths.dataDirectory, 'wal');
    const wal = await Wal.open(files, walPath);
    reportWal(wal, walPath, logger);
    const snapshotStore = await openSnapshotStore(paths.dataDirectory, logger);
    const fatal = Promise.withResolvers<never>();
    fatal.promise.catch(() => {});
    const onFatal = (error: unknown): void => fatal.reject(error);
    const instrumentation = Instrumentation.create(settings, genesis.chainId, clock);
    const metrics = instrumentation?.registry;
    const ports = {
      ...base,
      wal,
      onFatal,
      metrics,
      recoverSigningRecord,
      signal: options.signal,
      snapshots: snapshotStore,
      snapshotStore,
      treeCopy: new NodeStreamedFile(join(paths.dataDirectory, 'tree.copy')),
      onFarBehind: (farBehind: boolean) => {
        if (verifier instanceof CatchUpVerifier) verifier.setBehind(farBehind);
      },
    };
    const node = await Node.open(adapt(ports, genesis), genesis, settings).catch(async (error: unknown) => {
      await wal.close();
      throw namedWalError(error, walPath);
    });
    instrumentation?.watch(node, libp2p);
    const validator = { address: signer.address, pubKey: signer.publicKey };
    const description = new DaemonDescription({ node, transport: libp2p, key, settings }, validator);
    const server = makeServer(settings, new NodeRpcApi(node, description), logger);
    const admin = makeAdminServer(node, paths);
    return new Daemon({
      node,
      server,
      transport: libp2p,
      verifier,
      fatal: fatal.promise,
      instrumentation,
      admin,
      walPath,
    });
  }

  async start(): Promise<ReadyInfo> {
    const { instrumentation } = this;
    await this.server.start();
    await instrumentation?.start();
    await this.admin.start();
    await this.node.start().catch((error: unknown) => {
      throw namedWalError(error, this.walPath);
    });
    const metrics = instrumentation === undefined ? {} : { metrics: instrumentation.url };
    const p2p = this.transport.addresses();
    const { logger } = this.node.ports;
    logger.info('started', {
      height: this.node.chain.state.height,
      rpc: this.server.url,
      p2p: p2p.join(' '),
      ...metrics,
    });
    return { rpc: this.server.url, p2p, pid: process.pid, ...metrics };
  }

  /** Resolves when the signal aborts, rejects with a fatal error. */
  async ended(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([aborted, this.fatal]);
  }

  async stop(): Promise<void> {
    await this.admin.stop();
    await this.server.stop();
    await this.instrumentation?.stop();
    await this.node.stop();
    await this.verifier.close();
  }
}

function asTheyAre(ports: NodePorts): NodePorts {
  return ports;
}

function reportWal(wal: Wal, path: string, logger: Logger): void {
  if (wal.tornBytes > 0)
    logger.warn('the consensus log ended in an unfinished record, which was cut', { path, bytes: wal.tornBytes });
  if (wal.damage !== undefined)
    logger.error('the consensus log is damaged', { path, offset: wal.damage.offset, size: wal.damage.size });
}
