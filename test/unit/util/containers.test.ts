import { deepEqual, equal, ok, rejects, throws } from 'node:assert/strict';
import { sha256 } from '#crypto/hash.ts';
import { BinaryHeap } from '#util/binary-heap.ts';
import { BoundedQueue } from '#util/bounded-queue.ts';
import { equalBytes } from '#util/bytes.ts';
import { framedSize, varintSize } from '#util/framing.ts';
import { LruMap } from '#util/lru-map.ts';
import { RecentHashes } from '#util/recent-hashes.ts';
import { SerialQueue } from '#util/serial-queue.ts';
import { seededRandom } from '../../support/seeded-random.ts';

describe('BinaryHeap', () => {
  it('gives items in order, as a sorted list does, after random operations', () => {
    const random = seededRandom(1);
    for (let round = 0; round < 200; round++) {
      const start = Array.from({ length: Math.floor(random() * 20) }, () => Math.floor(random() * 50));
      const heap = new BinaryHeap<number>((a, b) => a < b, [...start]);
      let model = [...start].sort((a, b) => a - b);
      for (let i = 0; i < 60; i++) {
        const dice = random();
        if (dice < 0.45) {
          const value = Math.floor(random() * 50);
          heap.push(value);
          model = [...model, value].sort((a, b) => a - b);
        } else if (dice < 0.9) equal(heap.pop(), model.shift());
        else {
          heap.retain((value) => value % 3 !== 0);
          model = model.filter((value) => value % 3 !== 0);
        }
        equal(heap.size, model.length);
        equal(heap.peek(), model[0]);
      }
    }
  });
});

describe('RecentHashes', () => {
  const SEED = new Uint8Array(4);

  /** Few first bytes, so that most hashes want the same buckets, also across the end of the table. */
  function crowdedHash(random: () => number): Uint8Array {
    const hash = new Uint8Array(32).fill(random() < 0.5 ? 0xff : 0);
    hash[3] = random() < 0.5 ? 0xff : 0xfe;
    hash[31] = Math.floor(random() * 200);
    return hash;
  }

  it('knows the last ones that were added, as a list does, after random operations', () => {
    const random = seededRandom(2);
    for (const capacity of [0, 1, 7, 100, 300]) {
      const hashes = new RecentHashes(capacity, SEED);
      let model: Uint8Array[] = [];
      const isKnown = (hash: Uint8Array): boolean => model.some((known) => equalBytes(known, hash));
      for (let i = 0; i < 2_000; i++) {
        const hash = crowdedHash(random);
        equal(hashes.has(hash), isKnown(hash));
        if (!isKnown(hash) && capacity > 0) model = [...model, hash].slice(-capacity);
        hashes.add(hash);
        equal(hashes.size, model.length);
        if (i === 1_000) {
          hashes.clear();
          model = [];
        }
      }
    }
  });

  it('grows to its capacity, forgets nothing on the way and one by one from there on', () => {
    const capacity = 3_000;
    const hashes = new RecentHashes(capacity, SEED);
    const hashOf = (i: number): Uint8Array => sha256(new Uint8Array([i, i >> 8]));
    for (let i = 0; i < 2 * capacity; i++) {
      hashes.add(hashOf(i));
      ok(hashes.has(hashOf(i)) && hashes.has(hashOf(Math.max(0, i - capacity + 1))));
      if (i >= capacity) ok(!hashes.has(hashOf(i - capacity)));
    }
    equal(hashes.size, capacity);
    throws(() => hashes.add(new Uint8Array(20)), /32 bytes/);
    throws(() => new RecentHashes(capacity, new Uint8Array(8)), /4 bytes/);
  });

  it('hash-flood: hashes chosen for one run of buckets are spread where the seed is another', () => {
    interface Internals {
      readonly buckets: Int32Array;
      firstBucket(bytes: Uint8Array, at: number): number;
    }
    const count = 8_000;
    const internalsOf = (hashes: RecentHashes) => hashes as unknown as Internals;
    const filled = (seed: Uint8Array, chosen: readonly Uint8Array[]): Internals => {
      const hashes = new RecentHashes(count, seed);
      for (const hash of chosen) hashes.add(hash);
      return internalsOf(hashes);
    };
    const longestRun = ({ buckets }: Internals): number => {
      let [longest, run] = [0, 0];
      for (const bucket of buckets) {
        run = bucket === 0 ? 0 : run + 1;
        longest = Math.max(longest, run);
      }
      return longest;
    };
    const known = internalsOf(new RecentHashes(count, SEED));
    const chosen: Uint8Array[] = [];
    for (let i = 0; chosen.length < count; i++) {
      const hash = sha256(new Uint8Array([i, i >> 8, i >> 16]));
      // The first eighth of 16,384 buckets.
      if ((known.firstBucket(hash, 0) & 0x3fff) < 2_048) chosen.push(hash);
    }
    ok(longestRun(filled(SEED, chosen)) > count / 2, 'who knows the seed has them in one run');
    ok(longestRun(filled(SEED.with(3, 1), chosen)) < 200);
  });
});

