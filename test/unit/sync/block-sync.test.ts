import assert from 'node:assert/strict';
import type { PeerId } from '#ports/transport.ts';
import { BlockSync, type FetchedBlock } from '#sync/block-sync.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import { ManualClock } from '../../support/manual-clock.ts';

interface Fake extends FetchedBlock {
  readonly valid: boolean;
}

type Serve = (from: number, count: number) => Promise<Fake[]> | Fake[];

interface Peer {
  head: number;
  base?: number;
  serve: Serve;
}

const block = (height: number, valid = true, size = 100): Fake => ({ height, valid, size });
const blocks = (from: number, count: number): Fake[] => Array.from({ length: count }, (_, i) => block(from + i));
const honest =
  (head: number): Serve =>
  (from, count) =>
    blocks(from, Math.min(count, head - from + 1));
const never: Serve = () => new Promise(() => {});

/** A chain and peers as block sync sees them. */
class Bench {
  readonly clock = new ManualClock();
  readonly peers = new Map<PeerId, Peer>();
  readonly blamed: PeerId[] = [];
  readonly asked: { peer: PeerId; from: number; count: number }[] = [];
  readonly told: boolean[] = [];
  height = 0;
  /** What a verdict waits for. */
  verifying: Promise<void> | undefined;
  /** Thrown by the chain instead of a verdict. */
  diskFailure: MachineError | undefined;
  readonly fatal: unknown[] = [];
  readonly sync = new BlockSync<Fake>({
    clock: this.clock,
    onFatal: (error) => {
      if (error !== this.diskFailure) throw error;
      this.fatal.push(error);
    },
    onCatchingUp: (catchingUp) => void this.told.push(catchingUp),
    chain: {
      height: () => this.height,
      verify: async ({ valid }) => {
        if (this.diskFailure !== undefined) throw this.diskFailure;
        await this.verifying;
        if (!valid) throw new BizraError('invalid_commit', 'forged');
      },
      apply: async ({ height }) => {
        assert.equal(height, this.height + 1, 'heights are applied in order');
        this.height = height;
        this.sync.poke();
      },
    },
    peers: {
      heads: () => [...this.peers].map(([peer, { head, base = 1 }]) => ({ peer, head, base })),
      fetch: (peer, from, count, _maxBytes, timeoutMs) => this.fetch(peer, from, count, timeoutMs),
      blame: (peer) => {
        this.blamed.push(peer);
        this.peers.delete(peer);
        this.sync.forget(peer);
      },
    },
  });

  private fetch(peer: PeerId, from: number, count: number, timeoutMs: number): Promise<Fake[]> {
    this.asked.push({ peer, from, count });
    return new Promise((resolve, reject) => {
      this.clock.setTimer(timeoutMs, () => reject(new BizraError('timeout', 'no answer')));
      Promise.resolve(this.peers.get(peer)?.serve(from, count) ?? []).then(resolve, reject);
    });
  }

  /** Peers report once a second, as in the network. */
  async run(seconds: number): Promise<void> {
    for (let step = 0; step < seconds * 10; step++) {
      if (step % 10 === 0) this.sync.poke();
      await this.clock.drain();
      this.clock.advance(100);
    }
    await this.clock.drain();
  }
}

function benchWith(peers: Record<string, Peer>): Bench {
  const bench = new Bench();
  for (const [id, peer] of Object.entries(peers)) bench.peers.set(id, peer);
  return bench;
}

