import type { AdmitResult, MempoolTx } from '#mempool/contract.ts';
import type { Mempool } from '#mempool/mempool.ts';
import type { Network } from '#network/network.ts';
import { PeerAllowance } from '#network/peer-allowance.ts';
import type { Clock } from '#ports/clock.ts';
import type { GossipVerdict, PeerId } from '#ports/transport.ts';
import { countWrong, gossipVerdict, isMost } from './gossip-verdict.ts';

/**
 * Wrong signatures that a peer may bring: some 0.1 s of work at once, and then 0.3% of a core. An honest node brings some
 * only when it passed on what it had no need to verify, say because its pool was full.
 */
const WRONG_SIGNATURES = { burst: 1_024, perSecond: 32 };
/** Transactions of a batch that are looked at before the next: about what an honest batch holds. */
const PART_TXS = 256;

export interface TxIntakeComponents {
  readonly mempool: Pick<Mempool<MempoolTx>, 'admitMany' | 'isKnown'>;
  readonly network: Pick<Network, 'report'>;
  readonly clock: Clock;
}

/**
 * Transactions from peers. Whoever delivers a batch that no honest node would have passed on pays for it. Whoever brought
 * too many wrong signatures is not heard for a while: without blame, for in part they may be somebody else's.
 */
export class TxIntake {
  private readonly parts: TxIntakeComponents;
  private readonly wrongSignatures: PeerAllowance;

  constructor(components: TxIntakeComponents) {
    this.parts = components;
    this.wrongSignatures = new PeerAllowance(components, WRONG_SIGNATURES);
  }

  async take(peer: PeerId, txs: readonly Uint8Array[]): Promise<GossipVerdict> {
    if (this.wrongSignatures.isUsedUp(peer)) return 'ignore';
    const { mempool, network } = this.parts;
    const results = await this.admit(peer, txs);
    const verdict = gossipVerdict({ size: txs.length, results, isKnown: (hash) => mempool.isKnown(hash) });
    if (verdict === 'reject') network.report(peer, 'invalid_transaction');
    return verdict;
  }

  /** Until most of them are known to be wrong: the rest is not worth a look. */
  private async admit(peer: PeerId, txs: readonly Uint8Array[]): Promise<AdmitResult[]> {
    const results: AdmitResult[] = [];
    for (let from = 0; from < txs.length && !isMost(countWrong(results), txs.length); from += PART_TXS) {
      const part = await this.parts.mempool.admitMany(txs.slice(from, from + PART_TXS), 'peer');
      this.wrongSignatures.spend(peer, countWrong(part));
      results.push(...part);
    }
    return results;
  }
}
