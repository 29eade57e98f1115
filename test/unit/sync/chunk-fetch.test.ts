import assert from 'node:assert/strict';
import { ChunkFetch, type ChunkSink } from '#sync/chunk-fetch.ts';
import { SnapshotOffers } from '#sync/snapshot-offers.ts';
import { SILENT_LOGGER } from '#telemetry/logger.ts';
import { BizraError } from '#util/errors.ts';
import { PeersBench, type Serve } from './state-sync-bench.ts';

const NAME = { height: 7, id: new Uint8Array(32) };

/** Offers the snapshot; `chunk` is its answer to each request for one. */
function having(chunk: (index: number) => unknown): Serve {
  return (request) => {
    if (request.kind === 'getSnapshots') return { snapshots: [{ ...NAME, chunks: 1 }] };
    return request.kind === 'getChunk' ? chunk(request.index) : undefined;
  };
}

const HONEST: Serve = having((index) => ({ chunk: Uint8Array.of(index) }));
const SILENT: Serve = having(() => undefined);
const LIAR: Serve = having(() => ({ chunk: Uint8Array.of(255) }));

/** Takes chunks that hold their index, each for so long. */
function sinkOf(bench: PeersBench, count: number, addMs = 0) {
  const added: number[] = [];
  const done = new Set<number>();
  const sink: ChunkSink = {
    chunks: Array.from({ length: count }),
    get chunksDone() {
      return done.size;
    },
    has: (index) => done.has(index),
    missing: () => Array.from({ length: count }, (_, i) => i).filter((i) => !done.has(i)),
    add: async (index, encoded) => {
      if (encoded[0] !== index) throw new BizraError('bad_snapshot', 'another chunk');
      added.push(index);
      if (addMs > 0) await bench.pass(addMs);
      done.add(index);
    },
  };
  return { sink, added };
}

async function fetchAll(bench: PeersBench, sink: ChunkSink) {
  const { peers, clock } = bench;
  const offers = new SnapshotOffers(peers);
  const decompress = async (bytes: Uint8Array): Promise<Uint8Array> => bytes;
  const parts = { peers, offers, sink, clock, logger: SILENT_LOGGER, decompress };
  return bench.timed(new ChunkFetch(parts, NAME, { patienceMs: 60_000 }).run());
}

describe('chunks of a snapshot', () => {
  it('come from all who have it, and the last ones from another peer where one is slow', async () => {
    const bench = new PeersBench({ silent: SILENT, a: HONEST, b: HONEST });
    const { sink } = sinkOf(bench, 40);
    const { result, seconds } = await fetchAll(bench, sink);
    assert.equal(result, true);
    assert.ok(seconds < 5, `${seconds} s, though one peer alone makes others wait for fifteen`);
  });

  it('are sixteen on their way at most, however many peers there are', async () => {
    let now = 0;
    let most = 0;
    const bench: PeersBench = new PeersBench(
      Object.fromEntries(
        Array.from({ length: 30 }, (_, i) => [
          `peer ${i}`,
          having(async (index) => {
            most = Math.max(most, ++now);
            await bench.pass(100);
            now--;
            return { chunk: Uint8Array.of(index) };
          }),
        ]),
      ),
    );
    const { sink } = sinkOf(bench, 200);
    assert.equal((await fetchAll(bench, sink)).result, true);
    assert.equal(most, 16);
  });

  it('are written once, also when two peers send one', async () => {
    const late: Serve = having(async (index) => {
      await bench.pass(6_000);
      return { chunk: Uint8Array.of(index) };
    });
    const bench: PeersBench = new PeersBench({ late, later: late, a: HONEST });
    const { sink, added } = sinkOf(bench, 3, 4_000);
    assert.equal((await fetchAll(bench, sink)).result, true);
    assert.deepEqual(added.toSorted(), [0, 1, 2]);
    assert.ok(bench.asked.filter(({ request }) => request.kind === 'getChunk').length > 3, 'some were asked for twice');
  });

  it('of a liar cost it its place, and are fetched from others', async () => {
    const bench = new PeersBench({ liar: LIAR, a: HONEST });
    const { sink } = sinkOf(bench, 10);
    assert.equal((await fetchAll(bench, sink)).result, true);
    assert.deepEqual(bench.reported, ['liar']);
    const fromLiar = bench.asked.filter(({ peer, request }) => peer === 'liar' && request.kind === 'getChunk');
    assert.equal(fromLiar.length, 1);
  });

  it('that come now and then are given up where others offer something, and else waited for', async () => {
    let lastMs = Number.NEGATIVE_INFINITY;
    const trickle = having((index) => {
      const now = bench.clock.monotonicMs();
      if (now - lastMs < 20_000) return undefined;
      lastMs = now;
      return { chunk: Uint8Array.of(index) };
    });
    const others: Serve = (request) =>
      request.kind === 'getSnapshots' ? { snapshots: [{ ...NAME, height: 6, chunks: 1 }] } : undefined;
    let bench = new PeersBench({ trickle, others });
    const given = await fetchAll(bench, sinkOf(bench, 100).sink);
    assert.equal(given.result, false);
    assert.ok(given.seconds < 62, `${given.seconds} s`);
    bench = new PeersBench({ trickle });
    lastMs = Number.NEGATIVE_INFINITY;
    assert.equal((await fetchAll(bench, sinkOf(bench, 8).sink)).result, true);
  });

  it('that nobody gives are given up after a minute', async () => {
    const bench = new PeersBench({ silent: SILENT });
    const { result, seconds } = await fetchAll(bench, sinkOf(bench, 2).sink);
    assert.equal(result, false);
    assert.ok(seconds > 59 && seconds < 62, `${seconds} s`);
  });
});
