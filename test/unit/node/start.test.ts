import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadHomeSettings } from '#config/home.ts';
import { startNode } from '#node/start.ts';
import { FileSigner } from '#signer/signer.ts';
import { NodeFiles } from '#storage/node-files.ts';
import { makeStoppedHome, withRows } from '../../support/stopped-home.ts';

describe('a start that is refused', function () {
  this.timeout(60_000);
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'refused-start-'));
  });

  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('closes the database and lets go of the key', async () => {
    const { paths, database } = await makeStoppedHome(directory, 2);
    const settings = await loadHomeSettings(directory, { environment: {} });
    const { privValidatorKeyFile, privValidatorStateFile } = paths;
    await rm(privValidatorStateFile);
    const { signal } = new AbortController();
    await assert.rejects(startNode({ settings, paths, signal }), { code: 'bad_state_file' });
    await withRows(database, async () => undefined);
    const options = { recordOptional: true };
    await (await FileSigner.open(new NodeFiles(), privValidatorKeyFile, privValidatorStateFile, options)).close();
  });
});
