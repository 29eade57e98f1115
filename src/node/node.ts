import { Ledger } from '#app/ledger.ts';
import type { DecodedTx } from '#app/tx.ts';
import { Consensus } from '#consensus/consensus.ts';
import { RememberingVerifier } from '#crypto/remembering-verifier.ts';
import { InlineVerifier, type Verifier } from '#crypto/verifier.ts';
import { maxDataBytes } from '#engine/block-building.ts';
import { BlockPreparation } from '#engine/block-preparation.ts';
import { type AppliedHeight, Chain } from '#engine/chain.ts';
import type { ChainState } from '#engine/chain-state.ts';
import { Engine } from '#engine/engine.ts';
import { chainHistory } from '#engine/evidence-history.ts';
import { EvidenceIntake } from '#engine/evidence-intake.ts';
import { EvidencePool } from '#engine/evidence-pool.ts';
import { readPending } from '#engine/evidence-rows.ts';
import { Exchange } from '#engine/exchange.ts';
import type { KeyGuard } from '#engine/key-guard.ts';
import { OwnTransactions } from '#engine/own-transactions.ts';
import { VoteVerifier } from '#engine/vote-verifier.ts';
import { Indexer } from '#indexer/indexer.ts';
import type { Mempool } from '#mempool/mempool.ts';
import type { Offence } from '#network/consequences.ts';
import { Network, type NetworkOptions } from '#network/network.ts';
import { MAX_PENDING_TXS } from '#network/request-codec.ts';
import type { PeerId } from '#ports/transport.ts';
import type { NodeEvent } from '#rpc/node-api.ts';
import type { State } from '#state/state.ts';
import { BlockStore } from '#storage/block-store.ts';
import { BlockSync } from '#sync/block-sync.ts';
import { createNodeMetrics, type NodeMetrics } from '#telemetry/node-metrics.ts';
import type { Evidence } from '#types/evidence.ts';
import type { Genesis } from '#types/genesis.ts';
import { blockBytesMax, type ConsensusParams } from '#types/params.ts';
import type { Time } from '#types/time.ts';
import { MachineError } from '#util/errors.ts';
import { archiveOf, stateSyncAnswersOf } from './archive.ts';
import { BlockRepair } from './block-repair.ts';
import { ChainMetrics } from './chain-metrics.ts';
import { ledgerOptions, timeoutsOf } from './component-options.ts';
import { checkStore, type OpenedChain, openChain } from './database.ts';
import { EventBus } from './event-bus.ts';
import { blockEvent } from './events.ts';
import { EvidenceGossip } from './evidence-gossip.ts';
import { gossipVerdict } from './gossip-verdict.ts';
import { keyPast, makeKeyGuard, pastHeight } from './key-guarding.ts';
import { makeMempool, txSupplyOf } from './mempool-wiring.ts';
import type { NodePorts } from './node-ports.ts';
import { reportOffence } from './offences.ts';
import type { NodeOverrides } from './overrides.ts';
import { lessThan, lowestNeeded } from './prune-limits.ts';
import { Pruning } from './pruning.ts';
import { loadingLog, SavedTree } from './saved-tree.ts';
import type { NodeSettings } from './settings.ts';
import { makeSnapshots } from './snapshot-wiring.ts';
import type { Snapshots } from './snapshots.ts';
import { applyStoredBlocks } from './stored-blocks.ts';
import { EngineSyncChain, type FetchedBody, NetworkSyncPeers, warnOutOfReach } from './sync-adapter.ts';

/** One node of the network, composed by hand over its ports. */
export class Node {
  readonly events = new EventBus<NodeEvent>();
  readonly ports: NodePorts;
  readonly genesis: Genesis;
  readonly ledger: Ledger;
  readonly state: State;
  readonly blockStore: BlockStore;
  readonly indexer: Indexer;
  readonly evidence: EvidencePool;
  readonly mempool: Mempool<DecodedTx>;
  readonly consensus: Consensus;
  readonly chain: Chain;
  readonly engine: Engine;
  readonly network: Network;
  readonly exchange: Exchange;
  readonly sync: BlockSync<FetchedBody>;
  readonly metrics: NodeMetrics | undefined;
  readonly snapshots: Snapshots | undefined;
  readonly pruning: Pruning;
  private readonly keyGuard: KeyGuard | undefined;
  private readonly startedAt: Time;
  private readonly chainMetrics: ChainMetrics | undefined;
  private readonly savedTree: SavedTree | undefined;
  private failed = false;
  private readonly own: OwnTransactions;
  private readonly repair: BlockRepair;
  /** For commits, whose signatures come more than once. */
  private readonly blockVerifier: Verifier;
  private readonly evidenceGossip: EvidenceGossip;

