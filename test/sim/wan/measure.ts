import type { Machine } from '../machine/machine.ts';
import type { Scheduler } from '../time/scheduler.ts';

interface Due {
  readonly proposer: number;
  readonly atMs: number;
}

interface Decision {
  readonly height: number;
  readonly machine: number;
  readonly round: number;
  readonly atMs: number;
}

/** When proposals are due and when each machine has the precommits that decide, seen at the doors of the chain. */
export class Measure {
  readonly decisions: Decision[] = [];
  /** Of the proposer of round 0, by height. */
  private readonly due = new Map<number, Due>();

  watch({ node, name }: Machine, scheduler: Scheduler): void {
    if (node === undefined) throw new Error(`${name} is not up`);
    const machine = Number(name.slice(1));
    const { chain } = node;
    const { build, apply } = chain;
    chain.build = (round, ...rest) => {
      if (round === 0) this.due.set(chain.state.height + 1, { proposer: machine, atMs: scheduler.nowMs });
      return build.call(chain, round, ...rest);
    };
    chain.apply = (body, commit, proposedMs) => {
      this.decisions.push({ height: commit.height, machine, round: commit.round, atMs: scheduler.nowMs });
      return apply.call(chain, body, commit, proposedMs);
    };
  }

  /** From the proposal's being due to the decision, for each machine and height from `first` on. */
  latencies(
    first: number,
    bestMs: (proposer: number) => readonly number[],
  ): { ms: number; best: number; round: number }[] {
    return this.decisions.flatMap(({ height, machine, round, atMs }) => {
      const due = this.due.get(height);
      if (due === undefined || height < first) return [];
      return [{ ms: atMs - due.atMs, best: bestMs(due.proposer)[machine] as number, round }];
    });
  }
}
