import type { DecodedTx } from '#app/tx.ts';

/** The mempool as block making needs it. */
export interface TxSupply {
  /** Pending transactions in order, of at most this many framed bytes and this much gas (below 0: no limit). */
  reap(maxBytes: number, maxGas: bigint): DecodedTx[];
  hasWork(): boolean;
  get(hash: Uint8Array): DecodedTx | undefined;
  /** The head moved: called in the same synchronous stretch. `signers` are the accounts that the block charged. */
  update(
    height: number,
    txs: readonly { readonly hash: Uint8Array; readonly code: number }[],
    signers: readonly string[],
  ): void;
}
