import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  checkSecretMode,
  homePaths,
  isEmptyDirectory,
  loadHomeSettings,
  readTextFile,
  writeTextFile,
} from '#config/home.ts';

describe('home', () => {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'bizra-home-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('writes whole files with their mode and leaves nothing else behind', async () => {
    const path = join(directory, 'sub', 'secret');
    await writeTextFile(path, 'one', 0o600);
    await writeTextFile(path, 'two', 0o600);
    assert.equal(await readFile(path, 'utf8'), 'two');
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await stat(join(directory, 'sub'))).mode & 0o777, 0o700);
    assert.deepEqual(await readdir(join(directory, 'sub')), ['secret']);
  });

  it('key-secrecy: refuses a secret that group or others can read, and says what to do', async () => {
    const path = join(directory, 'key');
    await writeFile(path, 'x');
    for (const mode of [0o640, 0o604, 0o660, 0o755, 0o601]) {
      await chmod(path, mode);
      await assert.rejects(checkSecretMode(path), { code: 'home_invalid', message: /chmod 600/ });
    }
    await chmod(path, 0o600);
    await checkSecretMode(path);
    await chmod(path, 0o400);
    await checkSecretMode(path);
  });

  it('explains a missing configuration, a directory in the place of a file, a file in the place of a directory', async () => {
    await assert.rejects(loadHomeSettings(directory, {}), { code: 'home_invalid', message: /bizra-node init --home/ });
    await assert.rejects(readTextFile(directory), { code: 'home_invalid', message: /is a directory/ });
    await writeFile(join(directory, 'file'), '');
    await assert.rejects(writeTextFile(join(directory, 'file', 'x'), '', 0o600), { code: 'home_invalid' });
    assert.equal(await readTextFile(join(directory, 'absent')), undefined);
  });

  it('reads the settings of a home and names its file in errors', async () => {
    const { configFile } = homePaths(directory);
    await writeTextFile(configFile, 'moniker = "here"', 0o644);
    assert.equal((await loadHomeSettings(directory, {})).moniker, 'here');
    await writeTextFile(configFile, 'moniker = 1', 0o644);
    await assert.rejects(loadHomeSettings(directory, {}), (error: Error) => error.message.startsWith(configFile));
  });

  it('knows an empty directory', async () => {
    assert.equal(await isEmptyDirectory(directory), true);
    assert.equal(await isEmptyDirectory(join(directory, 'absent')), true);
    await writeFile(join(directory, 'x'), '');
    assert.equal(await isEmptyDirectory(directory), false);
  });
});
