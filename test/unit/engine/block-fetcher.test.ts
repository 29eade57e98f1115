import assert from 'node:assert/strict';
import { BlockFetcher } from '#engine/block-fetcher.ts';
import type { PeerId } from '#ports/transport.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { idOf } from '../consensus/bench.ts';

class Bench {
  readonly clock = new ManualClock();
  readonly asked: PeerId[] = [];
  peers: PeerId[] = ['a', 'b', 'c'];
  answer: (peer: PeerId) => Promise<boolean> = async () => false;
  readonly fetcher = new BlockFetcher({
    clock: this.clock,
    candidates: () => this.peers,
    fetchBody: (peer) => {
      this.asked.push(peer);
      return this.answer(peer);
    },
  });

  async run(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 10) {
      this.clock.advance(10);
      await this.clock.drain();
    }
  }
}

describe('fetching bodies', () => {
  it('leaves a body that may be under way its time', async () => {
    const bench = new Bench();
    bench.fetcher.want(1, 0, idOf('x'), 400);
    await bench.run(390);
    assert.deepEqual(bench.asked, []);
    bench.fetcher.arrived(idOf('x'));
    await bench.run(1_000);
    assert.deepEqual(bench.asked, []);
  });

  it('asks one peer after the other until it arrives', async () => {
    const bench = new Bench();
    bench.answer = async (peer) => peer === 'c';
    bench.fetcher.want(1, 0, idOf('x'), 0);
    await bench.run(2_000);
    assert.deepEqual(bench.asked, ['a', 'b', 'c']);
  });

  it('has one request for a body in flight, and goes on after a rejection', async () => {
    const bench = new Bench();
    let fail = (): void => undefined;
    bench.answer = () =>
      new Promise((_, reject) => {
        fail = () => reject(new Error('gone'));
      });
    bench.fetcher.want(1, 0, idOf('x'), 0);
    bench.fetcher.want(1, 1, idOf('x'), 0);
    await bench.run(1_000);
    assert.deepEqual(bench.asked, ['a']);
    fail();
    await bench.run(200);
    assert.deepEqual(bench.asked, ['a', 'b']);
  });

  it('waits for peers when there are none', async () => {
    const bench = new Bench();
    bench.peers = [];
    bench.fetcher.want(1, 0, idOf('x'), 0);
    await bench.run(500);
    bench.peers = ['late'];
    await bench.run(200);
    assert.equal(bench.asked[0], 'late');
  });

  it('gives up with its height, and with the node', async () => {
    const bench = new Bench();
    bench.fetcher.want(1, 0, idOf('x'), 50);
    bench.fetcher.want(2, 0, idOf('y'), 50);
    bench.fetcher.heightStarted(2);
    bench.answer = async () => true;
    await bench.run(300);
    assert.deepEqual(bench.asked, ['a'], 'the other height only');
    bench.fetcher.want(2, 0, idOf('z'), 50);
    bench.fetcher.stop();
    await bench.run(300);
    assert.equal(bench.asked.length, 1);
  });
});