  private constructor(
    ports: NodePorts,
    genesis: Genesis,
    settings: NodeSettings,
    opened: OpenedChain & { readonly blockStore: BlockStore; readonly pendingEvidence: readonly Evidence[] },
    overrides: NodeOverrides,
  ) {
    const onFatal = (error: unknown): void => {
      // Whoever met it, nothing is signed after it.
      this.engine.halt();
      this.failed = true;
      ports.onFatal(error);
    };
    const { clock, verifier, logger, signer } = ports;
    this.ports = { ...ports, onFatal };
    this.startedAt = clock.now();
    this.genesis = genesis;
    this.state = opened.state;
    this.blockStore = opened.blockStore;
    this.metrics = ports.metrics === undefined ? undefined : createNodeMetrics(ports.metrics);
    this.chainMetrics = this.metrics && new ChainMetrics(this.metrics, signer?.address, opened.chainState);
    this.keyGuard =
      overrides.unguardedKey === true ? undefined : makeKeyGuard(this.ports, genesis.chainId, this.metrics);
    this.savedTree = this.makeSavedTree();
    this.own = new OwnTransactions(clock);
    this.ledger = new Ledger(
      { verifier, state: opened.state },
      { ...ledgerOptions(genesis, settings), brokenRule: overrides.brokenRule },
    );
    this.evidence = this.makeEvidencePool(opened.pendingEvidence);
    this.indexer = this.makeIndexer();
    this.mempool = makeMempool(this.ports, settings.mempool, {
      ledger: this.ledger,
      baseDenom: genesis.chain.baseDenom,
      onOwn: (tx) => {
        this.own.admitted(tx.hash);
        this.network.gossipTxs([tx.bytes]);
      },
      onWorkAvailable: () => this.engine.workAvailable(),
      moreUrgent: () => this.chain.applying,
    });
    this.consensus = new Consensus({
      address: signer?.address,
      timeouts: timeoutsOf(settings),
      brokenRule: overrides.brokenRule,
    });
    this.blockVerifier = new RememberingVerifier(verifier);
    this.chain = this.makeChain(opened.chainState, overrides);
    this.network = this.makeNetwork({
      maxBlockBytes: blockBytesMax(opened.chainState.params),
      maxTxBytes: settings.mempool.maxTxBytes,
    });
    this.evidenceGossip = new EvidenceGossip({ pool: this.evidence, network: this.network, clock, logger });
    this.engine = this.makeEngine(overrides);
    this.exchange = this.makeExchange();
    this.repair = this.makeRepair();
    this.sync = this.makeSync();
    this.snapshots = makeSnapshots(this.ports, settings.snapshots, this.state, () => this.chain.applying);
    this.pruning = this.makePruning(settings.storage, overrides);
  }

  /** Opens an initialised database and composes the node over it. Nothing runs yet. */
  static async open(
    ports: NodePorts,
    genesis: Genesis,
    settings: NodeSettings,
    overrides: NodeOverrides = {},
  ): Promise<Node> {
    const opened = await openChain(ports.kv, genesis, {
      pause: () => ports.clock.yield(),
      treeCopy: ports.treeCopy,
      onLoading: loadingLog(ports.clock, ports.logger),
    });
    const blockStore = await BlockStore.open(ports.kv);
    await checkStore(ports, blockStore, opened.chainState);
    const chainState = await applyStoredBlocks(ports, genesis, { ...opened, blockStore }, overrides);
    const pendingEvidence = await readPending(ports.kv);
    const node = new Node(ports, genesis, settings, { ...opened, chainState, blockStore, pendingEvidence }, overrides);
    await node.lookBack();
    return node;
  }

