import type { Block } from '#types/block.ts';
import { type BlockId, blockIdKey } from '#types/block-id.ts';
import { toHex } from '#util/bytes.ts';
import type { Chance } from '../time/chance.ts';
import type { Coverage } from '../world/coverage.ts';
import type { LockChecker } from './lock-checker.ts';

/** How old a header may be that an operator trusts. */
const PAST_HEIGHTS = 20;

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

export interface SigningPlace {
  readonly height: number;
  readonly round: number;
  readonly step: number;
}

function comparePlaces(a: SigningPlace, b: SigningPlace): number {
  return a.height - b.height || a.round - b.round || a.step - b.step;
}

/** Watches what all machines report and sign, over all their incarnations. Each method throws a Violation. */
export class Checkers {
  /** Of the highest decided block. */
  highest = 0;
  /** In decided blocks. */
  txs = 0;
  readonly coverage: Coverage;
  locks: LockChecker | undefined;
  private readonly decided = new Map<number, Applied>();
  /** Last height that each machine told that it had applied. */
  private readonly reported = new Map<string, number>();
  /** Height of each machine in its present incarnation. */
  private readonly heights = new Map<string, number>();
  private readonly signed = new Map<string, string>();
  /** Highest place of a signature that left each key. */
  private readonly lastSigned = new Map<string, SigningPlace>();

  constructor(coverage: Coverage) {
    this.coverage = coverage;
  }

  /** A machine that came up stands where it had said that it stood. */
  booted(machine: string, height: number): void {
    const reported = this.reported.get(machine) ?? 0;
    if (height < reported)
      throw new Violation('durability', `${machine} reported height ${reported} and came back at ${height}`);
    this.heights.set(machine, height);
  }

  /** The machine was given an empty disk. */
  forget(machine: string): void {
    this.reported.delete(machine);
  }

  /** The machine lost the record of its key; what the key signed stays signed. */
  forgetRecord(machine: string): void {
    this.lastSigned.delete(machine);
  }

  /** A decided block of some heights ago, as an operator reads it off an explorer. */
  somePastBlock(chance: Chance): { readonly height: number; readonly hash: Uint8Array } | undefined {
    const height = this.highest - chance.below(PAST_HEIGHTS);
    const hash = this.decided.get(height)?.blockId.hash;
    return hash === undefined ? undefined : { height, hash };
  }

  /** A height that a machine has although nobody told of it: all that had it died before they could. */
  found(applied: Applied): void {
    this.decided.set(applied.height, applied);
    this.highest = Math.max(this.highest, applied.height);
    this.txs += applied.block.txs.length;
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
      this.highest = Math.max(this.highest, height);
      this.txs += applied.block.txs.length;
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
    if (place.endsWith('proposal') && !value.startsWith('-1/')) this.coverage.hit('valid value proposed again');
    const [height, round, type] = place.split('/').map(Number) as [number, number, number];
    this.locks?.signed(machine, { height, round, type, value });
  }

  /** A signature left, and the key says that this was its last. */
  left(machine: string, place: SigningPlace): void {
    this.lastSigned.set(machine, place);
  }

  lastSignedBy(machine: string): SigningPlace | undefined {
    return this.lastSigned.get(machine);
  }

  /** The record of a key is never behind a signature that left it. */
  remembers(machine: string, record: SigningPlace): void {
    const left = this.lastSigned.get(machine);
    if (left === undefined || comparePlaces(record, left) >= 0) return;
    const at = ({ height, round, step }: SigningPlace): string => `${height}/${round}/${step}`;
    throw new Violation('signing record', `${machine} signed at ${at(left)} and remembers ${at(record)}`);
  }

  /** Honest nodes never find fault with each other. */
  punished(by: string, peer: string, reason: string): void {
    throw new Violation('honest peers', `${by} punished ${peer} for ${reason}`);
  }
}
