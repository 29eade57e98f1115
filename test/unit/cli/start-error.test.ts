import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '#cli/errors.ts';
import { explainStartError } from '#cli/start-error.ts';
import { loadSettings } from '#config/settings.ts';
import { lockKeyFile } from '#signer/key-lock.ts';
import { BizraError } from '#util/errors.ts';

const SETTINGS = loadSettings({});

describe('errors of a start', () => {
  it('a key that another process has is no port', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'start-error-'));
    const address = new Uint8Array(20).fill(process.pid % 251);
    const lock = await lockKeyFile(join(directory, 'one'), address);
    try {
      // From a copy of the home on Linux; elsewhere the file alone tells.
      const other = process.platform === 'linux' ? 'two' : 'one';
      const error = await lockKeyFile(join(directory, other), address).catch((refused: unknown) => refused);
      assert.match(messageOf(explainStartError(error, SETTINGS)), /^another process signs with .*: stop it first/);
    } finally {
      await lock.release();
      await rm(directory, { recursive: true });
    }
  });

  it('a port that is in use is named, however deep the cause lies', () => {
    const cause = Object.assign(new Error('listen EADDRINUSE: address already in use 127.0.0.1:26657'), {
      code: 'EADDRINUSE',
      port: 26657,
    });
    const error = new BizraError('rpc_listen_failed', 'cannot listen', { cause });
    assert.match(messageOf(explainStartError(error, SETTINGS)), /^port 26657 is in use \(p2p\.laddr/);
  });
});
