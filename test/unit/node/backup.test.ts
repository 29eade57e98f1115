import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callAdmin } from '#cli/admin-client.ts';
import { AdminServer } from '#node/admin.ts';
import { type BackupProgress, writeBackup } from '#node/backup.ts';
import { handleBackup } from '#node/backup-command.ts';
import type { Node } from '#node/node.ts';
import { RealClock } from '#node/real-clock.ts';
import { BackupReader } from '#storage/backup/reader.ts';
import { withChecksum } from '#storage/checksummed.ts';
import { KEY_SPACE } from '#storage/key-space.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { SILENT_LOGGER } from '#telemetry/logger.ts';
import { toHex } from '#util/bytes.ts';
import { DecidedChain } from '../../support/decided-chain.ts';

const TIME = '2026-01-01T00:00:00Z';
const HEIGHTS = 5;

type Rows = Map<string, string>;

async function rowsOf(kv: MemoryKeyValue): Promise<Rows> {
  const rows: Rows = new Map();
  for await (const [key, value] of kv.iterate({})) rows.set(toHex(key), toHex(value));
  return rows;
}

async function rowsIn(file: string): Promise<{ rows: Rows; reader: BackupReader }> {
  const reader = await BackupReader.open(file);
  const rows: Rows = new Map();
  for await (const section of reader.sections()) for (const [key, value] of section) rows.set(toHex(key), toHex(value));
  await reader.close();
  return { rows, reader };
}

describe('backup of a database', () => {
  let root: string;
  let genesisFile: string;
  let kv: MemoryKeyValue;
  let chain: DecidedChain;

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'backup-'));
    kv = new MemoryKeyValue();
    chain = await DecidedChain.create(kv);
    for (let height = 1; height <= HEIGHTS; height++) await chain.next([chain.transfer(height % 4, (height + 1) % 4)]);
    genesisFile = join(root, 'genesis.json');
    writeFileSync(genesisFile, chain.genesisText);
  });

  afterEach(() => rmSync(root, { recursive: true }));

  const source = () => ({ kv, genesisFile, time: TIME });

  /** Rows that make a backup of several sections. */
  const fatten = async (): Promise<void> => {
    const batch = kv.batch();
    for (let i = 0; i < 4; i++)
      batch.put(Uint8Array.of(KEY_SPACE.indexes, 0xff, i), withChecksum(new Uint8Array(1_200_000).fill(i)));
    await batch.write({ sync: true });
  };

  it('is of one height, while the chain goes on', async () => {
    await fatten();
    const before = await rowsOf(kv);
    const appHash = toHex(chain.chain.state.appHash);
    const output = join(root, 'out');
    const seen: BackupProgress[] = [];
    const written = writeBackup(source(), { output, onProgress: (progress) => seen.push(progress) });
    for (let i = 0; i < 3; i++) await chain.next([chain.transfer(0, 1)]);
    const { height, app_hash, file, records } = await written;
    deepEqual([height, app_hash, file], [HEIGHTS, appHash, output]);
    equal(chain.height, HEIGHTS + 3);
    const { rows, reader } = await rowsIn(output);
    deepEqual(rows, before);
    equal(records, before.size);
    equal(reader.header.genesis_hash, toHex(chain.genesis.hash));
    ok(seen.length >= 4 && seen.every((progress) => progress.height === HEIGHTS));
  });

  it('gets a name of its own in a directory, which is made if the path ends in a slash', async () => {
    const { file } = await writeBackup(source(), { output: join(root, 'a', 'b/') });
    equal(file, join(root, 'a', 'b', `${chain.genesis.chainId}-${HEIGHTS}.backup`));
    await rejects(writeBackup(source(), { output: join(root, 'a', 'b') }), { code: 'file_exists' });
  });

  it('clears away what killed ones of other heights left in its directory', async () => {
    const directory = join(root, 'kept');
    mkdirSync(directory);
    // No process has such an id.
    const left = join(directory, `${chain.genesis.chainId}-3.backup.4194305.partial`);
    writeFileSync(left, 'half');
    utimesSync(left, 0, 0);
    await writeBackup(source(), { output: directory });
    deepEqual(readdirSync(directory), [`${chain.genesis.chainId}-${HEIGHTS}.backup`]);
  });

  it('is not made of a row that is damaged', async () => {
    const key = [...(await rowsOf(kv)).keys()].find((at) => at.startsWith('62')) as string;
    kv.corrupt(Buffer.from(key, 'hex'), (value) => {
      value[3] = (value[3] as number) ^ 4;
      return value;
    });
    await rejects(writeBackup(source(), { output: join(root, 'out') }), {
      code: 'damaged',
      message: new RegExp(`under key ${key} is damaged`),
    });
    deepEqual(readdirSync(root), ['genesis.json']);
  });

  it('leaves nothing when it is cancelled, or cannot read the genesis file', async () => {
    await fatten();
    const controller = new AbortController();
    const options = { output: join(root, 'out'), signal: controller.signal, onProgress: () => controller.abort() };
    await rejects(writeBackup(source(), options), { code: 'cancelled' });
    rmSync(genesisFile);
    await rejects(writeBackup(source(), { output: join(root, 'out') }), {
      code: 'io_failed',
      message: /genesis\.json/,
    });
    deepEqual(readdirSync(root), []);
  });

  it('is refused for a database without a chain', async () => {
    const empty = { kv: new MemoryKeyValue(), genesisFile, time: TIME };
    await rejects(writeBackup(empty, { output: join(root, 'out') }), { code: 'chain_missing' });
  });

  it('of a running node is written by the node, one at a time', async () => {
    await fatten();
    const home = join(root, 'home');
    mkdirSync(join(home, 'data'), { recursive: true });
    const admin = new AdminServer({ dataDirectory: join(home, 'data'), logger: SILENT_LOGGER });
    handleBackup(admin, { ports: { kv, clock: new RealClock() } } as unknown as Node, genesisFile);
    await admin.start();
    try {
      const begun = Promise.withResolvers<unknown>();
      const first = callAdmin(home, 'backup', { output: join(root, 'one') }, begun.resolve);
      await begun.promise;
      const second = callAdmin(home, 'backup', { output: join(root, 'two') });
      await rejects(second, { code: 'admin_busy', message: /another backup of this node is being written/ });
      equal(((await first) as { height: number }).height, HEIGHTS);
      await callAdmin(home, 'backup', { output: join(root, 'two') });
      deepEqual((await rowsIn(join(root, 'two'))).rows, await rowsOf(kv));
      await rejects(callAdmin(home, 'backup', {}), { code: 'admin_bad_request' });
    } finally {
      await admin.stop();
    }
  });
});
