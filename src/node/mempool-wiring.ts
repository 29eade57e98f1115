import type { Ledger } from '#app/ledger.ts';
import type { DecodedTx } from '#app/tx.ts';
import { sha256 } from '#crypto/hash.ts';
import type { TxSupply } from '#engine/tx-supply.ts';
import { Mempool } from '#mempool/mempool.ts';
import { createMempoolMetrics } from '#mempool/metrics.ts';
import { LedgerMempoolApp } from './mempool-app.ts';
import type { NodePorts } from './node-ports.ts';
import type { NodeSettings } from './settings.ts';

export interface MempoolWiring {
  readonly ledger: Ledger;
  readonly baseDenom: string;
  /** A transaction of an own client is in. */
  readonly onOwn: (tx: DecodedTx) => void;
  readonly onWorkAvailable: () => void;
  /** While there is more urgent work: its end. */
  readonly moreUrgent: () => Promise<void> | undefined;
}

export function makeMempool(
  { clock, random, onFatal, metrics }: Pick<NodePorts, 'clock' | 'random' | 'onFatal' | 'metrics'>,
  { size, maxTxsBytes, maxTxBytes, cacheSize, ttlNumBlocks }: NodeSettings['mempool'],
  { ledger, baseDenom, onOwn, onWorkAvailable, moreUrgent }: MempoolWiring,
): Mempool<DecodedTx> {
  return new Mempool(
    {
      app: new LedgerMempoolApp(ledger, baseDenom),
      clock,
      random,
      hashTx: sha256,
      onAdmitted: (tx, source) => {
        if (source === 'rpc') onOwn(tx);
      },
      onWorkAvailable,
      moreUrgent,
      onFatal,
      ...(metrics === undefined ? {} : { metrics: createMempoolMetrics(metrics) }),
    },
    { maxTxs: size, maxTxsBytes, maxTxBytes, cacheSize, ttlBlocks: ttlNumBlocks },
  );
}

/** The mempool as the chain uses it. */
export function txSupplyOf(mempool: Mempool<DecodedTx>): TxSupply {
  return {
    reap: (maxBytes, maxGas) => mempool.reap(maxBytes, maxGas),
    hasWork: () => mempool.hasWork(),
    get: (hash) => mempool.get(hash),
    update: (height, txs, signers) => mempool.update({ height, txs, changedAccounts: signers }),
  };
}
