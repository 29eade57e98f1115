import assert from 'node:assert/strict';
import { ServingBudget } from '#engine/serving-budget.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const PER_SECOND = 1_000;

function bench() {
  const clock = new ManualClock();
  const budget = new ServingBudget({ clock }, { perSecond: PER_SECOND });
  const served: string[] = [];
  const ask = (peer: string, cost: number): void => {
    void budget.turn(peer).then(() => {
      budget.charge(peer, cost);
      served.push(peer);
    });
  };
  const pass = async (ms: number): Promise<void> => {
    await clock.drain();
    clock.advance(ms);
    await clock.drain();
  };
  return { budget, served, ask, pass };
}

describe('serving budget', () => {
  it('makes a peer wait for what is above its share of a second, and nobody else', async () => {
    const { served, ask, pass } = bench();
    ask('greedy', 3 * PER_SECOND);
    await pass(0);
    ask('greedy', 1);
    ask('modest', 1);
    await pass(0);
    assert.deepEqual(served, ['greedy', 'modest']);
    await pass(1_900);
    assert.deepEqual(served, ['greedy', 'modest']);
    await pass(200);
    assert.deepEqual(served, ['greedy', 'modest', 'greedy']);
  });

  it('remembers what a peer owes that leaves and comes back, and nobody who owes nothing', async () => {
    const { budget, ask, pass } = bench();
    for (let i = 0; i < 1_000; i++) {
      ask(`passer-by ${i}`, 1);
      await pass(10);
    }
    assert.ok(budget.size <= 64, `${budget.size} peers are remembered`);
  });
});