  async start(): Promise<void> {
    this.setBlockLimits(this.chain.state.params);
    await this.network.start(this.exchange);
    this.exchange.start();
    await this.engine.start(this.exchange);
    this.savedTree?.start();
    this.pruning.applied();
  }

  /** Stops taking part, lets the turn under way finish, and closes what was opened. */
  async stop(): Promise<void> {
    this.sync.stop();
    this.exchange.stop();
    await this.engine.stop();
    await this.snapshots?.stop();
    await this.pruning.stop();
    await this.savedTree?.stop({ save: !this.failed });
    await this.network.stop();
    await this.ports.signer?.close();
    await this.ports.kv.close();
  }

  /** Before anything is signed: has the key signed what its record does not show? */
  private async lookBack(): Promise<void> {
    const { signer, wal, recoverSigningRecord } = this.ports;
    if (signer === undefined) return;
    const past = keyPast(this.chain.state, this.blockStore, wal, signer.address);
    await this.keyGuard?.lookBack(past, { recoverRecord: recoverSigningRecord });
  }

  private onApplied(applied: AppliedHeight): void {
    const { height } = applied.state;
    const past = pastHeight(applied.state, { startedAt: this.startedAt, catchingUp: this.sync.catchingUp });
    // A node that is far behind has nothing that others want, and no time.
    if (!this.sync.catchingUp) this.snapshots?.applied(height);
    this.pruning.applied();
    this.savedTree?.applied();
    this.keyGuard?.applied([applied.commit, applied.body.block.lastCommit], past);
    this.chainMetrics?.applied(applied);
    this.evidenceGossip.applied(applied);
    if (applied.execution.consensusParams !== undefined) this.setBlockLimits(applied.state.params);
    const stale = this.mempool.stalePending(height);
    if (stale.length > 0) this.network.gossipTxs(stale.map(({ bytes }) => bytes));
    if (this.events.hasListeners) this.events.publish(blockEvent(applied));
    this.ports.logger.info('block', {
      height,
      round: applied.commit.round,
      txs: applied.body.block.txs.length,
    });
  }

  /** Takes evidence that a client brings, and tells the peers. Throws a BizraError that says why not. */
  addEvidence(evidence: Evidence): Promise<void> {
    return this.evidenceGossip.add(evidence);
  }

  private setBlockLimits(params: ConsensusParams): void {
    this.mempool.setBlockLimits({ maxDataBytes: maxDataBytes(this.chain.state), maxGas: BigInt(params.block.maxGas) });
  }

  // How the parts are joined. What is built later is reached through functions.

  private makeSavedTree(): SavedTree | undefined {
    const { treeCopy: file, clock, logger, onFatal } = this.ports;
    return file && new SavedTree({ file, state: this.state, clock, logger: logger.child('state'), onFatal });
  }

  private makeEvidencePool(stored: readonly Evidence[]): EvidencePool {
    const { kv, verifier, logger, onFatal } = this.ports;
    return EvidencePool.restore(
      {
        kv,
        verifier,
        logger: logger.child('evidence'),
        history: () => chainHistory(this.chain.state, this.blockStore),
        isPunished: (address) => this.ledger.isTombstoned(address),
        onPending: () => this.engine.workAvailable(),
        onFatal,
      },
      stored,
    );
  }

  private makeIndexer(): Indexer {
    const { blockStore } = this;
    const reader = {
      base: () => blockStore.base,
      head: () => this.chain.state.height,
      results: async (height: number) => blockStore.results(height),
    };
    return new Indexer({ kv: this.ports.kv, reader });
  }

  private makeChain(chainState: ChainState, { brokenRule, wrapApp }: NodeOverrides): Chain {
    const { kv, clock, logger, signer } = this.ports;
    const { state, ledger, blockStore, indexer, mempool, evidence, metrics, blockVerifier: verifier } = this;
    return new Chain(
      {
        kv,
        state,
        ledger: wrapApp?.(ledger, () => this.chain.state) ?? ledger,
        blockStore,
        indexer,
        supply: txSupplyOf(mempool),
        evidence,
        verifier,
        clock,
        logger: logger.child('chain'),
        address: signer?.address,
        brokenRule,
        metrics,
      },
      chainState,
      blockStore.commit(chainState.height),
    );
  }

