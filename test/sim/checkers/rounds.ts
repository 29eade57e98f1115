import type { Node } from '#node/node.ts';
import type { Machine } from '../machine/machine.ts';
import type { Coverage } from '../world/coverage.ts';
import { type Checkers, Violation } from './checkers.ts';

/** A round that shows that something kept a height from being decided for long. */
const MANY_ROUNDS = 3;
/** Rounds that a healed network may need beside those of f faulty proposers: the one under way, one to meet, one to decide. */
const HEAL_ROUNDS = 3;

/** In which rounds heights are decided, and how many a healed network needs. */
export class Rounds {
  /** Decided heights by the round of their decision. */
  readonly histogram: number[] = [];
  slowestHeal = 0;
  private readonly coverage: Coverage;
  private readonly synced = new WeakMap<Node, number>();
  private heal: { readonly height: number; readonly round: number; readonly max: number } | undefined;

  constructor(coverage: Coverage) {
    this.coverage = coverage;
  }

  /** The highest round that decided. */
  get highest(): number {
    return Math.max(0, this.histogram.length - 1);
  }

  /** A machine applied a height, the first one or not. Throws a Violation when a heal took too many rounds. */
  applied(height: number, node: Node, isFirst: boolean): void {
    const { consensus, sync } = node;
    if (sync.appliedCount > (this.synced.get(node) ?? 0)) this.coverage.hit('block sync');
    this.synced.set(node, sync.appliedCount);
    const round = consensus.decided?.commit.round;
    if (round === undefined || consensus.height !== height) return;
    if (round < consensus.round) this.coverage.hit('commit from a past round');
    if (!isFirst) return;
    this.histogram[round] = (this.histogram[round] ?? 0) + 1;
    if (round > MANY_ROUNDS) this.coverage.hit('round above 3');
    this.decided(height, round);
  }

  /** All faults are gone: notes the round in which the honest machines are, those that were down included. */
  healed(machines: readonly Machine[], checkers: Checkers): void {
    const height = checkers.highest + 1;
    let round = 0;
    let validators = 1;
    for (const { name, node } of machines) {
      const last = checkers.lastSignedBy(name);
      if (last?.height === height) round = Math.max(round, last.round);
      if (node === undefined || node.consensus.height !== height) continue;
      round = Math.max(round, node.consensus.round);
      validators = node.chain.state.validators.size;
    }
    this.heal = { height, round, max: Math.floor((validators - 1) / 3) + HEAL_ROUNDS };
  }

  private decided(height: number, round: number): void {
    const { heal } = this;
    if (heal === undefined || height < heal.height) return;
    this.heal = undefined;
    if (height > heal.height) return;
    const rounds = Math.max(0, round - heal.round);
    this.slowestHeal = Math.max(this.slowestHeal, rounds);
    if (rounds > heal.max)
      throw new Violation('heal', `height ${height} was in round ${heal.round} at heal and decided in round ${round}`);
  }
}
