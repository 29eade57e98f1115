import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { encodeLightBlock } from '#types/light-block.ts';
import { toHex } from '#util/bytes.ts';
import { LightChain, members } from './support.ts';

const PROGRAM = fileURLToPath(new URL('in-browser.ts', import.meta.url));

describe('light: in a browser', function () {
  this.timeout(60_000);

  it('loads and verifies without anything of Node', () => {
    const chain = new LightChain({ heights: 5, members: (height) => members(3, height) });
    const input = Array.from({ length: 5 }, (_, index) => toHex(encodeLightBlock(chain.block(index + 1)))).join('\n');
    const run = spawnSync(process.execPath, ['--conditions=browser', PROGRAM], { input, encoding: 'utf8' });
    assert.equal(run.stderr, '');
    assert.equal(run.stdout, 'verified 5 in 4 steps\n');
  });
});