describe('LruMap', () => {
  it('drops what was used least recently', () => {
    const map = new LruMap<string, number>(2);
    equal(map.set('a', 1), undefined);
    map.set('b', 2);
    equal(map.get('a'), 1);
    equal(map.set('c', 3), 'b');
    deepEqual([...map.keys()], ['a', 'c']);
    equal(map.has('b'), false);
    map.has('a'); // a look is no use
    equal(map.set('d', 4), 'a');
    equal(map.size, 2);
    equal(map.delete('d'), true);
    map.clear();
    equal(map.size, 0);
    throws(() => new LruMap(0), /positive/);
  });

  it('keeps undefined values apart from absent ones', () => {
    const map = new LruMap<string, undefined>(2);
    map.set('a', undefined);
    map.set('b', undefined);
    map.get('a');
    equal(map.set('c', undefined), 'b');
  });
});

describe('BoundedQueue', () => {
  it('is first in, first out, and refuses beyond its count or size', () => {
    const queue = new BoundedQueue<string>({ maxItems: 3, maxSize: 6, sizeOf: (text) => text.length });
    deepEqual([queue.push('aa'), queue.push('bbb'), queue.push('cc'), queue.push('c')], [true, true, false, true]);
    equal(queue.push(''), false);
    deepEqual([queue.length, queue.size, queue.peek()], [3, 6, 'aa']);
    deepEqual([queue.shift(), queue.shift(), queue.shift(), queue.shift()], ['aa', 'bbb', 'c', undefined]);
    equal(queue.size, 0);
    equal(queue.push('dddddd'), true);
    queue.clear();
    deepEqual([queue.length, queue.size], [0, 0]);
  });

  it('keeps order over many turns', () => {
    const queue = new BoundedQueue<number>({ maxItems: 10 });
    let next = 0;
    let expected = 0;
    const random = seededRandom(2);
    for (let i = 0; i < 10_000; i++) {
      if (random() < 0.5) {
        if (queue.push(next)) next++;
        else equal(queue.length, 10);
      } else if (queue.length > 0) equal(queue.shift(), expected++);
    }
  });
});

describe('SerialQueue', () => {
  it('runs one at a time, in order, and survives failures', async () => {
    const queue = new SerialQueue();
    const log: string[] = [];
    const gate = Promise.withResolvers<void>();
    const first = queue.run(async () => {
      log.push('1 starts');
      await gate.promise;
      log.push('1 ends');
      return 1;
    });
    const second = queue.run(() => {
      throw new Error('second fails');
    });
    const third = queue.run(() => log.push('3'));
    equal(queue.size, 3);
    gate.resolve();
    await rejects(second, /second fails/);
    equal(await first, 1);
    await third;
    await queue.idle();
    deepEqual(log, ['1 starts', '1 ends', '3']);
    equal(queue.size, 0);
  });
});

describe('framing', () => {
  it('counts tag, length and bytes', () => {
    deepEqual([0, 127, 128, 16_383, 16_384, 2 ** 32, 2 ** 53 - 1].map(varintSize), [1, 1, 2, 2, 3, 5, 8]);
    deepEqual([0, 1, 127, 128].map(framedSize), [2, 3, 129, 131]);
  });
});
