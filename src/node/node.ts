import { parseGasPrice } from '#app/gas-price.ts';
import { Ledger } from '#app/ledger.ts';
import type { DecodedTx } from '#app/tx.ts';
import { Consensus } from '#consensus/consensus.ts';
import type { BrokenRule } from '#consensus/height-state.ts';
import type { Timeouts } from '#consensus/timeouts.ts';
import { sha256 } from '#crypto/hash.ts';
import { InlineVerifier, type Verifier } from '#crypto/verifier.ts';
import { type AppliedHeight, Chain, type TxSupply } from '#engine/chain.ts';
import { Engine } from '#engine/engine.ts';
import { EvidenceStore } from '#engine/evidence-store.ts';
import { Exchange } from '#engine/exchange.ts';
import { OwnTransactions } from '#engine/own-transactions.ts';
import { VoteVerifier } from '#engine/vote-verifier.ts';
import { Indexer } from '#indexer/indexer.ts';
import { Mempool } from '#mempool/mempool.ts';
import { createMempoolMetrics } from '#mempool/metrics.ts';
import type { Offence } from '#network/consequences.ts';
import { Network } from '#network/network.ts';
import type { Clock } from '#ports/clock.ts';
import type { KeyValue } from '#ports/key-value.ts';
import type { Random } from '#ports/random.ts';
import type { PeerId, Transport } from '#ports/transport.ts';
import type { NodeEvent } from '#rpc/node-api.ts';
import type { FileSigner } from '#signer/signer.ts';
import type { State } from '#state/state.ts';
import { BlockStore } from '#storage/block-store.ts';
import type { Wal } from '#storage/wal.ts';
import { BlockSync } from '#sync/block-sync.ts';
import type { Logger } from '#telemetry/logger.ts';
import type { MetricsRegistry } from '#telemetry/metrics.ts';
import { createNodeMetrics, type NodeMetrics } from '#telemetry/node-metrics.ts';
import type { Genesis } from '#types/genesis.ts';
import type { ConsensusParams } from '#types/params.ts';
import { archiveOf } from './archive.ts';
import { ChainMetrics } from './chain-metrics.ts';
import { type OpenedChain, openChain } from './database.ts';
import { EventBus } from './event-bus.ts';
import { blockEvent } from './events.ts';
import { gossipVerdict } from './gossip-verdict.ts';
import { LedgerMempoolApp } from './mempool-app.ts';
import type { NodeSettings } from './settings.ts';
import { EngineSyncChain, type FetchedBody, NetworkSyncPeers } from './sync-adapter.ts';

/** All that the node touches the outside with. The simulator brings its own. */
export interface NodePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly kv: KeyValue;
  readonly wal: Wal;
  readonly transport: Transport;
  readonly verifier: Verifier;
  readonly logger: Logger;
  /** Absent on a node without a validator key. */
  readonly signer: FileSigner | undefined;
  /** What makes going on impossible; the process must end. */
  readonly onFatal: (error: unknown) => void;
  /** Absent: nothing is measured. */
  readonly metrics?: MetricsRegistry | undefined;
}

/** What only tests set. */
export interface NodeTestOptions {
  /** A consensus rule to leave out, to see that the simulator's checkers notice. */
  readonly brokenRule?: BrokenRule;
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
  private readonly chainMetrics: ChainMetrics | undefined;
  private readonly own: OwnTransactions;
  private readonly evidence: EvidenceStore;

  private constructor(
    ports: NodePorts,
    genesis: Genesis,
    settings: NodeSettings,
    opened: OpenedChain & { readonly blockStore: BlockStore },
    { brokenRule }: NodeTestOptions,
  ) {
    const { clock, random, kv, verifier, logger, signer, onFatal } = ports;
    this.ports = ports;
    this.genesis = genesis;
    this.state = opened.state;
    this.blockStore = opened.blockStore;
    this.metrics = ports.metrics === undefined ? undefined : createNodeMetrics(ports.metrics);
    this.chainMetrics = this.metrics && new ChainMetrics(this.metrics, signer?.address, opened.chainState);
    this.own = new OwnTransactions(clock);
    this.evidence = new EvidenceStore(kv);
    this.ledger = new Ledger({ verifier, state: opened.state }, ledgerOptions(genesis, settings));
    this.indexer = new Indexer({ kv, reader: this.resultReader() });
    this.mempool = this.makeMempool(settings);
    this.consensus = new Consensus({ address: signer?.address, timeouts: timeoutsOf(settings), brokenRule });
    this.chain = new Chain(
      {
        kv,
        state: this.state,
        ledger: this.ledger,
        blockStore: this.blockStore,
        indexer: this.indexer,
        supply: this.txSupply(),
        verifier,
        clock,
        logger: logger.child('chain'),
        address: signer?.address,
        metrics: this.metrics,
      },
      opened.chainState,
      opened.blockStore.commit(opened.chainState.height),
    );
    this.network = new Network(
      { transport: ports.transport, clock, random },
      {
        limits: {
          maxBlockBytes: opened.chainState.params.block.maxBytes,
          maxTxBytes: settings.mempool.maxTxBytes,
        },
        observe: (offence, peer, error) => {
          this.metrics?.p2p.offences.with(offence).add();
          reportOffence(logger, offence, peer, error);
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
      metrics: this.metrics,
    });
    this.exchange = this.makeExchange();
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
    testOptions: NodeTestOptions = {},
  ): Promise<Node> {
    const opened = await openChain(ports.kv, genesis, { pause: () => ports.clock.yield() });
    const blockStore = await BlockStore.open(ports.kv);
    return new Node(ports, genesis, settings, { ...opened, blockStore }, testOptions);
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

  private onApplied(applied: AppliedHeight): void {
    const { height } = applied.state;
    this.chainMetrics?.applied(applied);
    this.storeEvidence(applied);
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

  private storeEvidence({ state }: AppliedHeight): void {
    const { logger, onFatal } = this.ports;
    if (state.lastValidators === undefined) return;
    this.evidence
      .heightDecided(state.height, state.lastBlockTime, state.lastValidators)
      .then((found) => {
        for (const { voteA } of found) {
          const { height, round, validatorIndex } = voteA;
          logger.error('a validator signed two votes', { height, round, validator: validatorIndex });
        }
      })
      .catch(onFatal);
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
      verifier: new VoteVerifier({ consensus, verifier: new InlineVerifier(), chainId: this.genesis.chainId }),
      archive: archiveOf(chain, this.blockStore),
      clock,
      own: this.own,
      pendingTx: (hash) => mempool.get(hash)?.bytes,
      admitTxs: async (txs) => gossipVerdict(await mempool.admitMany(txs, 'peer')),
      onHeights: () => this.sync.poke(),
      onPeerGone: (peer) => this.sync.forget(peer),
    });
  }

  private resultReader() {
    return {
      base: () => this.blockStore.base,
      head: () => this.chain.state.height,
      results: async (height: number) => this.blockStore.results(height),
    };
  }
}

function reportOffence(logger: Logger, offence: Offence, peer: PeerId, error: unknown): void {
  if (offence === 'own_failure') logger.error('a message could not be handled', { peer, reason: asError(error) });
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
