import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { NODE_VERSION } from '#node/version.ts';

describe('version', () => {
  it('is that of the package', async () => {
    const text = await readFile(new URL('../../../package.json', import.meta.url), 'utf8');
    assert.equal(NODE_VERSION, (JSON.parse(text) as { version: string }).version);
  });
});
