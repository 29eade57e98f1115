import assert from 'node:assert/strict';
import { Indexer } from '#indexer/indexer.ts';
import type { EventSource, WantedResults } from '#indexer/result-reader.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { parseQuery } from '#types/query.ts';
import type { LedgerEvent, TxResult } from '#types/results.ts';
import { NEVER_PAUSE, type Pause } from '#util/pause.ts';

/** Events of the transactions of a height, from its first to its last. */
type Txs = readonly (readonly LedgerEvent[])[];
type Results = (height: number, wanted: WantedResults) => Promise<EventSource | undefined>;

const NO_TIME: Promise<void> = Promise.resolve();

function event(attributes: Readonly<Record<string, string>>): LedgerEvent {
  return { type: 'e', attributes: Object.entries(attributes).map(([key, value]) => ({ key, value, index: true })) };
}

function txResult(events: readonly LedgerEvent[]): TxResult {
  const data = new Uint8Array(0);
  return { code: 0, data, log: '', info: '', gasWanted: 1n, gasUsed: 1n, events, codespace: '' };
}

/** A chain of such heights, from 1 on, that notes what is read of it. */
class Rig {
  readonly indexer: Indexer;
  /** `row`s of the index and `results` of a height, in order. */
  readonly reads: string[] = [];
  readonly wanted: (readonly number[] | undefined)[] = [];
  private readonly kv = new MemoryKeyValue();
  private readonly heights: readonly Txs[];

  private constructor(heights: readonly Txs[], searchBudget: number, results?: Results) {
    this.heights = heights;
    const reader = {
      base: () => 1,
      head: () => heights.length,
      results: results ?? ((...asked) => this.results(...asked)),
    };
    this.indexer = new Indexer({ kv: this.kv, reader }, { searchBudget });
  }

  static async create(heights: readonly Txs[], searchBudget = 100_000, results?: Results): Promise<Rig> {
    const rig = new Rig(heights, searchBudget, results);
    for (const [i, txs] of heights.entries()) {
      const batch = rig.kv.batch();
      const txHashes = txs.map((_, index) => new Uint8Array(32).fill(index).fill(i, 0, 1));
      await rig.indexer.index(batch, { height: i + 1, txHashes, txResults: txs.map(txResult), blockEvents: [] });
      await batch.write({ sync: true });
    }
    rig.noteRows();
    return rig;
  }

  async positions(query: string, pause: Pause = NEVER_PAUSE): Promise<string[]> {
    const found = await this.indexer.searchTxs(parseQuery(query), pause);
    return found.map(({ height, index }) => `${height}/${index}`);
  }

  private noteRows(): void {
    const iterate = this.kv.iterate.bind(this.kv);
    const { reads } = this;
    this.kv.iterate = async function* (range) {
      for await (const row of iterate(range)) {
        reads.push('row');
        yield row;
      }
    };
  }

  private async results(height: number, { txs }: WantedResults): Promise<EventSource> {
    this.reads.push('results');
    this.wanted.push(txs);
    return { blockEvents: [], txResults: (this.heights[height - 1] ?? []).map(txResult) };
  }
}

function heightsOf(count: number, txs: Txs): Txs[] {
  return Array.from({ length: count }, () => txs);
}

