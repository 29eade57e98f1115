import assert from 'node:assert/strict';
import { ProposalBudget } from '#engine/proposal-budget.ts';

const LIMIT = 4 * 1024 * 1024;

describe('ProposalBudget', () => {
  it('grows with quick, well-filled blocks up to the limit', () => {
    const budget = new ProposalBudget();
    for (let height = 0; height < 20; height++) budget.heightApplied(budget.bytes(0, LIMIT), 0, 100);
    assert.equal(budget.bytes(0, LIMIT), LIMIT);
  });

  it('does not grow by blocks that were not full', () => {
    const budget = new ProposalBudget();
    const before = budget.bytes(0, LIMIT);
    for (let height = 0; height < 20; height++) budget.heightApplied(1_000, 0, 10);
    assert.equal(budget.bytes(0, LIMIT), before);
  });

  it('halves after a slow height and after one that took more than one round, never below the least', () => {
    const budget = new ProposalBudget();
    const first = budget.bytes(0, LIMIT);
    budget.heightApplied(first, 0, 5_000);
    assert.equal(budget.bytes(0, LIMIT), first / 2);
    budget.heightApplied(first / 2, 1, 100);
    assert.equal(budget.bytes(0, LIMIT), first / 4);
    for (let height = 0; height < 20; height++) budget.heightApplied(1, 3, 60_000);
    assert.equal(budget.bytes(0, LIMIT), 64 * 1024);
  });

  it('halves a fresh block with each round from round 2 on', () => {
    const budget = new ProposalBudget();
    const [zero, one, two, three] = [0, 1, 2, 3].map((round) => budget.bytes(round, LIMIT));
    assert.deepEqual([one, two, three], [zero, (zero ?? 0) / 2, (zero ?? 0) / 4]);
  });
});
