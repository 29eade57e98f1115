import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { KeyValue } from '#ports/key-value.ts';
import { openLevel } from '#storage/level.ts';
import { TableEnd } from '#storage/level-files/table.ts';
import { fromLatin1 } from '#util/bytes.ts';
import { copyFor, type Flip, flipIn, tryFlips } from '../../../support/flip-trials.ts';
import { type Answers, askAll, EVERYTHING, KEYS, keyOf, LEVEL_OPTIONS } from '../../../support/level-questions.ts';
import { seededRandom } from '../../../support/seeded-random.ts';

const AT_REST_POSITIONS = Number(process.env.BIZRA_FLIP_POSITIONS ?? 200);
/** Of each form, in an open database. */
const POSITIONS = 24;

describe('one flipped byte in a LevelDB database', function () {
  this.timeout(120_000);
  let directory: string;
  let base: string;
  let copies = 1_000_000;
  const model = new Map<string, Uint8Array>();
  const random = seededRandom(20);
  const below = (bound: number) => Math.floor(random() * bound);
  const ask = (kv: KeyValue): Promise<Answers> => askAll(kv, model);

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'bizra-flip-'));
    base = join(directory, 'base');
    const kv = await openLevel(base, { ...LEVEL_OPTIONS, verify: false });
    for (let round = 0; round < 34; round++) {
      if (round === 25) await kv.compact(...EVERYTHING);
      await put(kv);
    }
    await kv.close();
  });

  after(() => rm(directory, { recursive: true }));

  async function put(kv: KeyValue): Promise<void> {
    const batch = kv.batch();
    for (let i = 0; i < 40; i++) {
      const key = keyOf(below(KEYS));
      if (below(10) === 0) {
        batch.delete(fromLatin1(key));
        model.delete(key);
        continue;
      }
      // Half of it does not compress, so that some blocks are stored as they are.
      const value = Uint8Array.from({ length: 60 + below(250) }, () => (below(2) === 0 ? 65 : below(256)));
      batch.put(fromLatin1(key), value);
      model.set(key, value);
    }
    await batch.write({ sync: false });
  }

  const copy = (): string => copyFor(directory, copies++);

  function filesOf(path: string): string[] {
    return readdirSync(path).filter(
      (name) => /^(CURRENT|MANIFEST-\d+|\d+\.(log|ldb))$/.test(name) && statSync(join(path, name)).size > 0,
    );
  }

  function someFlip(name: string, merge = false): Flip {
    const { size } = statSync(join(base, name));
    // Every third in the last 400 bytes, where a table has its filter, its index and its footer.
    const at = below(3) === 0 ? size - 1 - below(Math.min(400, size)) : below(size);
    return { name, at, bit: below(8), merge };
  }

  const opened = async (path: string, verify = true): Promise<Answers> => {
    const kv = await openLevel(path, { ...LEVEL_OPTIONS, verify });
    try {
      return await ask(kv);
    } finally {
      await kv.close();
    }
  };

  const isTable = (name: string): boolean => name.endsWith('.ldb');
  const isDamage = (error: unknown): Answers => {
    if ((error as { code?: unknown }).code !== 'damaged') throw error;
    return { wrong: 0, refused: 1 };
  };

  it('answers everything where nothing is damaged', async () => {
    assert.deepEqual(await opened(copy()), { wrong: 0, refused: 0 });
  });

  it('at rest is noticed when the database is opened', async () => {
    let noticed = 0;
    for (let i = 0; i < AT_REST_POSITIONS; i++) {
      const path = copy();
      const names = filesOf(path);
      const flip = someFlip(names[i % names.length] as string);
      flipIn(path, flip);
      const { wrong, refused } = await opened(path).catch(isDamage);
      assert.equal(wrong, 0, `${flip.name} byte ${flip.at} bit ${flip.bit}`);
      if (refused > 0) noticed++;
      await rm(path, { recursive: true });
    }
    // LevelDB may have been closed in the middle of a merger: nobody reads the table that it had begun.
    assert.ok(noticed > AT_REST_POSITIONS * 0.7, String(noticed));
  });

  it('in an open database is noticed by the answers that rest on it, merged or not, and at the next start', async () => {
    const names = filesOf(base);
    const flips = Array.from({ length: 2 * POSITIONS }, (_, i) =>
      someFlip(names[i % names.length] as string, i % 2 === 1),
    );
    let noticed = 0;
    await tryFlips({ directory, model, flips }, async (path, answers, flip) => {
      const place = `${flip.name} byte ${flip.at} bit ${flip.bit} ${flip.merge}`;
      assert.equal(answers?.wrong ?? 0, 0, place);
      const again = await opened(path).catch(isDamage);
      assert.equal(again.wrong, 0, place);
      const isSeen = answers === undefined || answers.refused > 0;
      // What was merged and damaged is not in the database any more, and not forgotten.
      if (isSeen) assert.ok(again.refused > 0, place);
      if (isSeen) noticed++;
    });
    assert.ok(noticed > POSITIONS / 2, String(noticed));
  });

  it('gives wrong answers where files are trusted', async () => {
    let wrong = 0;
    const names = filesOf(base).filter(isTable);
    for (let i = 0; i < POSITIONS && wrong === 0; i++) {
      const path = copy();
      const name = names[i % names.length] as string;
      // Filters: LevelDB finds nothing, and aborts over nothing.
      flipIn(path, { name, at: statSync(join(base, name)).size - 250 - below(100), bit: below(8) });
      wrong += (await opened(path, false)).wrong;
      await rm(path, { recursive: true });
    }
    assert.ok(wrong > 0);
  });

  it('in a filter or a value is noticed in a database that has read the table before', async () => {
    const marker = Buffer.from(Array.from({ length: 5_000 }, () => below(256)));
    const path = copy();
    const options = { ...LEVEL_OPTIONS, startBytes: 0 };
    const first = await openLevel(path, options);
    const batch = first.batch();
    batch.put(fromLatin1('marker'), marker);
    await batch.write({ sync: true });
    await first.compact(...EVERYTHING);
    await first.close();
    const kv = await openLevel(path, options);
    try {
      const all = async (): Promise<number> => {
        let count = 0;
        for await (const _ of kv.iterate({})) count++;
        return count;
      };
      assert.equal(await all(), model.size + 1);
      assert.equal(kv.get(fromLatin1('nothing')), undefined);
      const hasMarker = (file: string): boolean => readFileSync(join(path, file)).includes(marker);
      const name = filesOf(path).find((file) => isTable(file) && hasMarker(file)) as string;
      const value = { name, at: readFileSync(join(path, name)).indexOf(marker) + 4_000, bit: 2 };
      flipIn(path, value);
      await assert.rejects(all(), { code: 'damaged' });
      assert.throws(() => kv.get(fromLatin1('marker')), { code: 'damaged' });
      flipIn(path, value);
      assert.equal(await all(), model.size + 1);
      const filter = { name, at: filterOf(join(path, name)) + 10, bit: 2 };
      flipIn(path, filter);
      assert.throws(() => kv.get(fromLatin1('marker')), { code: 'damaged' });
    } finally {
      await kv.close();
    }
  });

  it('is reported without a question, and tables that were merged are let go of when they were whole', async () => {
    const path = copy();
    const found = Promise.withResolvers<Error>();
    const kv = await openLevel(path, { ...LEVEL_OPTIONS, onDamage: found.resolve });
    try {
      await kv.compact(...EVERYTHING);
      const held = (): number => readdirSync(join(path, 'held')).filter(isTable).length;
      while (held() > filesOf(path).filter(isTable).length) await wait(10);
      const name = filesOf(path).find(isTable) as string;
      flipIn(path, { name, at: 100, bit: 1 });
      assert.match((await found.promise).message, /^the database file .*\.ldb is damaged .*restore the node/);
    } finally {
      await kv.close();
    }
  });

  it('leaves nothing behind of tables that were merged when it is closed', async () => {
    const path = copy();
    const kv = await openLevel(path, LEVEL_OPTIONS);
    const before = readdirSync(join(path, 'held')).filter(isTable);
    await kv.compact(...EVERYTHING);
    await kv.close();
    const held = readdirSync(join(path, 'held')).filter(isTable);
    assert.equal(before.filter((name) => held.includes(name)).length, 0);
    assert.ok(before.length > 0 && held.length <= filesOf(path).filter(isTable).length);
  });
});

function filterOf(path: string): number {
  const fd = openSync(path, 'r');
  try {
    return TableEnd.read(fd, statSync(path).size)?.offset as number;
  } finally {
    closeSync(fd);
  }
}
