import type { Ledger } from '#app/ledger.ts';
import type { DecodedTx } from '#app/tx.ts';
import type { Verifier } from '#crypto/verifier.ts';
import { Chain } from '#engine/chain.ts';
import type { ChainState } from '#engine/chain-state.ts';
import { EvidencePool, type EvidencePoolComponents } from '#engine/evidence-pool.ts';
import { Indexer } from '#indexer/indexer.ts';
import type { WantedResults } from '#indexer/result-reader.ts';
import type { Mempool } from '#mempool/mempool.ts';
import type { KeyValue } from '#ports/key-value.ts';
import type { State } from '#state/state.ts';
import type { BlockStore } from '#storage/block-store.ts';
import type { NodeMetrics } from '#telemetry/node-metrics.ts';
import type { Evidence } from '#types/evidence.ts';
import { faultHandler } from './faults.ts';
import { txSupplyOf } from './mempool-wiring.ts';
import type { NodePorts } from './node-ports.ts';
import type { NodeOverrides } from './overrides.ts';

// The chain, and beside it what else goes into the one batch of a height.

export function makeEvidencePool(
  { kv, verifier, logger, onFatal }: NodePorts,
  asked: Pick<EvidencePoolComponents, 'history' | 'isPunished' | 'onPending'>,
  stored: readonly Evidence[],
): EvidencePool {
  const onFault = faultHandler({ logger, onFatal });
  return EvidencePool.restore({ kv, verifier, logger: logger.child('evidence'), ...asked, onFault }, stored);
}

/** `head` is the chain's: the store counts a height from the moment in which its batch is begun. */
export function makeIndexer(kv: KeyValue, blockStore: BlockStore, head: () => number): Indexer {
  const reader = {
    base: () => blockStore.base,
    head,
    results: (height: number, { txs, pause }: WantedResults) => blockStore.resultsAt(height, txs, pause),
  };
  return new Indexer({ kv, reader });
}

export interface ChainWiring {
  readonly state: State;
  readonly ledger: Ledger;
  readonly blockStore: BlockStore;
  readonly indexer: Indexer;
  readonly mempool: Mempool<DecodedTx>;
  readonly evidence: EvidencePool;
  /** For commits, whose signatures come more than once. */
  readonly verifier: Verifier;
  readonly metrics: NodeMetrics | undefined;
  /** What the next block must agree with. */
  readonly head: () => ChainState;
}

export function makeChain(
  { kv, clock, logger, signer }: NodePorts,
  { mempool, ledger, head, ...parts }: ChainWiring,
  chainState: ChainState,
  { brokenRule, wrapApp }: NodeOverrides,
): Chain {
  return new Chain(
    {
      ...parts,
      kv,
      ledger: wrapApp?.(ledger, head) ?? ledger,
      supply: txSupplyOf(mempool),
      clock,
      logger: logger.child('chain'),
      address: signer?.address,
      brokenRule,
    },
    chainState,
    parts.blockStore.commit(chainState.height),
  );
}
