import type { CheckResult } from '#app/contract.ts';

/** Where a transaction came from: a client of this node, or a peer's gossip. */
export type TxSource = 'rpc' | 'peer';

/** A decoded transaction; the mempool looks no further into it. */
export interface MempoolTx {
  /** sha256 of `bytes`. */
  readonly hash: Uint8Array;
  /** Owned by the transaction, never changed. */
  readonly bytes: Uint8Array;
}

/** What a transaction asks and offers, as far as ordering needs to know. */
export interface TxTerms {
  /**
   * Accounts whose sequence or balance admission touches: all signers, and the fee payer if it is none of them. Latin1
   * keys of the addresses, the first signer first, without repetition, at least one. Order among the transactions of
   * one account is kept; it is the order of its sequences.
   */
  readonly accounts: readonly string[];
  /** Gas limit. */
  readonly gas: bigint;
  /** In the base denomination. */
  readonly fee: bigint;
  /** Last height at which it may be in a block; 0n: any. */
  readonly timeoutHeight: bigint;
}

export interface Decoded<Tx extends MempoolTx> {
  readonly tx: Tx;
  readonly terms: TxTerms;
}

/**
 * The ledger as the mempool uses it. All but `verify` are synchronous, so that nothing can come between a check and
 * what the mempool does about it.
 *
 * The ledger keeps the pending state: the head plus what the transactions that passed `check` did to their accounts.
 * It never forgets of its own accord, not even at a commit: the mempool says when, in `update`.
 */
export interface MempoolApp<Tx extends MempoolTx> {
  /** The transaction, or why its bytes are none. Never throws for what the bytes hold. */
  decode(bytes: Uint8Array, hash: Uint8Array): Decoded<Tx> | { readonly refused: CheckResult };
  /** Checks signatures, in one batch; one result each, in order. */
  verify(txs: readonly Tx[]): Promise<readonly CheckResult[]>;
  /**
   * Fees, sequences and limits against the pending state, signatures not looked at again. Code 0 takes effect in the
   * pending state, any other code has none.
   */
  check(tx: Tx, mode: 'new' | 'recheck'): CheckResult;
  /** Forgets all that `check` did: the pending state is the head again. */
  resetPending(): void;
  /**
   * Forgets it for these accounts alone; the rest now stands on the present head. Called after each move of the head, if
   * need be for no account. An app without this has everything forgotten instead, and checked again.
   */
  forgetPending?(accounts: readonly string[]): void;
}

/** Why the mempool itself turned a transaction away. CometBFT's RPC answers these with an error, not with a result. */
export type Refusal = 'syncing' | 'too_large' | 'in_cache' | 'full';

export interface AdmitResult extends CheckResult {
  /** sha256 of the transaction; empty when it was refused unread. */
  readonly hash: Uint8Array;
  /** Absent when `code` is the ledger's answer. */
  readonly refusal?: Refusal;
}
