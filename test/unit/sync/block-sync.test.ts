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
  readonly asked: { peer: PeerId; from: number; count: number; at: number }[] = [];
  readonly told: boolean[] = [];
  height = 0;
  /** What a verdict waits for. */
  verifying: Promise<void> | undefined;
  /** What the application of a block waits for. */
  applyingMs = 0;
  /** Thrown by the chain instead of a verdict. */
  diskFailure: MachineError | undefined;
  readonly fatal: unknown[] = [];
  readonly farBehind: boolean[] = [];
  readonly outOfReach: { next: number; lowest: number }[] = [];
  /** Heights that were prepared together, and the height that the chain had then. */
  readonly prepared: { heights: number[]; at: number }[] = [];
  prepare: (heights: readonly number[]) => Promise<void> = async () => {};
  readonly sync = new BlockSync<Fake>({
    clock: this.clock,
    onFatal: (error) => {
      if (error !== this.diskFailure) throw error;
      this.fatal.push(error);
    },
    onCatchingUp: (catchingUp) => void this.told.push(catchingUp),
    onFarBehind: (farBehind) => void this.farBehind.push(farBehind),
    onOutOfReach: (next, lowest) => void this.outOfReach.push({ next, lowest }),
    chain: {
      height: () => this.height,
      prepare: (fetched) => {
        const heights = fetched.map(({ height }) => height);
        this.prepared.push({ heights, at: this.height });
        return this.prepare(heights);
      },
      verify: async ({ valid }) => {
        if (this.diskFailure !== undefined) throw this.diskFailure;
        await this.verifying;
        if (!valid) throw new BizraError('invalid_commit', 'forged');
      },
      apply: async ({ height }) => {
        assert.equal(height, this.height + 1, 'heights are applied in order');
        if (this.applyingMs > 0) await this.pass(this.applyingMs);
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
    this.asked.push({ peer, from, count, at: this.height });
    return new Promise((resolve, reject) => {
      this.clock.setTimer(timeoutMs, () => reject(new BizraError('timeout', 'no answer')));
      Promise.resolve(this.peers.get(peer)?.serve(from, count) ?? []).then(resolve, reject);
    });
  }

  /** Resolves when so much time has passed. */
  pass(ms: number): Promise<void> {
    return new Promise((resolve) => void this.clock.setTimer(ms, resolve));
  }

  /** Answers after this time. */
  slow(ms: number, serve: Serve): Serve {
    return async (from, count) => {
      await this.pass(ms);
      return serve(from, count);
    };
  }

  /** Seconds until the head is reached, in steps of a tenth. */
  async secondsTo(head: number, limit: number): Promise<number> {
    let tenths = 0;
    for (; this.height < head && tenths < limit * 10; tenths++) await this.run(0.1);
    return tenths / 10;
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

  it('sync-never-idles: a peer that refuses at once while it owes an answer is not asked without end', async () => {
    const refuse: Serve = () => Promise.reject(new BizraError('overloaded', 'too much is asked of the peer'));
    const owing: Serve = (from, count) => (bench.asked.length > 2 ? refuse(from, count) : never(from, count));
    const bench = benchWith({ a: { head: 60, serve: owing }, b: { head: 60, serve: owing } });
    bench.sync.poke();
    await bench.run(0.9);
    assert.deepEqual(
      bench.asked.map(({ peer, count }) => `${peer} ${count}`).slice(2),
      ['a 1'],
      'once in half a second',
    );
    await bench.run(0.5);
    assert.deepEqual(bench.asked.map(({ peer, count }) => `${peer} ${count}`).slice(3), ['b 1'], 'then the other');
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

describe('block sync and lying peers', () => {
  const HEAD = 6_000;
  /** One answer of 32 heights takes 50 ms. */
  const plain = (bench: Bench): Peer => ({ head: HEAD, serve: bench.slow(50, honest(HEAD)) });
  const lies: Record<string, (bench: Bench) => Peer> = {
    'claim height 2^53 - 1 and refuse': () => ({
      head: Number.MAX_SAFE_INTEGER,
      serve: () => Promise.reject(new BizraError('peer_error', 'no')),
    }),
    'send one byte a second': () => ({ head: HEAD, serve: never }),
    'send no blocks': () => ({ head: HEAD, serve: () => [] }),
    'send other heights': () => ({ head: HEAD, serve: (from) => [block(from + 7)] }),
    'send wrong blocks': () => ({
      head: HEAD,
      serve: (from, count) => blocks(from, count).map((b) => block(b.height, false)),
    }),
    'answer just before they would be given up': (bench) => ({ head: HEAD, serve: bench.slow(950, honest(HEAD)) }),
    'have a base above the next height': () => ({ head: HEAD, base: HEAD - 1, serve: never }),
  };

  async function timeWith(liars: number, lie: (bench: Bench) => Peer): Promise<{ seconds: number; bench: Bench }> {
    const bench = new Bench();
    for (let i = 0; i < liars; i++) bench.peers.set(`liar${i}`, lie(bench));
    for (let i = liars; i < 4; i++) bench.peers.set(`honest${i}`, plain(bench));
    return { seconds: await bench.secondsTo(HEAD, 600), bench };
  }

  for (const [name, lie] of Object.entries(lies)) {
    for (const liars of [1, 3]) {
      it(`sync-height-lies: ${liars} of 4 ${name}, which slows it by less than a tenth`, async () => {
        const { seconds: alone } = await timeWith(liars, () => ({ head: 0, serve: never }));
        const { seconds, bench } = await timeWith(liars, lie);
        assert.equal(bench.height, HEAD);
        assert.ok(seconds <= 1.1 * alone + 1.5, `${seconds} s instead of ${alone} s`);
        assert.equal(bench.sync.catchingUp, false);
      });
    }
  }

  it('sync-height-lies: whoever failed is asked for single heights that nothing waits for, until it delivers', async () => {
    let fails = true;
    const bench = new Bench();
    bench.peers.set('honest', { head: HEAD, serve: bench.slow(400, honest(HEAD)) });
    const late = bench.slow(400, honest(HEAD));
    bench.peers.set('late', { head: HEAD, serve: (from, count) => (fails ? [] : late(from, count)) });
    await bench.run(0.9);
    const ofLate = () => bench.asked.filter(({ peer }) => peer === 'late');
    const failed = ofLate().length;
    await bench.run(4);
    const trials = ofLate().slice(failed);
    assert.ok(trials.length > 0);
    assert.deepEqual(new Set(trials.map(({ count }) => count)), new Set([1]));
    fails = false;
    await bench.run(10);
    assert.ok(
      ofLate().some(({ count }, index) => index > failed && count > 1),
      'it is trusted again',
    );
  });
});

describe('block sync by merit', () => {
  it('asks the faster peer for more, and for what the slower one still owes', async () => {
    const bench = new Bench();
    bench.peers.set('slow', { head: 3_000, serve: bench.slow(900, honest(3_000)) });
    bench.peers.set('fast', { head: 3_000, serve: bench.slow(100, honest(3_000)) });
    const seconds = await bench.secondsTo(3_000, 100);
    const heights = (peer: string) =>
      bench.asked.filter((entry) => entry.peer === peer).reduce((sum, { count }) => sum + count, 0);
    assert.ok(heights('fast') > 5 * heights('slow'), `${heights('fast')} and ${heights('slow')}`);
    // The fast one alone takes 3,000 / 32 answers of 0.1 s, two at a time; a step of this clock is as long as an answer.
    assert.ok(seconds < 15, `${seconds} s`);
  });

  it('has two requests under way to a peer that delivers, one to any other', async () => {
    const bench = new Bench();
    let open = 0;
    const most: number[] = [];
    const serve: Serve = async (from, count) => {
      most.push(++open);
      await bench.pass(300);
      open--;
      return honest(500)(from, count);
    };
    bench.peers.set('only', { head: 500, serve });
    await bench.run(0.2);
    assert.deepEqual(most, [1]);
    await bench.secondsTo(500, 20);
    assert.equal(Math.max(...most), 2);
  });

  it('collects some heights before it asks for what the window newly covers', async () => {
    const bench = benchWith({ a: { head: 600, serve: honest(600) } });
    bench.applyingMs = 10;
    await bench.secondsTo(600, 100);
    assert.equal(bench.height, 600);
    const small = bench.asked.filter(({ from, count }) => count < 16 && from + count <= 600);
    assert.deepEqual(small, [], 'one height a request would cost as much as a full one');
  });

  it('fills small gaps between what it has at once', async () => {
    // As with large blocks: three in an answer, however many were asked for.
    const few: Serve = (from, count) => blocks(from, Math.min(count, 3));
    const bench = benchWith({ a: { head: 600, serve: few } });
    bench.applyingMs = 10;
    await bench.secondsTo(600, 100);
    assert.equal(bench.height, 600);
    // The first answer brings three heights; from then on no block waits for an answer.
    assert.deepEqual(
      bench.asked.slice(2).filter(({ from, at }) => from === at + 1),
      [],
    );
  });

  it('tells when no peer has the next height any more, once a minute, and fetches nothing', async () => {
    const bench = benchWith({
      a: { head: 100, base: 60, serve: honest(100) },
      b: { head: 90, base: 50, serve: honest(90) },
    });
    await bench.run(30);
    assert.deepEqual(bench.outOfReach, [{ next: 1, lowest: 50 }]);
    assert.equal(bench.asked.length, 0);
    await bench.run(40);
    assert.equal(bench.outOfReach.length, 2);
    bench.peers.set('full', { head: 100, serve: honest(100) });
    await bench.run(3);
    assert.equal(bench.height, 100);
    assert.equal(bench.outOfReach.length, 2);
  });

  it('asks peers that have pruned for what they have', async () => {
    const bench = benchWith({
      pruned: { head: 120, base: 60, serve: honest(120) },
      full: { head: 120, serve: honest(120) },
    });
    await bench.run(2);
    assert.equal(bench.height, 120);
    const ofPruned = bench.asked.filter(({ peer }) => peer === 'pruned');
    assert.ok(ofPruned.length > 0 && ofPruned.every(({ from }) => from >= 60));
  });
});

describe('block sync prepares blocks ahead', () => {
  it('in groups, in order, while earlier ones are applied', async () => {
    const bench = benchWith({ a: { head: 128, serve: honest(128) } });
    bench.applyingMs = 10;
    await bench.secondsTo(128, 60);
    assert.equal(bench.height, 128);
    const heights = bench.prepared.flatMap((group) => group.heights);
    assert.deepEqual(
      heights,
      Array.from({ length: 128 }, (_, i) => i + 1),
      'each once, in order',
    );
    assert.ok(bench.prepared.every((group) => group.heights.length <= 32));
    assert.ok(
      bench.prepared.some(({ heights: [first = 0], at }) => first > at + 1),
      'ahead of its turn',
    );
  });

  it('as many as fit, but always the next one', async () => {
    const large: Serve = (from, count) =>
      Array.from({ length: Math.min(count, 4) }, (_, i) => block(from + i, true, 1024 * 1024));
    const bench = benchWith({ a: { head: 40, serve: large } });
    bench.applyingMs = 100;
    await bench.run(0.3);
    const ahead = Math.max(...bench.prepared.flatMap(({ heights, at }) => heights.map((height) => height - at)));
    assert.ok(ahead <= 4, `${ahead} heights ahead`);
    await bench.run(10);
    assert.equal(bench.height, 40);
  });

  it('and waits for the preparation before it judges the block', async () => {
    const bench = benchWith({ a: { head: 20, serve: honest(20) } });
    const done = Promise.withResolvers<void>();
    bench.prepare = () => done.promise;
    await bench.run(1);
    assert.equal(bench.height, 0);
    done.resolve();
    await bench.run(1);
    assert.equal(bench.height, 20);
  });

  it('and goes on where a preparation could not be done, but not on a failing disk', async () => {
    const bench = benchWith({ a: { head: 20, serve: honest(20) } });
    bench.prepare = () => Promise.reject(new BizraError('verifier_full', 'later'));
    await bench.run(1);
    assert.equal(bench.height, 20);
    const failing = benchWith({ a: { head: 20, serve: honest(20) } });
    failing.diskFailure = new MachineError('database_failed', 'EIO');
    failing.prepare = () => Promise.reject(failing.diskFailure as MachineError);
    await failing.run(1);
    assert.equal(failing.fatal[0], failing.diskFailure);
    assert.equal(failing.height, 0);
  });
});

describe('block sync and consensus', () => {
  it('syncing-node-refuses: is catching up without a break while blocks are applied', async () => {
    const bench = benchWith({ a: { head: 100, serve: honest(100) } });
    bench.applyingMs = 120;
    for (let i = 0; i < 100; i++) {
      bench.sync.poke();
      await bench.run(0.1);
    }
    await bench.secondsTo(100, 60);
    await bench.run(1);
    assert.deepEqual(bench.told, [true, false]);
    assert.deepEqual(bench.farBehind, [true, false]);
  });

  it('is far behind from eight heights on', async () => {
    const near = benchWith({ a: { head: 7, serve: honest(7) } });
    await near.run(1);
    assert.deepEqual(near.told, [true, false]);
    assert.deepEqual(near.farBehind, []);
    const far = benchWith({ a: { head: 8, serve: honest(8) } });
    await far.run(1);
    assert.deepEqual(far.farBehind, [true, false]);
  });

  it('falls back into sync from consensus, and back, as often as needed', async () => {
    const bench = benchWith({ a: { head: 10, serve: (from, count) => honest(1_000)(from, count) } });
    const peer = bench.peers.get('a') as Peer;
    await bench.run(1);
    for (let time = 0; time < 3; time++) {
      for (let votes = 0; votes < 5; votes++) {
        // The network and this node decide by votes.
        peer.head++;
        bench.height++;
        await bench.run(0.1);
      }
      assert.equal(bench.sync.catchingUp, false);
      const applied = bench.sync.appliedCount;
      peer.head += 50;
      await bench.run(2);
      assert.equal(bench.height, peer.head);
      assert.equal(bench.sync.appliedCount, applied + 50);
      assert.equal(bench.sync.catchingUp, false);
    }
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
