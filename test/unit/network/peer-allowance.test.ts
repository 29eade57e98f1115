import assert from 'node:assert/strict';
import { PeerAllowance } from '#network/peer-allowance.ts';
import { ManualClock } from '../../support/manual-clock.ts';

describe('peer allowance', () => {
  const bench = () => {
    const clock = new ManualClock();
    return { clock, allowance: new PeerAllowance({ clock }, { burst: 100, perSecond: 10 }) };
  };

  it('is used up by its peer alone, and comes back with time', () => {
    const { clock, allowance } = bench();
    allowance.spend('a', 99);
    assert.equal(allowance.isUsedUp('a'), false);
    allowance.spend('a', 31);
    assert.deepEqual([allowance.isUsedUp('a'), allowance.isUsedUp('b')], [true, false]);
    clock.advance(3_000);
    assert.equal(allowance.isUsedUp('a'), true, 'what went beyond it is paid first');
    clock.advance(100);
    assert.equal(allowance.isUsedUp('a'), false);
  });

  it('never grows above the burst', () => {
    const { clock, allowance } = bench();
    allowance.spend('a', 1);
    clock.advance(1_000_000);
    allowance.spend('a', 100);
    assert.equal(allowance.isUsedUp('a'), true);
  });

  it('remembers whoever has used of it, and nobody for ever', () => {
    const { clock, allowance } = bench();
    for (let i = 0; i < 1_000; i++) {
      allowance.spend(`passer-by ${i}`, 1);
      clock.advance(100);
    }
    assert.ok(allowance.size <= 64, `${allowance.size} peers are remembered`);
  });
});
