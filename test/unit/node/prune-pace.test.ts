import assert from 'node:assert/strict';
import { PrunePace } from '#node/prune-pace.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const LIMITS = { rowsPerSecond: 10_000, shareMin: 0.1, shareMax: 0.4 };
const SECONDS = 20;

interface Rig {
  readonly clock: ManualClock;
  readonly pace: PrunePace;
  /** While it is set, the chain is at work. */
  urgent: Promise<void> | undefined;
}

function rig(): Rig {
  const clock = new ManualClock();
  const made: Rig = {
    clock,
    pace: new PrunePace({ clock, moreUrgent: () => made.urgent }, LIMITS),
    urgent: undefined,
  };
  return made;
}

/**
 * Works for `SECONDS` in steps of half a millisecond while each turn of the event loop takes `turnMs` for others.
 * Tells the part of the time that was work, and the longest stretch of it.
 */
async function worked(
  { clock, pace }: Rig,
  turnMs: number,
  behind: number,
): Promise<{ share: number; longest: number }> {
  let ms = 0;
  let stretch = 0;
  let longest = 0;
  const endMs = clock.monotonicMs() + SECONDS * 1_000;
  pace.setBehind(behind);
  pace.begin();
  while (clock.monotonicMs() < endMs) {
    clock.spend(0.5);
    ms += 0.5;
    stretch += 0.5;
    longest = Math.max(longest, stretch);
    const wait = pace.pause();
    if (wait === undefined) continue;
    await turns(clock, turnMs, wait);
    stretch = 0;
  }
  return { share: ms / (SECONDS * 1_000), longest };
}

/** Turns of the event loop, each so long, until something is over. */
async function turns(clock: ManualClock, turnMs: number, wait: Promise<void>): Promise<void> {
  let isOver = false;
  void wait.then(() => {
    isOver = true;
  });
  while (!isOver) {
    clock.advance(turnMs);
    await clock.step();
  }
}

describe('PrunePace', () => {
  it('takes its least share when nothing is left over, in short slices', async () => {
    const { share, longest } = await worked(rig(), 1, 0);
    assert.ok(share > 0.09 && share < 0.11, `${share}`);
    assert.ok(longest <= 3, `${longest}`);
  });

  it('counts its own work and not the turns of a busy event loop: far behind, it has its greatest share of those, too', async () => {
    for (const turnMs of [1, 5, 12]) {
      const { share, longest } = await worked(rig(), turnMs, 1);
      assert.ok(share > 0.35 && share < 0.42, `${share} with turns of ${turnMs} ms`);
      assert.ok(longest <= 9, `${longest}`);
    }
  });

  it('grows with what is left over, up to its bound', async () => {
    const shares: number[] = [];
    for (const behind of [0, 0.5, 1, 1_000]) shares.push((await worked(rig(), 1, behind)).share);
    const [none, half, far, farther] = shares as [number, number, number, number];
    assert.ok(none < half && half < far && Math.abs(far - farther) < 0.01, shares.join());
  });

  it('does not save up time: after a long rest there is one slice', async () => {
    const made = rig();
    made.clock.spend(60_000);
    const { share, longest } = await worked(made, 1, 1);
    assert.ok(share < 0.42 && longest <= 9, `${share} ${longest}`);
  });

  it('counts rows, and not the time of their write', async () => {
    const { clock, pace } = rig();
    let rows = 0;
    const endMs = SECONDS * 1_000;
    while (clock.monotonicMs() < endMs) {
      const written = new Promise<void>((resolve) => void clock.setTimer(40, resolve));
      await turns(
        clock,
        1,
        pace.write(1_000, () => written),
      );
      rows += 1_000;
    }
    const most = LIMITS.rowsPerSecond * SECONDS;
    assert.ok(rows > most * 0.95 && rows < most * 1.1, `${rows}`);
  });

  it('gives way to what is more urgent for as long as that takes', async () => {
    const made = rig();
    const { promise, resolve } = Promise.withResolvers<void>();
    made.urgent = promise;
    made.clock.spend(5);
    let isOver = false;
    const wait = made.pace.pause()?.then(() => {
      isOver = true;
    });
    made.clock.advance(1_000);
    await made.clock.drain();
    assert.equal(isOver, false);
    made.urgent = undefined;
    resolve();
    made.clock.advance(1_000);
    await made.clock.drain();
    await wait;
    assert.equal(isOver, true);
  });

  it('lets go of whoever waits when it is stopped, and holds nobody after it', async () => {
    const { clock, pace } = rig();
    clock.spend(500);
    const wait = pace.pause();
    await clock.drain();
    pace.stop();
    await wait;
    clock.spend(500);
    const next = pace.pause();
    await clock.drain();
    await next;
  });
});
