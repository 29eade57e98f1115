import type { Block } from '#types/block.ts';
import { type BlockId, blockIdKey } from '#types/block-id.ts';
import { toHex } from '#util/bytes.ts';

/** Something that must never happen. */
export class Violation extends Error {
  readonly checker: string;

  constructor(checker: string, message: string) {
    super(`${checker}: ${message}`);
    this.checker = checker;
  }
}

export interface Applied {
  readonly machine: string;
  readonly height: number;
  readonly block: Block;
  readonly blockId: BlockId;
  readonly appHash: Uint8Array;
}

/** Watches what all machines report and sign, over all their incarnations. Each method throws a Violation. */
export class Checkers {
  private readonly decided = new Map<number, Applied>();
  /** Last height that each machine told that it had applied. */
  private readonly reported = new Map<string, number>();
  /** Height of each machine in its present incarnation. */
  private readonly heights = new Map<string, number>();
  private readonly signed = new Map<string, string>();

  /** A machine that came up stands where it had said that it stood. */
  booted(machine: string, height: number): void {
    const reported = this.reported.get(machine) ?? 0;
    if (height < reported)
      throw new Violation('durability', `${machine} reported height ${reported} and came back at ${height}`);
    this.heights.set(machine, height);
  }

  applied(applied: Applied): void {
    const { machine, height, blockId, appHash } = applied;
    const before = this.heights.get(machine) ?? 0;
    if (height !== before + 1)
      throw new Violation('order', `${machine} applied height ${height} after height ${before}`);
    this.heights.set(machine, height);
    this.reported.set(machine, height);
    const first = this.decided.get(height);
    if (first === undefined) {
      this.decided.set(height, applied);
      return;
    }
    const versus = `${first.machine} and ${machine} at height ${height}`;
    if (blockIdKey(first.blockId) !== blockIdKey(blockId))
      throw new Violation('agreement', `${versus}: ${toHex(first.blockId.hash)} and ${toHex(blockId.hash)}`);
    if (toHex(first.appHash) !== toHex(appHash))
      throw new Violation('app hash', `${versus}: ${toHex(first.appHash)} and ${toHex(appHash)}`);
  }

  /** What left a key: two different things for one height, round and type are a double sign. */
  signedBy(machine: string, place: string, value: string): void {
    const key = `${machine}/${place}`;
    const before = this.signed.get(key);
    if (before !== undefined && before !== value)
      throw new Violation('double sign', `${machine} signed ${before} and ${value} at ${place}`);
    this.signed.set(key, value);
  }

  /** Honest nodes never find fault with each other. */
  punished(by: string, peer: string, reason: string): void {
    throw new Violation('honest peers', `${by} punished ${peer} for ${reason}`);
  }

  get highest(): number {
    return Math.max(0, ...this.decided.keys());
  }

  /** Transactions in decided blocks. */
  get txs(): number {
    let txs = 0;
    for (const { block } of this.decided.values()) txs += block.txs.length;
    return txs;
  }
}
