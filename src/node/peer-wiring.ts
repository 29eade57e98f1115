import type { DecodedTx } from '#app/tx.ts';
import { InlineVerifier } from '#crypto/verifier.ts';
import type { Chain } from '#engine/chain.ts';
import { EvidenceIntake } from '#engine/evidence-intake.ts';
import type { EvidencePool } from '#engine/evidence-pool.ts';
import { Exchange, type ExchangeComponents } from '#engine/exchange.ts';
import { VoteVerifier } from '#engine/vote-verifier.ts';
import type { Mempool } from '#mempool/mempool.ts';
import type { Offence } from '#network/consequences.ts';
import { Network, type NetworkOptions } from '#network/network.ts';
import { MAX_PENDING_TXS } from '#network/request-codec.ts';
import type { PeerId } from '#ports/transport.ts';
import type { BlockStore } from '#storage/block-store.ts';
import type { NodeMetrics } from '#telemetry/node-metrics.ts';
import { MachineError } from '#util/errors.ts';
import { archiveOf, stateSyncAnswersOf } from './archive.ts';
import type { BlockRepair } from './block-repair.ts';
import { faultHandler } from './faults.ts';
import { gossipVerdict } from './gossip-verdict.ts';
import type { NodePorts } from './node-ports.ts';
import { reportOffence } from './offences.ts';

// Both ways between this node and its peers: typed messages, and what each of them leads to.

export function makeNetwork(
  { transport, clock, random, logger, onFatal }: NodePorts,
  limits: NetworkOptions['limits'],
  metrics: NodeMetrics | undefined,
): Network {
  const observe = (offence: Offence, peer: PeerId, error: unknown): void => {
    metrics?.p2p.offences.with(offence).add();
    reportOffence(logger, offence, peer, error);
    // A damaged record of the past is one that this node cannot serve; a disk that fails is the end of it.
    if (error instanceof MachineError && error.code !== 'damaged') onFatal(error);
  };
  return new Network({ transport, clock, random }, { limits, observe });
}

type HandedOn = 'network' | 'consensus' | 'engine' | 'own' | 'watchVote' | 'onHeights' | 'onPeerGone';

export interface ExchangeWiring extends Pick<ExchangeComponents, HandedOn> {
  readonly chainId: string;
  readonly chain: Chain;
  readonly blockStore: BlockStore;
  readonly mempool: Mempool<DecodedTx>;
  readonly evidence: EvidencePool;
  /** Made later, because it asks peers itself. */
  readonly repair: () => BlockRepair;
}

export function makeExchange(
  { clock, voteVerifier, snapshots, logger, onFatal }: NodePorts,
  { chainId, chain, blockStore, mempool, evidence, repair, ...handedOn }: ExchangeWiring,
): Exchange {
  const { consensus, network } = handedOn;
  return new Exchange({
    ...handedOn,
    verifier: new VoteVerifier({ consensus, verifier: voteVerifier ?? new InlineVerifier(), chainId }),
    archive: archiveOf(chain, blockStore, repair),
    stateSync: stateSyncAnswersOf(chain, blockStore, clock, snapshots),
    clock,
    pendingTx: (hash) => mempool.get(hash)?.bytes,
    pendingTxs: () => mempool.list(MAX_PENDING_TXS).map(({ bytes }) => bytes),
    evidenceIntake: new EvidenceIntake({
      pool: evidence,
      clock,
      head: () => chain.state.height,
      report: (peer, offence) => network.report(peer, offence),
      onFault: faultHandler({ logger, onFatal }),
    }),
    admitTxs: async (txs) => gossipVerdict(await mempool.admitMany(txs, 'peer')),
  });
}