describe('block sync', () => {
  it('reaches the head from several peers, in order', async () => {
    const bench = benchWith({ a: { head: 300, serve: honest(300) }, b: { head: 200, serve: honest(200) } });
    await bench.run(3);
    assert.equal(bench.height, 300);
    assert.ok(
      bench.asked.some(({ peer }) => peer === 'b'),
      'both were asked',
    );
    assert.equal(bench.sync.catchingUp, false);
    assert.deepEqual(bench.told, [true, false]);
  });

  it('leaves one height behind to the votes in flight for a moment', async () => {
    const bench = benchWith({ a: { head: 1, serve: honest(1) } });
    bench.sync.poke();
    await bench.clock.drain();
    assert.equal(bench.asked.length, 0);
    bench.clock.advance(150);
    await bench.clock.drain();
    assert.equal(bench.height, 1);
  });

  it('syncing-node-refuses: claims do not stop the work of a node that decides by votes', async () => {
    const bench = benchWith({ liar: { head: 1_000, serve: never } });
    bench.sync.poke();
    assert.equal(bench.sync.catchingUp, true, 'just started: it may be so');
    for (let height = 1; height <= 20; height++) {
      bench.height = height;
      await bench.run(1);
      assert.equal(bench.sync.catchingUp, false, `at height ${height}`);
      bench.sync.forget('liar');
    }
  });

  for (const liars of [1, 3]) {
    it(`sync-height-lies: ${liars} of 4 claim height 2^53 - 1 and deliver nothing`, async () => {
      const head = Number.MAX_SAFE_INTEGER;
      const bench = new Bench();
      for (let i = 0; i < 4; i++)
        bench.peers.set(`p${i}`, i < liars ? { head, serve: () => [] } : { head: 50, serve: honest(50) });
      await bench.run(10);
      assert.equal(bench.height, 50);
      assert.equal(bench.sync.catchingUp, false, 'a claim alone keeps nobody from working');
    });

    it(`sync-height-lies: ${liars} of 4 never answer`, async () => {
      const bench = new Bench();
      for (let i = 0; i < 4; i++)
        bench.peers.set(`p${i}`, i < liars ? { head: 1_000, serve: never } : { head: 50, serve: honest(50) });
      await bench.run(5);
      assert.equal(bench.height, 50, 'the height that all waits for is asked of another peer before the timeout');
    });
  }

  it('sync-height-lies: a report that shrinks is followed', async () => {
    const bench = benchWith({ liar: { head: 2_000, serve: honest(10) }, honest: { head: 10, serve: honest(10) } });
    await bench.run(1);
    (bench.peers.get('liar') as Peer).head = 5;
    await bench.run(5);
    assert.equal(bench.height, 10);
    assert.equal(bench.sync.catchingUp, false);
  });

  it('sync-height-lies: nothing is asked below the base of a peer', async () => {
    const bench = benchWith({ pruned: { head: 100, base: 60, serve: honest(100) } });
    await bench.run(2);
    assert.equal(bench.asked.length, 0);
    bench.peers.set('full', { head: 100, serve: honest(100) });
    await bench.run(3);
    assert.equal(bench.height, 100);
  });

  it('sync-full-commit-check: who sends what does not verify is blamed, and the rest it sent is dropped', async () => {
    const forged: Serve = (from, count) => blocks(from, count).map(({ height }) => block(height, height < 3));
    const bench = benchWith({ forger: { head: 40, serve: forged } });
    await bench.run(1);
    assert.deepEqual(bench.blamed, ['forger']);
    assert.equal(bench.height, 2);
    bench.peers.set('honest', { head: 40, serve: honest(40) });
    await bench.run(2);
    assert.equal(bench.height, 40);
  });

  it('sync-unsolicited: answers that are not the blocks that were asked for are dropped', async () => {
    const wrong: Record<string, Serve> = {
      'out of order': (from) => [block(from + 1)],
      'too many': (from, count) => blocks(from, count + 1),
      none: () => [],
    };
    for (const [name, serve] of Object.entries(wrong)) {
      const bench = benchWith({ liar: { head: 40, serve } });
      await bench.run(3);
      assert.equal(bench.height, 0, name);
      assert.ok(bench.asked.length <= 3, `${name}: it is asked less and less`);
    }
  });

  it('sync-never-idles: a request that is lost is asked again', async () => {
    let asked = 0;
    const serve: Serve = (from, count) => (asked++ === 0 ? never(from, count) : honest(20)(from, count));
    const bench = benchWith({ only: { head: 20, serve } });
    await bench.run(15);
    assert.equal(bench.height, 20);
  });

  it('sync-never-idles: requests that vanish at every peer hold it up no longer than their loss lasts', async () => {
    let lost = true;
    const serve: Serve = (from, count) => (lost ? never(from, count) : honest(40)(from, count));
    const bench = benchWith({ a: { head: 40, serve }, b: { head: 40, serve }, c: { head: 40, serve } });
    await bench.run(20);
    assert.equal(bench.height, 0);
    lost = false;
    await bench.run(4);
    assert.equal(bench.height, 40);
  });

  it('asks a slow peer for less, waits longer for it, and has few requests under way', async () => {
    const bench = benchWith({ slow: { head: 1_000, serve: never } });
    await bench.run(60);
    const counts = bench.asked.map(({ count }) => count);
    assert.ok(counts[0] === 32 && counts.includes(16) && counts.at(-1) === 1, 'half as much after each silence');
    assert.ok(bench.asked.length < 60, `${bench.asked.length} requests in a minute`);
  });

  it('does not fetch a height again while it is being verified', async () => {
    const bench = benchWith({ a: { head: 1, serve: honest(1) } });
    const verified = Promise.withResolvers<void>();
    bench.verifying = verified.promise;
    await bench.run(3);
    assert.equal(bench.asked.length, 1);
    verified.resolve();
    await bench.run(1);
    assert.equal(bench.height, 1);
  });

  it('holds no more than its window, in heights and in bytes', async () => {
    const fromThree: Serve = (from, count) => (from === 1 ? never(from, count) : honest(10_000)(from, count));
    const heights = benchWith({ a: { head: 10_000, serve: never }, b: { head: 10_000, serve: fromThree } });
    await heights.run(0.3);
    assert.ok(Math.max(...heights.asked.map(({ from, count }) => from + count)) <= 129);

    const large: Serve = (from) => [block(from, true, 40 * 1024 * 1024)];
    const bytes = benchWith({ a: { head: 10_000, serve: never }, b: { head: 10_000, serve: large } });
    await bytes.run(0.3);
    assert.ok(bytes.asked.filter(({ peer }) => peer === 'b').length <= 3, 'two large blocks fill it');
  });

  it('asks for nothing after it was stopped', async () => {
    const bench = benchWith({ a: { head: 10, serve: honest(10) } });
    bench.sync.stop();
    await bench.run(1);
    assert.equal(bench.asked.length, 0);
  });
});

describe('block sync on a failing disk', () => {
  it('R15: stops the node and blames no peer', async () => {
    const bench = new Bench();
    bench.diskFailure = new MachineError('database_failed', 'EIO');
    bench.peers.set('a', { head: 5, serve: honest(5) });
    await bench.run(2);
    assert.ok(bench.fatal.length > 0);
    assert.deepEqual(bench.blamed, []);
    assert.equal(bench.height, 0);
  });
});