describe('a search', () => {
  it('pauses between heights, between rows and between the entries of one', async () => {
    const rig = await Rig.create(heightsOf(20, Array(30).fill([event({ k: 'v', o: 'v' })])));
    for (const query of ["e.k CONTAINS 'x'", "e.k = 'v' AND e.o = 'v'", 'tx.height > 0']) {
      let pauses = 0;
      let mostReads = 0;
      const pause = (): Promise<void> => {
        pauses += 1;
        mostReads = Math.max(mostReads, rig.reads.length);
        rig.reads.length = 0;
        return NO_TIME;
      };
      await rig.positions(query, pause);
      assert.ok(pauses >= 20, query);
      // A row, and what of its height is looked at.
      assert.ok(mostReads <= 2, `${mostReads} reads without a pause: ${query}`);
    }
    const blockQuery = parseQuery("e.k CONTAINS 'x'");
    let pauses = 0;
    await rig.indexer.searchBlocks(blockQuery, () => {
      pauses += 1;
      return NO_TIME;
    });
    assert.ok(pauses >= 20);
  });

  it('reads the results of those transactions alone that the index names, and none for a block', async () => {
    const rig = await Rig.create([[[event({ k: 'a' })], [event({ k: 'b' })], [event({ k: 'b' }), event({ k: 'b' })]]]);
    assert.deepEqual(await rig.positions("e.k = 'b'"), ['1/1', '1/2']);
    assert.deepEqual(await rig.positions("e.k CONTAINS 'b'"), ['1/1', '1/2']);
    await rig.indexer.searchBlocks(parseQuery("e.k CONTAINS 'b'"));
    assert.deepEqual(rig.wanted, [[1, 2], [0, 1, 2], []]);
  });

  it('pays for each transaction whose result is decoded', async () => {
    const txs = Array.from({ length: 500 }, (_, i) => [event({ k: `v${i}` })]);
    const rig = await Rig.create(heightsOf(2, txs), 1000);
    assert.deepEqual(await rig.positions("e.k CONTAINS 'v499' AND tx.height = 1"), ['1/499']);
    assert.deepEqual(await rig.positions("e.k = 'v499'"), ['1/499', '2/499']);
    await assert.rejects(rig.positions("e.k CONTAINS 'v499'"), { code: 'search_over_budget' });
  });

  it('keeps the entries of one height at a time, and pays for each before', async () => {
    const txs = Array.from({ length: 500 }, () => [event({ k: 'often', o: 'too' })]);
    const rig = await Rig.create(heightsOf(40, txs), 1200);
    await assert.rejects(rig.positions("e.k = 'often'"), { code: 'search_over_budget' });
    // The first two heights are paid for; nothing is read of the third one's results, or of any row behind it.
    assert.deepEqual(rig.reads, ['row', 'results', 'row', 'results', 'row']);
    rig.reads.length = 0;
    const entries = Array.from({ length: 200_000 }, () => event({ k: 'often' }));
    const wide = await Rig.create([[entries]], 1200);
    await assert.rejects(wide.positions("e.k = 'often'"), { code: 'search_over_budget' });
    assert.deepEqual(wide.reads, ['row']);
  });
});

describe('searches beside each other', () => {
  /** Two searches run, so many wait. */
  const PLACES = 102;

  async function heldRig(): Promise<{ rig: Rig; started: number[]; release: () => void }> {
    const started: number[] = [];
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const results = async (height: number): Promise<EventSource> => {
      started.push(height);
      await gate;
      if (height === 1) throw new Error('unreadable');
      return { blockEvents: [], txResults: [txResult([event({ k: 'v' })])] };
    };
    const heights = heightsOf(PLACES + 1, [[event({ k: 'v' })]]);
    return { rig: await Rig.create(heights, 100_000, results), started, release: () => open() };
  }

  it('run two at once, in the order in which they came; too many are refused', async () => {
    const { rig, started, release } = await heldRig();
    const running = Array.from({ length: PLACES }, (_, i) => rig.positions(`e.k = 'v' AND tx.height = ${i + 1}`));
    const ended = Promise.allSettled(running);
    await assert.rejects(rig.positions("e.k = 'v'"), { code: 'search_busy' });
    // A turn of the event loop: whoever may begin has begun.
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(started, [1, 2]);
    release();
    const [failed, ...found] = await ended;
    assert.equal(failed?.status, 'rejected');
    assert.deepEqual(
      found,
      found.map((_, i) => ({ status: 'fulfilled', value: [`${i + 2}/0`] })),
    );
    assert.deepEqual(
      started,
      running.map((_, i) => i + 1),
    );
    assert.deepEqual(await rig.positions(`e.k = 'v' AND tx.height = ${PLACES + 1}`), [`${PLACES + 1}/0`]);
  });
});
