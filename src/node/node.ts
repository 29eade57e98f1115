import { parseGasPrice } from '#app/gas-price.ts';
import { Ledger } from '#app/ledger.ts';
import type { DecodedTx } from '#app/tx.ts';
import { Consensus } from '#consensus/consensus.ts';
import type { Timeouts } from '#consensus/timeouts.ts';
import { sha256 } from '#crypto/hash.ts';
import { InlineVerifier, type SyncVerifier, type Verifier } from '#crypto/verifier.ts';
import { type AppliedHeight, Chain, type TxSupply } from '#engine/chain.ts';
import type { ChainState } from '#engine/chain-state.ts';
import { Engine } from '#engine/engine.ts';
import { chainHistory } from '#engine/evidence-history.ts';
import { EvidenceIntake } from '#engine/evidence-intake.ts';
import { EvidencePool } from '#engine/evidence-pool.ts';
import { readPending } from '#engine/evidence-rows.ts';
import { Exchange } from '#engine/exchange.ts';
import { KeyGuard } from '#engine/key-guard.ts';
import { OwnTransactions } from '#engine/own-transactions.ts';
import { VoteVerifier } from '#engine/vote-verifier.ts';
import { workSlice } from '#engine/work-slice.ts';
import { Indexer } from '#indexer/indexer.ts';
import { Mempool } from '#mempool/mempool.ts';
import { createMempoolMetrics } from '#mempool/metrics.ts';
import type { Offence } from '#network/consequences.ts';
import { Network } from '#network/network.ts';
import { MAX_PENDING_TXS } from '#network/request-codec.ts';
import type { Clock } from '#ports/clock.ts';
import type { KeyValue } from '#ports/key-value.ts';
import type { Random } from '#ports/random.ts';
import type { PeerId, Transport } from '#ports/transport.ts';
import type { NodeEvent } from '#rpc/node-api.ts';
import { FileSigner } from '#signer/signer.ts';
import type { State } from '#state/state.ts';
import { checkNewestHeights } from '#storage/block-check.ts';
import { BlockStore } from '#storage/block-store.ts';
import type { Wal } from '#storage/wal.ts';
import { BlockSync, CATCHING_UP_HEIGHTS } from '#sync/block-sync.ts';
import type { Logger } from '#telemetry/logger.ts';
import type { MetricsRegistry } from '#telemetry/metrics.ts';
import { createNodeMetrics, type NodeMetrics } from '#telemetry/node-metrics.ts';
import { decodeEvidence, type Evidence, encodeEvidence } from '#types/evidence.ts';
import type { Genesis } from '#types/genesis.ts';
import { blockBytesMax, type ConsensusParams } from '#types/params.ts';
import { MachineError } from '#util/errors.ts';
import { archiveOf } from './archive.ts';
import { BlockRepair } from './block-repair.ts';
import { ChainMetrics } from './chain-metrics.ts';
import { type OpenedChain, openChain } from './database.ts';
import { EventBus } from './event-bus.ts';
import { blockEvent } from './events.ts';
import { gossipVerdict } from './gossip-verdict.ts';
import { keyPast } from './key-past.ts';
import { LedgerMempoolApp } from './mempool-app.ts';
import type { NodeOverrides } from './overrides.ts';
import type { NodeSettings } from './settings.ts';
import { EngineSyncChain, type FetchedBody, NetworkSyncPeers } from './sync-adapter.ts';

/** Peers forget what they have seen of gossip after two minutes; before that, they would not take it again. */
const EVIDENCE_OFFER_MS = 150_000;

/** All that the node touches the outside with. The simulator brings its own. */
export interface NodePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly kv: KeyValue;
  readonly wal: Wal;
  readonly transport: Transport;
  readonly verifier: Verifier;
  /** For single votes and proposals, which are not worth a trip to other threads; native code if absent. */
  readonly voteVerifier?: SyncVerifier | undefined;
  readonly logger: Logger;
  /** Absent on a node without a validator key. */
  readonly signer: FileSigner | undefined;
  /** The operator says that no other process has the key: go on where its signing record is missing or old. */
  readonly recoverSigningRecord?: boolean | undefined;
  /** What makes going on impossible; the process must end. */
  readonly onFatal: (error: unknown) => void;
  /** Absent: nothing is measured. */
  readonly metrics?: MetricsRegistry | undefined;
}

