/** One event of the ledger, in the shape of CometBFT's ABCI events. */
export interface LedgerEvent {
  readonly type: string;
  readonly attributes: readonly EventAttribute[];
}

export interface EventAttribute {
  readonly key: string;
  readonly value: string;
  /** Whether tx_search and block_search find it. */
  readonly index: boolean;
}

/** Result of one transaction. `code`, `data` and both gas figures are hashed into the next header. */
export interface TxResult {
  readonly code: number;
  readonly data: Uint8Array;
  readonly log: string;
  readonly info: string;
  readonly gasWanted: bigint;
  readonly gasUsed: bigint;
  readonly events: readonly LedgerEvent[];
  /** Namespace of `code`; empty when it is 0. */
  readonly codespace: string;
}
