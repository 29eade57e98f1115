import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OpenMark } from '#storage/level-files/open-mark.ts';

describe('the mark of an open database', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bizra-mark-'));
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  it('is left by a process that is no more, and by a power cut that took what was in it', () => {
    const path = join(directory, 'open');
    const mark = new OpenMark(path);
    assert.equal(mark.isLeft, false);
    for (const text of ['', '0', 'nothing', String(2 ** 30)]) {
      writeFileSync(path, text);
      assert.equal(mark.isLeft, true, `with "${text}" in it`);
    }
    mark.clear();
    assert.equal(mark.isLeft, false);
  });
});
