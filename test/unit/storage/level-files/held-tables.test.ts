import assert from 'node:assert/strict';
import { closeSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HeldTables } from '#storage/level-files/held-tables.ts';

describe('HeldTables', () => {
  let directory: string;
  let held: HeldTables;
  const errors: string[] = [];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bizra-held-'));
    errors.length = 0;
    held = new HeldTables(directory, ({ message }) => void errors.push(message));
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  function read(number: number): string | undefined {
    const fd = held.open(number);
    if (fd === undefined) return undefined;
    const text = readFileSync(fd, 'latin1');
    closeSync(fd);
    return text;
  }

  it('has a table that LevelDB deleted until it is dropped', () => {
    for (const name of ['000007.ldb', '000008.sst']) {
      writeFileSync(join(directory, name), name);
      const number = Number.parseInt(name, 10);
      held.hold(number);
      rmSync(join(directory, name));
      assert.equal(read(number), name);
      assert.deepEqual(held.list(), [number]);
      held.drop(number);
      held.drop(number);
      assert.equal(held.has(number), false);
      assert.equal(read(number), undefined);
    }
    assert.deepEqual(errors, []);
  });

  it('does not hold what LevelDB has deleted already', () => {
    held.hold(7);
    assert.equal(held.has(7), false);
    assert.deepEqual(errors, []);
  });

  it('takes the table that is there in place of the one that the directory was copied from', () => {
    writeFileSync(join(directory, '000007.ldb'), 'copy');
    writeFileSync(join(directory, 'held', '7.ldb'), 'another');
    held.hold(7);
    assert.equal(read(7), 'copy');
  });

  it('says once that the file system refuses second names, and goes on', () => {
    // A directory has no second name anywhere.
    for (const name of ['000007.ldb', '000008.ldb']) mkdirSync(join(directory, name));
    writeFileSync(join(directory, '000009.ldb'), 'nine');
    for (const number of [7, 8, 9]) held.hold(number);
    assert.deepEqual(
      [7, 8, 9].map((number) => held.has(number)),
      [false, false, true],
    );
    assert.equal(errors.length, 1);
    assert.match(errors[0] as string, /cannot be held until they are verified: .*EPERM/);
  });
});
