import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SECTION, type Section, SnapshotFileReader, SnapshotFileWriter } from '#node/snapshot-file.ts';
import { concatBytes } from '#util/bytes.ts';

const SECTIONS: readonly Section[] = [
  { kind: SECTION.header, bytes: new TextEncoder().encode('{"height":7}') },
  { kind: SECTION.manifest, bytes: new Uint8Array(40).fill(3) },
  { kind: SECTION.chunk, bytes: new Uint8Array(0) },
  { kind: SECTION.end, bytes: new Uint8Array(0) },
];

describe('file of a snapshot', () => {
  let directory: string;
  let path: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'snapshot-file-'));
    path = join(directory, 'one.snapshot');
    const writer = await SnapshotFileWriter.create(path);
    for (const { kind, bytes } of SECTIONS) await writer.section(kind, bytes);
    await writer.finish();
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  async function readAll(file: string): Promise<Section[]> {
    const reader = await SnapshotFileReader.open(file);
    try {
      const sections: Section[] = [];
      do sections.push(await reader.next());
      while (sections.at(-1)?.kind !== SECTION.end);
      reader.checkAtEnd();
      return sections;
    } finally {
      await reader.close();
    }
  }

  it('is read as it was written', async () => {
    assert.deepEqual(await readAll(path), SECTIONS);
  });

  it('is not written over another one', async () => {
    await assert.rejects(SnapshotFileWriter.create(path), { code: 'file_exists' });
    assert.deepEqual(await readAll(path), SECTIONS);
  });

  it('has its name only when it is whole', async () => {
    const other = join(directory, 'other.snapshot');
    const writer = await SnapshotFileWriter.create(other);
    await assert.rejects(readAll(other), { code: 'no_such_file' });
    await writer.abandon();
    assert.deepEqual(await readdir(directory), ['one.snapshot']);
  });

  it('is refused with any byte changed, any missing and any added, and says where', async () => {
    const whole = Uint8Array.from(await readFile(path));
    const other = join(directory, 'other.snapshot');
    const refused = async (bytes: Uint8Array, what: string): Promise<void> => {
      await writeFile(other, bytes);
      await assert.rejects(readAll(other), { code: 'bad_snapshot_file', message: /other\.snapshot/ }, what);
    };
    for (let at = 0; at < whole.length; at++) {
      for (const flip of [1, 0x80]) {
        const bytes = whole.slice();
        bytes[at] = (bytes[at] as number) ^ flip;
        await refused(bytes, `byte ${at}`);
      }
      await refused(whole.subarray(0, at), `cut at ${at}`);
    }
    await refused(concatBytes(whole, Uint8Array.of(0)), 'longer');
  });

  it('takes no memory for a section that is longer than its kind can be', async () => {
    const bytes = concatBytes(
      new Uint8Array(await readFile(path)).subarray(0, 8),
      Uint8Array.of(1, 0xff, 0xff, 0xff, 0xff),
    );
    await writeFile(path, bytes);
    await assert.rejects(readAll(path), /is damaged at byte 8,/);
  });

  it('of a later version is named as one', async () => {
    const bytes = new Uint8Array(await readFile(path));
    bytes[7] = 2;
    await writeFile(path, bytes);
    await assert.rejects(readAll(path), /of version 2, which this program does not read/);
  });
});
