import assert from 'node:assert/strict';
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyValue } from '#ports/key-value.ts';
import { openLevel } from '#storage/level.ts';
import { TableGuard } from '#storage/level-files/table-guard.ts';
import { fromLatin1 } from '#util/bytes.ts';

const RANGE_A = [fromLatin1('a'), fromLatin1('b')] as const;
const RANGE_B = [fromLatin1('b'), fromLatin1('c')] as const;
const QUESTIONS = ['a1', 'b1', 'b9'].map(fromLatin1);

/** The files of one database before LevelDB has merged a table into another one, and after it. */
describe('TableGuard', () => {
  let directory: string;
  let before: string;
  let after: string;
  let path: string;
  let guard: TableGuard;

  const tablesIn = (at: string): string[] => readdirSync(at).filter((name) => name.endsWith('.ldb'));
  const numberOf = (name: string): number => Number(name.slice(0, -'.ldb'.length));
  const merged = (): string[] => tablesIn(before).filter((name) => !tablesIn(after).includes(name));
  const loseNames = (): void => {
    for (const name of tablesIn(join(path, 'held'))) rmSync(join(path, 'held', name));
  };
  const deleteMerged = (): void => {
    for (const name of merged()) rmSync(join(path, name));
  };

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'bizra-guard-'));
    [before, after, path] = [join(directory, 'before'), join(directory, 'after'), join(directory, 'db')];
    const kv = await openLevel(path, { verify: false });
    await put(kv, ['a1'], RANGE_A);
    await put(kv, ['b1', 'b9'], RANGE_B);
    cpSync(path, before, { recursive: true });
    await put(kv, ['b1', 'b9'], RANGE_B);
    cpSync(path, after, { recursive: true });
    await kv.close();
    rmSync(path, { recursive: true });
    cpSync(before, path, { recursive: true });
    assert.ok(merged().length > 0);
    assert.ok(tablesIn(after).some((name) => tablesIn(before).includes(name)));
    guard = await TableGuard.prepare(path);
    guard.opened();
  });

  afterEach(async () => {
    guard.close();
    await rm(directory, { recursive: true });
  });

  async function put(kv: KeyValue, keys: readonly string[], range: typeof RANGE_A): Promise<void> {
    const batch = kv.batch();
    for (const key of keys) batch.put(fromLatin1(key), new Uint8Array(100));
    await batch.write({ sync: false });
    await kv.compact(...range);
  }

  it('has tables that were merged until they are released', () => {
    cpSync(after, path, { recursive: true });
    deleteMerged();
    guard.checkKeys(QUESTIONS, 'after');
    const table = guard.nextMerged(new Set());
    assert.deepEqual([table?.number], merged().map(numberOf));
    assert.ok(table !== undefined);
    guard.release(table);
    assert.equal(guard.nextMerged(new Set()), undefined);
  });

  it('holds tables that are new, and touches no others', () => {
    const held = (): string[] => tablesIn(join(path, 'held')).toSorted();
    const nameOf = (table: string): string => `${numberOf(table)}.ldb`;
    assert.deepEqual(held(), tablesIn(before).map(nameOf).toSorted());
    loseNames();
    cpSync(after, path, { recursive: true });
    guard.refresh();
    const made = tablesIn(after).filter((name) => !tablesIn(before).includes(name));
    assert.deepEqual(held(), made.map(nameOf).toSorted());
  });

  it('goes on without tables that were merged where there are no second names', () => {
    loseNames();
    cpSync(after, path, { recursive: true });
    guard.refresh();
    deleteMerged();
    guard.checkKeys(QUESTIONS, 'after');
    guard.checkRange(undefined, undefined, 'after');
    assert.equal(guard.nextMerged(new Set()), undefined);
  });

  it('looks for a newer version before it says that a table is missing', () => {
    loseNames();
    const [table] = guard.liveTables().filter(({ number }) => merged().map(numberOf).includes(number));
    assert.ok(table !== undefined);
    cpSync(after, path, { recursive: true });
    deleteMerged();
    assert.equal(guard.verifyPart(table, 0, 1), undefined);
    assert.equal(guard.has(table), false);
  });

  it('says that a table is missing when the newest version names it', () => {
    loseNames();
    deleteMerged();
    assert.throws(() => guard.checkKeys(QUESTIONS, 'before'), { code: 'damaged', message: /missing/ });
  });
});