/** One node of the network, composed by hand over its ports. */
export class Node {
  readonly events = new EventBus<NodeEvent>();
  readonly ports: NodePorts;
  readonly genesis: Genesis;
  readonly ledger: Ledger;
  readonly state: State;
  readonly blockStore: BlockStore;
  readonly indexer: Indexer;
  readonly mempool: Mempool<DecodedTx>;
  readonly consensus: Consensus;
  readonly chain: Chain;
  readonly engine: Engine;
  readonly network: Network;
  readonly exchange: Exchange;
  readonly sync: BlockSync<FetchedBody>;
  readonly metrics: NodeMetrics | undefined;
  private readonly keyGuard: KeyGuard | undefined;
  private readonly chainMetrics: ChainMetrics | undefined;
  private readonly own: OwnTransactions;
  private readonly repair: BlockRepair;
  readonly evidence: EvidencePool;

  private constructor(
    ports: NodePorts,
    genesis: Genesis,
    settings: NodeSettings,
    opened: OpenedChain & { readonly blockStore: BlockStore; readonly pendingEvidence: readonly Evidence[] },
    { brokenRule, wrapApp, unguardedKey }: NodeOverrides,
  ) {
    const onFatal = (error: unknown): void => {
      // Whoever met it, nothing is signed after it.
      this.engine.halt();
      ports.onFatal(error);
    };
    const { clock, random, kv, verifier, logger, signer } = ports;
    this.ports = { ...ports, onFatal };
    this.genesis = genesis;
    this.state = opened.state;
    this.blockStore = opened.blockStore;
    this.metrics = ports.metrics === undefined ? undefined : createNodeMetrics(ports.metrics);
    this.chainMetrics = this.metrics && new ChainMetrics(this.metrics, signer?.address, opened.chainState);
    this.keyGuard = unguardedKey === true ? undefined : this.makeKeyGuard();
    this.own = new OwnTransactions(clock);
    this.ledger = new Ledger(
      { verifier, state: opened.state },
      {
        ...ledgerOptions(genesis, settings),
        brokenRule,
      },
    );
    this.evidence = this.makeEvidencePool(opened.pendingEvidence);
    this.indexer = new Indexer({ kv, reader: this.resultReader() });
    this.mempool = this.makeMempool(settings);
    this.consensus = new Consensus({ address: signer?.address, timeouts: timeoutsOf(settings), brokenRule });
    this.chain = new Chain(
      {
        kv,
        state: this.state,
        ledger: wrapApp?.(this.ledger, () => this.chain.state) ?? this.ledger,
        blockStore: this.blockStore,
        indexer: this.indexer,
        supply: this.txSupply(),
        evidence: this.evidence,
        verifier,
        clock,
        logger: logger.child('chain'),
        address: signer?.address,
        brokenRule,
        metrics: this.metrics,
      },
      opened.chainState,
      opened.blockStore.commit(opened.chainState.height),
    );
    this.network = new Network(
      { transport: ports.transport, clock, random },
      {
        limits: {
          maxBlockBytes: blockBytesMax(opened.chainState.params),
          maxTxBytes: settings.mempool.maxTxBytes,
        },
        observe: (offence, peer, error) => {
          this.metrics?.p2p.offences.with(offence).add();
          reportOffence(logger, offence, peer, error);
          // A damaged record of the past is one that this node cannot serve; a disk that fails is the end of it.
          if (error instanceof MachineError && error.code !== 'damaged') onFatal(error);
        },
      },
    );
    this.engine = new Engine({
      consensus: this.consensus,
      chain: this.chain,
      wal: ports.wal,
      signer,
      clock,
      logger: logger.child('consensus'),
      onFatal,
      onApplied: (applied) => this.onApplied(applied),
      onEvidence: (conflict) => this.evidence.found(conflict),
      mutedHeight: () => this.keyGuard?.mutedHeight ?? 0,
      brokenRule,
      metrics: this.metrics,
    });
    this.exchange = this.makeExchange();
    this.repair = this.makeRepair();
    this.sync = new BlockSync({
      chain: new EngineSyncChain({ chain: this.chain, engine: this.engine, verifier }),
      peers: new NetworkSyncPeers({ network: this.network, exchange: this.exchange }),
      clock,
      onFatal,
      onCatchingUp: (catchingUp) => this.mempool.setSyncing(catchingUp),
    });
  }

