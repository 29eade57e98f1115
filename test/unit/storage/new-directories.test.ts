import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const CHILD = fileURLToPath(new URL('../../support/sync-child.ts', import.meta.url));

describe('names of new files and directories', () => {
  let root: string;
  let synced: Map<string, string[]>;

  before(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'bizra-synced-')));
    const { stdout } = await promisify(execFile)(process.execPath, [CHILD, root]);
    synced = new Map(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as [string, string[]]),
    );
  });

  after(() => rm(root, { recursive: true }));

  for (const name of ['files', 'home', 'relative']) {
    it(`survive a power cut: each parent of new directories is synced (${name})`, () => {
      assert.deepEqual(synced.get(name), [root, join(root, name), join(root, name, 'a')]);
    });
  }

  for (const name of ['text', 'backup']) {
    it(`survive a power cut: so is the directory of the file (${name})`, () => {
      const parents = [root, join(root, name), join(root, name, 'a'), join(root, name, 'a', 'b')];
      assert.deepEqual(synced.get(name), parents);
    });
  }
});
