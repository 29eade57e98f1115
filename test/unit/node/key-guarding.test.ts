import assert from 'node:assert/strict';
import type { ChainState } from '#engine/chain-state.ts';
import { pastHeight } from '#node/key-guarding.ts';

const START = 1_000n;

describe('heights that a started node sees of the past', () => {
  const at = (lastBlockTime: bigint, catchingUp = false): number | undefined =>
    pastHeight({ height: 7, lastBlockTime } as ChainState, { startedAt: START, catchingUp });

  it('are those of blocks that are older than the process, whoever tells of them', () => {
    assert.equal(at(START - 1n), 7);
    assert.equal(at(START), undefined);
    assert.equal(at(START + 1n), undefined);
  });

  it('and those of a chain that peers have well ahead', () => {
    assert.equal(at(START + 1n, true), 9);
    assert.equal(at(START - 1n, true), 9);
  });
});
