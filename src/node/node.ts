import { Ledger } from '#app/ledger.ts';
import type { DecodedTx } from '#app/tx.ts';
import { Consensus } from '#consensus/consensus.ts';
import { RememberingVerifier } from '#crypto/remembering-verifier.ts';
import type { Verifier } from '#crypto/verifier.ts';
import { maxDataBytes } from '#engine/block-building.ts';
import type { AppliedHeight, Chain } from '#engine/chain.ts';
import type { ChainState } from '#engine/chain-state.ts';
import { Engine } from '#engine/engine.ts';
import { chainHistory } from '#engine/evidence-history.ts';
import type { EvidencePool } from '#engine/evidence-pool.ts';
import { readPending } from '#engine/evidence-rows.ts';
import type { Exchange } from '#engine/exchange.ts';
import type { KeyGuard } from '#engine/key-guard.ts';
import { OwnTransactions } from '#engine/own-transactions.ts';
import type { Indexer } from '#indexer/indexer.ts';
import type { Mempool } from '#mempool/mempool.ts';
import type { Network } from '#network/network.ts';
import type { NodeEvent } from '#rpc/node-api.ts';
import type { State } from '#state/state.ts';
import { BlockStore } from '#storage/block-store.ts';
import type { BlockSync } from '#sync/block-sync.ts';
import { createNodeMetrics, type NodeMetrics } from '#telemetry/node-metrics.ts';
import type { Evidence } from '#types/evidence.ts';
import type { Genesis } from '#types/genesis.ts';
import { blockBytesMax, type ConsensusParams } from '#types/params.ts';
import type { Time } from '#types/time.ts';
import type { BlockRepair } from './block-repair.ts';
import { ChainMetrics } from './chain-metrics.ts';
import { makeChain, makeEvidencePool, makeIndexer } from './chain-wiring.ts';
import { ledgerOptions, timeoutsOf } from './component-options.ts';
import { checkStore, type OpenedChain, openChain } from './database.ts';
import { EventBus } from './event-bus.ts';
import { blockEvent } from './events.ts';
import { EvidenceGossip } from './evidence-gossip.ts';
import { keyPast, makeKeyGuard, pastHeight } from './key-guarding.ts';
import { makeMempool } from './mempool-wiring.ts';
import type { NodePorts } from './node-ports.ts';
import type { NodeOverrides } from './overrides.ts';
import { makeExchange, makeNetwork } from './peer-wiring.ts';
import type { Pruning } from './pruning.ts';
import { makePruning } from './pruning-wiring.ts';
import { loadingLog, SavedTree } from './saved-tree.ts';
import type { NodeSettings } from './settings.ts';
import { makeSnapshots } from './snapshot-wiring.ts';
import type { Snapshots } from './snapshots.ts';
import { applyStoredBlocks } from './stored-blocks.ts';
import type { FetchedBody } from './sync-adapter.ts';
import { makeRepair, makeSync } from './sync-wiring.ts';

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
    this.indexer = makeIndexer(ports.kv, this.blockStore, () => this.chain.state.height);
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
    const limits = {
      maxBlockBytes: blockBytesMax(opened.chainState.params),
      maxTxBytes: settings.mempool.maxTxBytes,
    };
    this.network = makeNetwork(this.ports, limits, this.metrics);
    this.evidenceGossip = new EvidenceGossip({ pool: this.evidence, network: this.network, clock, logger });
    this.engine = this.makeEngine(overrides);
    this.exchange = this.makeExchange();
    this.repair = makeRepair(this.ports, this);
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
    const asked = {
      history: () => chainHistory(this.chain.state, this.blockStore),
      isPunished: (address: Uint8Array) => this.ledger.isTombstoned(address),
      onPending: () => this.engine.workAvailable(),
    };
    return makeEvidencePool(this.ports, asked, stored);
  }

  private makeChain(chainState: ChainState, overrides: NodeOverrides): Chain {
    const { state, ledger, blockStore, indexer, mempool, evidence, metrics, blockVerifier: verifier } = this;
    const head = (): ChainState => this.chain.state;
    const wiring = { state, ledger, blockStore, indexer, mempool, evidence, verifier, metrics, head };
    return makeChain(this.ports, wiring, chainState, overrides);
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
    const { network, consensus, engine, own, chain, blockStore, mempool, evidence } = this;
    return makeExchange(this.ports, {
      network,
      consensus,
      engine,
      own,
      chainId: this.genesis.chainId,
      chain,
      blockStore,
      mempool,
      evidence,
      repair: () => this.repair,
      watchVote: (vote) => this.keyGuard?.vote(vote) ?? 'ok',
      onHeights: () => this.sync.poke(),
      onPeerGone: (peer) => this.sync.forget(peer),
    });
  }

  private makeSync(): BlockSync<FetchedBody> {
    const { chain, network, exchange, engine, ledger, state, mempool, blockVerifier: verifier } = this;
    const onCatchingUp = (catchingUp: boolean): void => mempool.setSyncing(catchingUp);
    return makeSync(this.ports, { chain, network, exchange, engine, ledger, state, verifier, onCatchingUp });
  }

  private makePruning(storage: NodeSettings['storage'], overrides: NodeOverrides): Pruning {
    const { state, blockStore, indexer, chain } = this;
    return makePruning(this.ports, { state, blockStore, indexer, chain }, storage, overrides);
  }
}
