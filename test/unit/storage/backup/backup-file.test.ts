import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BackupHeader, SECTION_BYTES, SECTION_HEADER_BYTES } from '#storage/backup/format.ts';
import { BackupReader } from '#storage/backup/reader.ts';
import { BackupWriter } from '#storage/backup/writer.ts';
import { crc32c } from '#storage/crc32c.ts';
import { BizraError } from '#util/errors.ts';

const HEADER: BackupHeader = {
  chain_id: 'test-chain',
  genesis_hash: 'aa'.repeat(32),
  height: 7,
  app_hash: 'bb'.repeat(32),
  time: '2026-01-01T00:00:00Z',
};
const GENESIS = new TextEncoder().encode('{"chain_id":"test-chain"}');
const PREAMBLE_BYTES = 14;

type Pair = [Uint8Array, Uint8Array];

/** Keys in order; values that shrink and values that do not. */
function pairs(count: number, valueBytes = 20): Pair[] {
  return Array.from({ length: count }, (_, i) => {
    const key = Uint8Array.of(0x6c, i >> 16, i >> 8, i);
    const noise = (at: number): number => (Math.imul(i + 1, 2_654_435_761) >>> (at % 24)) + at * at;
    return [key, Uint8Array.from({ length: valueBytes }, (_, at) => (i % 2 === 0 ? 7 : noise(at)))];
  });
}

