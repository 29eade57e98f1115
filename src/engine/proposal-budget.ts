/** A height that takes this long from its proposal on is as long as a wallet should wait for; milliseconds. */
const SLOW_HEIGHT_MS = 500;
/** Below this, blocks may grow: the time grows with them, so growth by half stays below the above. */
const QUICK_HEIGHT_MS = 250;
const GROWTH = 1.5;
/** Bytes of transactions that are always allowed: some 200 transfers, a fraction of a slow machine's second. */
const MIN_BYTES = 64 * 1024;
const FIRST_BYTES = 512 * 1024;
/** From this round on, a fresh block halves each round, so that slow links recover. */
const SHRINK_FROM_ROUND = 2;

/**
 * How large a block to propose: as large as the network has lately shown to carry and execute quickly. Without it an
 * overload feeds itself, since a slow block leaves more transactions for the next one. A local choice, never validity.
 */
export class ProposalBudget {
  private allowed = FIRST_BYTES;

  /** Bytes of transactions for a fresh block of this round, at most `limit`. */
  bytes(round: number, limit: number): number {
    const halvings = Math.max(0, round - SHRINK_FROM_ROUND + 1);
    return Math.min(limit, Math.max(MIN_BYTES, Math.floor(this.allowed / 2 ** halvings)));
  }

  /** A height was applied: bytes of its transactions, the round that decided it, and the time since its proposal. */
  heightApplied(txBytes: number, round: number, durationMs: number): void {
    if (round > 0 || durationMs > SLOW_HEIGHT_MS) {
      this.allowed = Math.max(MIN_BYTES, Math.min(this.allowed, txBytes) / 2);
    } else if (durationMs < QUICK_HEIGHT_MS && 2 * txBytes > this.allowed) {
      this.allowed *= GROWTH;
    }
  }
}