  private makeNetwork(limits: NetworkOptions['limits']): Network {
    const { transport, clock, random, logger, onFatal } = this.ports;
    const observe = (offence: Offence, peer: PeerId, error: unknown): void => {
      this.metrics?.p2p.offences.with(offence).add();
      reportOffence(logger, offence, peer, error);
      // A damaged record of the past is one that this node cannot serve; a disk that fails is the end of it.
      if (error instanceof MachineError && error.code !== 'damaged') onFatal(error);
    };
    return new Network({ transport, clock, random }, { limits, observe });
  }

  private makeEngine({ brokenRule }: NodeOverrides): Engine {
    const { wal, signer, clock, logger, onFatal } = this.ports;
    const { consensus, chain, metrics } = this;
    return new Engine({
      consensus,
      chain,
      wal,
      signer,
      clock,
      logger: logger.child('consensus'),
      onFatal,
      onApplied: (applied) => this.onApplied(applied),
      onEvidence: (conflict) => this.evidence.found(conflict),
      mutedHeight: () => this.keyGuard?.mutedHeight ?? 0,
      brokenRule,
      metrics,
    });
  }

  private makeExchange(): Exchange {
    const { clock } = this.ports;
    const { network, consensus, engine, chain, mempool } = this;
    return new Exchange({
      network,
      consensus,
      engine,
      verifier: new VoteVerifier({
        consensus,
        verifier: this.ports.voteVerifier ?? new InlineVerifier(),
        chainId: this.genesis.chainId,
      }),
      archive: archiveOf(chain, this.blockStore, () => this.repair),
      stateSync: stateSyncAnswersOf(chain, this.blockStore, clock, this.ports.snapshots),
      clock,
      own: this.own,
      pendingTx: (hash) => mempool.get(hash)?.bytes,
      pendingTxs: () => mempool.list(MAX_PENDING_TXS).map(({ bytes }) => bytes),
      watchVote: (vote) => this.keyGuard?.vote(vote) ?? 'ok',
      evidenceIntake: new EvidenceIntake({
        pool: this.evidence,
        clock,
        head: () => chain.state.height,
        report: (peer, offence) => network.report(peer, offence),
        onFatal: this.ports.onFatal,
      }),
      admitTxs: async (txs) => gossipVerdict(await mempool.admitMany(txs, 'peer')),
      onHeights: () => this.sync.poke(),
      onPeerGone: (peer) => this.sync.forget(peer),
    });
  }

  private makeRepair(): BlockRepair {
    const { kv, verifier, clock, logger, onFatal } = this.ports;
    const { chain, blockStore } = this;
    const peers = new NetworkSyncPeers({ network: this.network, exchange: this.exchange, clock });
    return new BlockRepair({ kv, chain, blockStore, peers, verifier, clock, logger: logger.child('store'), onFatal });
  }

  private makePruning(storage: NodeSettings['storage'], { brokenRule }: NodeOverrides): Pruning {
    const { kv, clock, logger, onFatal, snapshots } = this.ports;
    const { blockStore, indexer } = this;
    return new Pruning(
      {
        kv,
        undo: this.state.pruning,
        blockStore,
        indexer,
        clock,
        logger: logger.child('pruning'),
        chainState: () => this.chain.state,
        neededFrom: () => lowestNeeded(snapshots?.list() ?? []),
        moreUrgent: () => this.chain.applying,
        onFatal,
      },
      brokenRule === 'prunedEarly' ? lessThan(storage) : storage,
    );
  }

  private makeSync(): BlockSync<FetchedBody> {
    const { clock, logger, onFatal } = this.ports;
    const { chain, engine, network, exchange, blockVerifier: verifier } = this;
    const preparation = new BlockPreparation({ chain, ledger: this.ledger, state: this.state, verifier, clock });
    return new BlockSync({
      chain: new EngineSyncChain({ chain, engine, verifier, preparation }),
      peers: new NetworkSyncPeers({ network, exchange, clock }),
      clock,
      onFatal,
      onCatchingUp: (catchingUp) => this.mempool.setSyncing(catchingUp),
      onFarBehind: (farBehind) => this.ports.onFarBehind?.(farBehind),
      onOutOfReach: (next, lowest) => warnOutOfReach(logger, next, lowest),
    });
  }
}
