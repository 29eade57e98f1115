import { sha256 } from '#crypto/hash.ts';
import { toHex, toLatin1 } from '#util/bytes.ts';
import { GENESIS_MS } from '../time/clock.ts';
import { type Applied, Violation } from './checkers.ts';

/** Honest clocks are at most half a second ahead; the rest is for blocks that follow each other within a millisecond. */
const AHEAD_MAX_MS = 2_000;
const NANOSECONDS = 1_000_000n;

/**
 * Looks at decided blocks without the node's code: each leads on from the one before, its time advances and is no
 * honest clock's future, and its transactions were really sent.
 */
export class Validity {
  private readonly sent = new Set<string>();
  private last: Applied | undefined;

  /** A client handed this transaction to some node. */
  wasSent(tx: Uint8Array): void {
    this.sent.add(keyOf(tx));
  }

  /** Each height once, in order. `strangers`: somebody else may have sent transactions, too. Throws a Violation. */
  decided(applied: Applied, nowMs: number, strangers: boolean): void {
    const { block, height } = applied;
    const { last } = this;
    this.last = applied;
    const timeMs = Number(block.header.time / NANOSECONDS) - GENESIS_MS;
    if (timeMs > nowMs + AHEAD_MAX_MS) throw invalid(applied, `its time is ${timeMs - nowMs} ms ahead`);
    const unknown = strangers ? undefined : block.txs.find((tx) => !this.sent.has(keyOf(tx)));
    if (unknown !== undefined) throw invalid(applied, `nobody sent transaction ${toHex(sha256(unknown))}`);
    if (new Set(block.txs.map(keyOf)).size < block.txs.length) throw invalid(applied, 'a transaction is in it twice');
    if (last === undefined || last.height !== height - 1) return;
    const before = last.block.header;
    if (block.header.time <= before.time) throw invalid(applied, 'its time does not advance');
    if (toHex(block.header.lastBlockId.hash) !== toHex(last.blockId.hash))
      throw invalid(applied, 'it is on top of another block');
    if (toHex(block.header.appHash) !== toHex(last.appHash)) throw invalid(applied, 'its app hash is another');
    if (toHex(block.header.validatorsHash) !== toHex(before.nextValidatorsHash))
      throw invalid(applied, 'its validators are others');
  }
}

function invalid({ machine, height }: Applied, what: string): Violation {
  return new Violation('validity', `${machine} applied a block at height ${height}: ${what}`);
}

function keyOf(tx: Uint8Array): string {
  return toLatin1(sha256(tx));
}
