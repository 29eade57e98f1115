import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeStreamedFile } from '#storage/streamed-file.ts';
import { concatBytes } from '#util/bytes.ts';

async function* pieces(...all: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const piece of all) yield piece;
}

async function contents(file: NodeStreamedFile): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of file.read()) all.push(piece);
  return concatBytes(...all);
}

describe('NodeStreamedFile', () => {
  let home: string;
  let file: NodeStreamedFile;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'bizra-streamed-'));
    file = new NodeStreamedFile(join(home, 'a'));
  });

  afterEach(async () => {
    await rm(home, { recursive: true });
  });

  it('reads what was written, in pieces, and nothing where there is no file', async () => {
    assert.equal((await contents(file)).length, 0);
    const large = Uint8Array.from({ length: 3_000_000 }, (_, i) => i % 251);
    await file.replace(pieces(large.subarray(0, 10), large.subarray(10, 2_500_000), large.subarray(2_500_000)));
    assert.deepEqual(await contents(file), large);
    assert.equal((await stat(join(home, 'a'))).mode & 0o777, 0o600);
  });

  it('stays as it was when the pieces end in an error, and leaves nothing behind', async () => {
    await file.replace(pieces(Uint8Array.of(1, 2)));
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Uint8Array.of(9);
      throw new Error('stopped');
    }
    await assert.rejects(file.replace(broken()), /stopped/);
    assert.deepEqual(await contents(file), Uint8Array.of(1, 2));
    assert.deepEqual(await readdir(home), ['a']);
  });

  it('overwrites what a crash left of an earlier one', async () => {
    await writeFile(join(home, 'a.tmp'), new Uint8Array(100));
    await file.replace(pieces(Uint8Array.of(3)));
    assert.deepEqual(await contents(file), Uint8Array.of(3));
    assert.deepEqual(await readdir(home), ['a']);
  });

  it('names the file that cannot be made', async () => {
    const nowhere = new NodeStreamedFile(join(home, 'none', 'a'));
    await assert.rejects(nowhere.replace(pieces()), { code: 'io_failed', message: /none\/a/ });
  });
});