describe('backup files', () => {
  let root: string;
  let path: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'backup-'));
    path = join(root, 'file');
  });

  afterEach(() => rmSync(root, { recursive: true }));

  const write = async (records: readonly Pair[]): Promise<void> => {
    const writer = await BackupWriter.create(path, HEADER);
    await writer.genesis(GENESIS.subarray(0, 10));
    await writer.genesis(GENESIS.subarray(10));
    for (const [key, value] of records) await writer.put(key, value);
    await writer.finish();
  };

  const readAll = async (): Promise<{ genesis: Uint8Array; records: Pair[]; reader: BackupReader }> => {
    const reader = await BackupReader.open(path);
    try {
      const pieces: Uint8Array[] = [];
      for await (const piece of reader.genesis()) pieces.push(piece);
      const records: Pair[] = [];
      for await (const section of reader.sections()) {
        for (const [key, value] of section) records.push([key.slice(), value.slice()]);
      }
      return { genesis: new Uint8Array(Buffer.concat(pieces)), records, reader };
    } finally {
      await reader.close();
    }
  };

  const failure = async (): Promise<BizraError> => {
    const error = await readAll().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    ok(error instanceof BizraError, `refused by a BizraError, not by ${String(error)}`);
    return error;
  };

  /** Where each section begins, and the end of the last. */
  const sectionOffsets = (): number[] => {
    const bytes = readFileSync(path);
    const offsets: number[] = [];
    let at = PREAMBLE_BYTES;
    while (at < bytes.length) {
      offsets.push(at);
      at += SECTION_HEADER_BYTES + bytes.readUInt32BE(at + 12);
    }
    return [...offsets, at];
  };

  it('give back what was written', async () => {
    const records = pairs(3_000, 1_000);
    await write(records);
    const found = await readAll();
    deepEqual(found.records, records);
    deepEqual(found.genesis, new Uint8Array(GENESIS));
    deepEqual(found.reader.header, HEADER);
    equal(found.reader.trailer?.records, 3_000);
    ok(sectionOffsets().length > 6, 'several sections of records');
    equal(statSync(path).mode & 0o777, 0o600);
    deepEqual(readdirSync(root), ['file']);
  });

  it('hold a chain without records, and records larger than a section', async () => {
    await write([]);
    deepEqual((await readAll()).records, []);
    rmSync(path);
    const large: Pair[] = [
      [Uint8Array.of(1), new Uint8Array(3 * SECTION_BYTES).fill(1)],
      [Uint8Array.of(2), new Uint8Array(0)],
    ];
    await write(large);
    deepEqual((await readAll()).records, large);
  });

  it('name the section of every single byte that is wrong', async function () {
    this.timeout(120_000);
    await write(pairs(24, 24));
    const whole = readFileSync(path);
    const offsets = sectionOffsets();
    for (let at = 0; at < whole.length; at++) {
      for (const bit of [0x01, 0x10, 0x80]) {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] as number) ^ bit;
        writeFileSync(path, bytes);
        const { code, message } = await failure();
        equal(code, 'damaged_backup', `byte ${at}: ${message}`);
        const section = offsets.findLastIndex((offset) => offset <= at);
        const named =
          section < 0
            ? /the preamble, at offset 0:/
            : new RegExp(`section ${section}\\b.* at offset ${offsets[section]}:`);
        match(message, named, `byte ${at}`);
      }
    }
  });

  it('are refused wherever they end too early', async () => {
    await write(pairs(24, 24));
    const whole = readFileSync(path);
    for (let length = whole.length - 1; length >= 0; length--) {
      truncateSync(path, length);
      const { code } = await failure();
      // Of a few bytes nobody can tell what they were.
      equal(code, length < 8 ? 'bad_backup' : 'damaged_backup', `${length} bytes`);
    }
  });

  it('are refused with a section left out, twice, or elsewhere', async () => {
    await write(pairs(2_000, 1_500));
    const whole = readFileSync(path);
    const offsets = sectionOffsets();
    const parts = offsets.slice(0, -1).map((offset, i) => whole.subarray(offset, offsets[i + 1]));
    const [preamble, a, b, ...rest] = [whole.subarray(0, PREAMBLE_BYTES), ...parts] as Buffer[];
    ok(rest.length >= 4);
    const altered: Buffer[][] = [
      [a, ...rest],
      [a, b, b, ...rest],
      [b, a, ...rest],
      [a, b, rest[0], rest[2], rest[1], ...rest.slice(3)],
      [a, b, ...rest.slice(0, -2), rest.at(-1)],
      [a, b, ...rest, rest.at(-1)],
      [a, b, ...rest, Buffer.from([0])],
    ] as Buffer[][];
    for (const [index, sections] of altered.entries()) {
      writeFileSync(path, Buffer.concat([preamble as Buffer, ...sections]));
      const { message } = await failure();
      match(
        message,
        index < 5 ? /section \d+, at offset \d+: it is numbered \d+/ : /the end, at offset \d+: \d+ bytes follow/,
      );
    }
  });

  it('are told from other files and from newer ones', async () => {
    for (const text of ['', 'x', '{"a":1}', 'SQLite format 3\0 and more than that']) {
      writeFileSync(path, text);
      const { code, message } = await failure();
      equal(code, 'bad_backup');
      match(message, /is not a backup of bizra-node/);
    }
    rmSync(path);
    await write([]);
    const bytes = readFileSync(path);
    bytes.writeUInt16BE(2, 8);
    bytes.writeUInt32BE(crc32c(bytes, 0, 10), 10);
    writeFileSync(path, bytes);
    const { code, message } = await failure();
    equal(code, 'bad_backup');
    match(message, /has format 2, this program reads 1/);
  });

  it('take no memory for what a header claims', async () => {
    await write(pairs(3));
    const bytes = readFileSync(path);
    const at = PREAMBLE_BYTES;
    bytes.writeUInt32BE(0xffff_ffff, at + 8);
    bytes.writeUInt32BE(crc32c(bytes.subarray(at), 0, 20), at + 20);
    writeFileSync(path, bytes);
    match((await failure()).message, /section 0, at offset 14: it claims 4294967295 bytes/);
  });

  it('are never written over a file, and leave nothing when they fail', async () => {
    writeFileSync(path, 'mine');
    await rejects(BackupWriter.create(path, HEADER), {
      code: 'file_exists',
      message: /file exists: choose another name/,
    });
    equal(readFileSync(path, 'utf8'), 'mine');
    rmSync(path);
    const writer = await BackupWriter.create(path, HEADER);
    writeFileSync(path, 'came meanwhile');
    await rejects(writer.finish(), { code: 'file_exists' });
    await writer.abandon();
    equal(readFileSync(path, 'utf8'), 'came meanwhile');
    deepEqual(readdirSync(root), ['file']);
  });

  it('have their name only when they are whole, and clean up after killed ones', async () => {
    const writer = await BackupWriter.create(path, HEADER);
    await writer.put(Uint8Array.of(1), Uint8Array.of(1));
    match(readdirSync(root).join(), new RegExp(`^file\\.${process.pid}-[0-9a-f]{8}\\.partial$`));
    await writer.abandon();
    deepEqual(readdirSync(root), []);
    // No process has such an id.
    writeFileSync(`${path}.4194305.partial`, 'half');
    writeFileSync(`${path}.${process.ppid}.partial`, 'somebody writes it');
    await write(pairs(1));
    deepEqual(readdirSync(root).sort(), ['file', `file.${process.ppid}.partial`]);
  });

  it('of one name that one process writes at a time do not mix: the first that is whole has the name', async () => {
    const [first, second] = [await BackupWriter.create(path, HEADER), await BackupWriter.create(path, HEADER)];
    for (const writer of [first, second]) await writer.put(Uint8Array.of(1), Uint8Array.of(1));
    await first.finish();
    await rejects(second.finish(), { code: 'file_exists' });
    await second.abandon();
    deepEqual(readdirSync(root), ['file']);
    equal((await readAll()).records.length, 1);
  });

  it('of the same kind that were left go as well, once nobody can be writing them', async () => {
    const hourAgo = new Date(Date.now() - 3_600_000);
    for (const name of ['kin-1', 'kin-2', 'kin-3', 'other']) {
      const pid = name === 'kin-2' ? process.ppid : 4194305;
      writeFileSync(join(root, `${name}.${pid}.partial`), 'half');
      if (name !== 'kin-3') utimesSync(join(root, `${name}.${pid}.partial`), hourAgo, hourAgo);
    }
    const writer = await BackupWriter.create(path, HEADER, { isKin: (name) => name.startsWith('kin-') });
    await writer.abandon();
    deepEqual(readdirSync(root).sort(), [
      `kin-2.${process.ppid}.partial`,
      'kin-3.4194305.partial',
      'other.4194305.partial',
    ]);
  });

  it('name a directory that is not there', async () => {
    path = join(root, 'nowhere', 'file');
    await rejects(BackupWriter.create(path, HEADER), { code: 'no_such_file', message: /nowhere/ });
  });
});