  /** Opens an initialised database and composes the node over it. Nothing runs yet. */
  static async open(
    ports: NodePorts,
    genesis: Genesis,
    settings: NodeSettings,
    overrides: NodeOverrides = {},
  ): Promise<Node> {
    const opened = await openChain(ports.kv, genesis, { pause: () => ports.clock.yield() });
    const blockStore = await BlockStore.open(ports.kv);
    await checkStore(ports, blockStore, opened.chainState);
    const pendingEvidence = await readPending(ports.kv);
    const node = new Node(ports, genesis, settings, { ...opened, blockStore, pendingEvidence }, overrides);
    await node.lookBack();
    return node;
  }

  async start(): Promise<void> {
    this.setBlockLimits(this.chain.state.params);
    await this.network.start(this.exchange);
    this.exchange.start();
    await this.engine.start(this.exchange);
  }

  /** Stops taking part, lets the turn under way finish, and closes what was opened. */
  async stop(): Promise<void> {
    this.sync.stop();
    this.exchange.stop();
    await this.engine.stop();
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

  private makeKeyGuard(): KeyGuard | undefined {
    const { signer, voteVerifier, logger, onFatal } = this.ports;
    // Other signers are the tests' own.
    if (!(signer instanceof FileSigner)) return undefined;
    return new KeyGuard({
      signer,
      verifier: voteVerifier ?? new InlineVerifier(),
      chainId: this.genesis.chainId,
      logger: logger.child('signer'),
      metrics: this.metrics,
      onFatal,
    });
  }

  private onApplied(applied: AppliedHeight): void {
    const { height } = applied.state;
    const reached = this.sync.catchingUp ? height + CATCHING_UP_HEIGHTS - 1 : undefined;
    this.keyGuard?.applied([applied.commit, applied.body.block.lastCommit], reached);
    this.chainMetrics?.applied(applied);
    this.gossipEvidence(applied);
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

  /** What is pending is told once, and again after a while: gossip may lose a message, and nodes come later. */
  private gossipEvidence({ newEvidence }: AppliedHeight): void {
    const { clock, logger } = this.ports;
    for (const evidence of newEvidence) {
      if (evidence.kind !== 'duplicate-vote') continue;
      const { height, round, validatorIndex } = evidence.voteA;
      logger.error('a validator signed two votes', { height, round, validator: validatorIndex });
    }
    this.offerEvidence(clock.monotonicMs());
  }

  private offerEvidence(nowMs: number): void {
    for (const evidence of this.evidence.takeForGossip(nowMs, EVIDENCE_OFFER_MS))
      this.network.gossipEvidence([evidence]);
  }

  /** Takes evidence that a client brings, and tells the peers. Throws a BizraError that says why not. */
  async addEvidence(evidence: Evidence): Promise<void> {
    // What no peer could decode must not get into a block of mine.
    await this.evidence.add(decodeEvidence(encodeEvidence(evidence)));
    this.offerEvidence(this.ports.clock.monotonicMs());
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

  private setBlockLimits(params: ConsensusParams): void {
    this.mempool.setBlockLimits({ maxDataBytes: this.chain.maxDataBytes(), maxGas: BigInt(params.block.maxGas) });
  }

  private makeMempool(settings: NodeSettings): Mempool<DecodedTx> {
    const { clock, onFatal, metrics } = this.ports;
    const { size, maxTxsBytes, maxTxBytes, cacheSize, ttlNumBlocks } = settings.mempool;
    return new Mempool(
      {
        app: new LedgerMempoolApp(this.ledger, this.genesis.chain.baseDenom),
        clock,
        hashTx: sha256,
        onAdmitted: (tx, source) => {
          if (source !== 'rpc') return;
          this.own.admitted(tx.hash);
          this.network.gossipTxs([tx.bytes]);
        },
        onWorkAvailable: () => this.engine.workAvailable(),
        moreUrgent: () => this.chain.applying,
        onFatal,
        ...(metrics === undefined ? {} : { metrics: createMempoolMetrics(metrics) }),
      },
      { maxTxs: size, maxTxsBytes, maxTxBytes, cacheSize, ttlBlocks: ttlNumBlocks },
    );
  }

  private txSupply(): TxSupply {
    const { mempool } = this;
    return {
      reap: (maxBytes, maxGas) => mempool.reap(maxBytes, maxGas),
      hasWork: () => mempool.hasWork(),
      get: (hash) => mempool.get(hash),
      update: (height, txs, signers) => mempool.update({ height, txs, changedAccounts: signers }),
    };
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
      clock,
      own: this.own,
      pendingTx: (hash) => mempool.get(hash)?.bytes,
      pendingTxs: () => mempool.list(MAX_PENDING_TXS).map(({ bytes }) => bytes),
      watchVote: (vote) => this.keyGuard?.vote(vote) ?? 'ok',
      intake: new EvidenceIntake({
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
    const peers = new NetworkSyncPeers({ network: this.network, exchange: this.exchange });
    return new BlockRepair({ kv, chain, blockStore, peers, verifier, clock, logger: logger.child('store'), onFatal });
  }

  private resultReader() {
    return {
      base: () => this.blockStore.base,
      head: () => this.chain.state.height,
      results: async (height: number) => this.blockStore.results(height),
    };
  }
}

/** LevelDB does not tell what it lost: the newest heights are looked at before anything rests on them. */
async function checkStore(
  { kv, clock }: NodePorts,
  { base, head }: BlockStore,
  { height, initialHeight }: ChainState,
): Promise<void> {
  if (head !== (height < initialHeight ? 0 : height))
    throw new MachineError('damaged', `the stored blocks end at height ${head}, the state at ${height}: sync again`);
  await checkNewestHeights(kv, { base, head }, workSlice(clock));
}

function reportOffence(logger: Logger, offence: Offence, peer: PeerId, error: unknown): void {
  if (offence === 'own_failure' || offence === 'machine_fault')
    logger.error('a message could not be handled', { peer, reason: asError(error) });
  else logger.debug('a peer misbehaved', { offence, peer, reason: asError(error)?.message });
}

function asError(error: unknown): Error | undefined {
  return error instanceof Error ? error : undefined;
}

function ledgerOptions(genesis: Genesis, settings: NodeSettings) {
  const { bech32Prefix, baseDenom } = genesis.chain;
  const { minGasPrices } = settings.mempool;
  const price = minGasPrices === '' ? {} : { minGasPrice: parseGasPrice(minGasPrices) };
  return { chainId: genesis.chainId, bech32Prefix, baseDenom, ...price };
}

function timeoutsOf({ consensus }: NodeSettings): Timeouts {
  return {
    proposeMs: consensus.timeoutProposeMs,
    proposeStepMs: consensus.timeoutProposeDeltaMs,
    proposeMaxMs: consensus.timeoutProposeMaxMs,
    voteMs: consensus.timeoutPrevoteMs,
    voteStepMs: consensus.timeoutPrevoteDeltaMs,
    voteMaxMs: consensus.timeoutVoteMaxMs,
  };
}
