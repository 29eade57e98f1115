import type { CheckResult } from '#app/contract.ts';
import { Refusal } from '#app/errors.ts';
import type { Ledger } from '#app/ledger.ts';
import type { DecodedTx } from '#app/tx.ts';
import type { Decoded, MempoolApp, TxTerms } from '#mempool/contract.ts';

/** The ledger as the mempool uses it. */
export class LedgerMempoolApp implements MempoolApp<DecodedTx> {
  private readonly ledger: Ledger;
  private readonly baseDenom: string;

  constructor(ledger: Ledger, baseDenom: string) {
    this.ledger = ledger;
    this.baseDenom = baseDenom;
  }

  decode(bytes: Uint8Array, hash: Uint8Array): Decoded<DecodedTx> | { readonly refused: CheckResult } {
    try {
      const tx = this.ledger.decodeTx(bytes, hash);
      // Without a sound first message there are no signers, and so no account to order it by.
      if (tx.messageFault !== undefined) return { refused: refusedCheck(tx.messageFault, tx.gasWanted) };
      return { tx, terms: this.terms(tx) };
    } catch (error) {
      if (error instanceof Refusal) return { refused: refusedCheck(error, 0n) };
      throw error;
    }
  }

  verify(txs: readonly DecodedTx[]): Promise<readonly CheckResult[]> {
    return this.ledger.verifyTxs(txs);
  }

  check(tx: DecodedTx, mode: 'new' | 'recheck'): CheckResult {
    return this.ledger.checkTx(tx, mode);
  }

  resetPending(): void {
    this.ledger.resetPending();
  }

  forgetPending(accounts: readonly string[]): void {
    this.ledger.forgetPending(accounts);
  }

  private terms(tx: DecodedTx): TxTerms {
    return {
      accounts: [...new Set(tx.signers.map(({ key }) => key))],
      gas: tx.gasWanted,
      fee: tx.feeAmount.find(({ denom }) => denom === this.baseDenom)?.amount ?? 0n,
      timeoutHeight: tx.timeoutHeight,
    };
  }
}

/** CheckTx's answer for a transaction that is refused before any state is looked at. */
export function refusedCheck(refusal: Refusal, gasWanted: bigint): CheckResult {
  const { code, codespace } = refusal.registered;
  return { code, codespace, log: refusal.log, gasWanted, gasUsed: 0n };
}
