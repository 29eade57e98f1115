import assert from 'node:assert/strict';
import { PendingFetcher } from '#engine/pending-fetcher.ts';
import { ManualClock } from '../../support/manual-clock.ts';

describe('asking peers for pending transactions', () => {
  let clock: ManualClock;
  let asked: { peer: string; answer: () => void }[];
  let fetcher: PendingFetcher;

  beforeEach(() => {
    clock = new ManualClock();
    asked = [];
    const fetch = (peer: string): Promise<void> =>
      new Promise((resolve) => asked.push({ peer, answer: () => resolve() }));
    fetcher = new PendingFetcher({ clock, fetch });
  });

  async function pass(milliseconds: number): Promise<void> {
    clock.advance(milliseconds);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  }

  const peers = (): string[] => asked.map(({ peer }) => peer);

  it('every peer that comes is asked, one after the other', async () => {
    for (const peer of ['a', 'b', 'c']) fetcher.peerConnected(peer);
    await pass(10_000);
    assert.deepEqual(peers(), ['a'], 'the others wait for its answer');
    asked[0]?.answer();
    await pass(0);
    await pass(0);
    assert.deepEqual(peers(), ['a', 'b']);
    asked[1]?.answer();
    await pass(0);
    await pass(10_000);
    assert.deepEqual(peers(), ['a', 'b', 'c']);
  });

  it('peers that come and go all the time are asked twice a second at most', async () => {
    for (let turn = 0; turn < 1_000; turn++) {
      fetcher.peerConnected(`peer ${turn}`);
      await pass(10);
      asked.at(-1)?.answer();
      await pass(0);
    }
    assert.ok(asked.length <= 21, `${asked.length} questions in ten seconds`);
    assert.ok(asked.length >= 19, `${asked.length} questions in ten seconds`);
  });

  it('a peer that has gone is not asked, and nobody after the end', async () => {
    fetcher.peerConnected('a');
    fetcher.peerGone('a');
    await pass(1_000);
    fetcher.peerConnected('b');
    fetcher.stop();
    fetcher.peerConnected('c');
    await pass(1_000);
    assert.deepEqual(peers(), []);
  });
});
