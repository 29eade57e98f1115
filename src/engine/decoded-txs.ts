import type { Ledger } from '#app/ledger.ts';
import type { DecodedTx } from '#app/tx.ts';
import type { Pause } from '#util/pause.ts';
import type { Body } from './body.ts';
import type { TxSupply } from './tx-supply.ts';

/** The transactions of blocks, decoded once. */
export class DecodedTxs {
  private readonly ledger: Pick<Ledger, 'decode'>;
  private readonly supply: Pick<TxSupply, 'get'>;
  private readonly decoded = new WeakMap<Body, readonly (DecodedTx | undefined)[]>();

  constructor({ ledger, supply }: { ledger: Pick<Ledger, 'decode'>; supply: Pick<TxSupply, 'get'> }) {
    this.ledger = ledger;
    this.supply = supply;
  }

  /** Each transaction as the mempool decoded it, or decoded now; undefined where the bytes are none. */
  of(body: Body): readonly (DecodedTx | undefined)[] {
    const known = this.decoded.get(body);
    if (known !== undefined) return known;
    const txs = body.block.txs.map((tx, index) => this.decode(tx, body.txHashes[index] as Uint8Array));
    this.decoded.set(body, txs);
    return txs;
  }

  /** As `of`, pausing between transactions. */
  async ahead(body: Body, pause: Pause): Promise<readonly (DecodedTx | undefined)[]> {
    const txs: (DecodedTx | undefined)[] = [];
    for (const [index, tx] of body.block.txs.entries()) {
      txs.push(this.decode(tx, body.txHashes[index] as Uint8Array));
      const wait = pause();
      if (wait !== undefined) await wait;
    }
    this.decoded.set(body, txs);
    return txs;
  }

  private decode(tx: Uint8Array, hash: Uint8Array): DecodedTx | undefined {
    return this.supply.get(hash) ?? this.ledger.decode(tx, hash);
  }
}
