import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeWalRecord } from '#engine/wal-record.ts';
import type { KeyValue, WriteBatch } from '#ports/key-value.ts';
import { NOTHING_SIGNED, writeLastSigned } from '#signer/last-signed.ts';
import { changedKeysKey } from '#state/undo-rows.ts';
import { encodeMeta, encodeResultRow, ROW, rowKey } from '#storage/block-rows.ts';
import { BlockStore } from '#storage/block-store.ts';
import { withChecksum } from '#storage/checksummed.ts';
import { KEY_SPACE } from '#storage/key-space.ts';
import { NodeFiles } from '#storage/node-files.ts';
import { RECORD_HEADER_BYTES, writeRecord } from '#storage/wal-format.ts';
import { type Block, encodeBlock } from '#types/block.ts';
import { encodeCommit } from '#types/commit.ts';
import { runCli } from '../../support/cli.ts';
import { filesOf, makeStoppedHome, type StoppedHome, withRows } from '../../support/stopped-home.ts';

const HEIGHTS = 16;

interface Report {
  readonly ok: boolean;
  readonly checks: readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly findings: readonly { readonly what: string; readonly advice: string }[];
  }[];
}

describe('doctor', function () {
  this.timeout(60_000);
  let directory: string;
  let home: StoppedHome;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'bizra-doctor-'));
    home = await makeStoppedHome(directory, HEIGHTS);
  });

  afterEach(() => rm(directory, { recursive: true, force: true }));

  const examine = async (): Promise<{ code: number; errors: string; report: Report }> => {
    const { code, out, errors } = await runCli(['doctor', '--json', '--home', directory]);
    return { code, errors, report: JSON.parse(out) as Report };
  };

  /** The doctor finds it, under this name, and says what to do. */
  const finds = async (name: string, what: RegExp, advice = /./): Promise<void> => {
    const { code, errors, report } = await examine();
    assert.equal(code, 1, errors);
    assert.match(errors, /checks found something wrong in/);
    assert.equal(report.ok, false);
    const check = report.checks.find((one) => one.name === name);
    assert.ok(check !== undefined, `there is a check ${name}`);
    const found = check.findings.find((finding) => what.test(finding.what));
    assert.ok(found !== undefined, `${name}: ${JSON.stringify(report.checks.filter(({ ok }) => !ok))}`);
    assert.match(found.advice, advice);
  };

  const change = (put: (batch: WriteBatch, store: BlockStore, kv: KeyValue) => Promise<void> | void): Promise<void> =>
    withRows(home.database, async (kv) => {
      const batch = kv.batch();
      await put(batch, await BlockStore.open(kv), kv);
      await batch.write({ sync: true });
    });

  const firstKey = async (kv: KeyValue, ...prefix: number[]): Promise<[Uint8Array, Uint8Array]> => {
    const end = [...prefix.slice(0, -1), (prefix.at(-1) as number) + 1];
    for await (const [key, value] of kv.iterate({ gte: Uint8Array.from(prefix), lt: Uint8Array.from(end) }))
      return [key, value];
    throw new Error('there is no such row');
  };

  const record = (last: { height: number; round: number; step: 3 }) =>
    writeLastSigned(new NodeFiles(), home.paths.privValidatorStateFile, { ...NOTHING_SIGNED, ...last });

  it('finds nothing in a sound home, and leaves it as it is', async () => {
    const before = await filesOf(directory);
    const { code, errors, report } = await examine();
    assert.equal(code, 0, errors);
    assert.equal(report.ok, true);
    assert.deepEqual(
      report.checks.map(({ name }) => name),
      [
        'settings',
        'database',
        'genesis file',
        'node key',
        'validator key',
        'log',
        'signing record',
        'leftovers',
        'headers and commits',
        'blocks',
        'results',
        'indexes',
        'evidence marks',
        'state tree',
        'invariants',
        'undo rows',
        'waiting evidence',
        'rollback',
      ],
    );
    const after = await filesOf(directory);
    const isLock = (path: string): boolean => path.includes('priv_validator_key.json.lock');
    assert.deepEqual(
      [...after].filter(([path]) => !isLock(path)),
      [...before].filter(([path]) => !isLock(path)),
    );
    const people = await runCli(['doctor', '--home', directory]);
    assert.equal(people.code, 0);
    assert.equal(people.out.split('\n').length, report.checks.length);
  });

  it('finds nothing after a rollback either', async () => {
    assert.equal((await runCli(['rollback', '--to', '9', '--home', directory])).code, 0);
    const { code, errors, report } = await examine();
    assert.equal(code, 0, errors + JSON.stringify(report));
  });

  it('finds faults of settings, genesis file and keys', async () => {
    const { configFile, genesisFile, nodeKeyFile, privValidatorKeyFile } = home.paths;
    await writeFile(configFile, 'log_level = 5\n');
    await writeFile(genesisFile, (await readFile(genesisFile, 'utf8')).replace('"sim-1"', '"sim-2"'));
    await chmod(nodeKeyFile, 0o644);
    await writeFile(privValidatorKeyFile, '{}');
    await finds('settings', /log_level/);
    await finds('database', /belongs to chain sim-1 with another genesis file/);
    await finds('node key', /can be read by others/);
    await finds('validator key', /priv_validator_key\.json/);
    await writeFile(genesisFile, '{');
    await finds('genesis file', /not JSON/);
  });

  it('finds a signing record that is missing, old or damaged', async () => {
    await record({ height: 3, round: 0, step: 3 });
    await finds('signing record', /ends at height\/round\/step 3\/0\/3, but the key has signed .* 16\/0\/3/);
    await rm(home.paths.privValidatorStateFile);
    await finds('signing record', /is missing, and the key is a validator's/);
    await writeFile(home.paths.privValidatorStateFile, '{"height":"1"}', { mode: 0o600 });
    await finds('signing record', /is damaged/);
  });

  it('a rollback does not hide what the key has signed', async () => {
    await record({ height: 12, round: 0, step: 3 });
    assert.equal((await runCli(['rollback', '--to', '9', '--home', directory])).code, 0);
    await finds('signing record', /ends at height\/round\/step 12\/0\/3, but the key has signed .* 16\/0\/3/);
  });

  it('finds damage of the log, and records that nobody wrote', async () => {
    const log = join(home.paths.dataDirectory, 'wal');
    const parts = { encodedBlock: encodeBlock, parent: () => new Uint8Array(0) };
    const started = encodeWalRecord({ kind: 'workAvailable', now: 5n }, parts) as Uint8Array;
    const framed = (payload: Uint8Array): Uint8Array => {
      const out = new Uint8Array(RECORD_HEADER_BYTES + payload.length);
      writeRecord(out, 0, payload);
      return out;
    };
    const good = framed(started);
    await mkdir(log);
    const path = join(log, 'wal-0000000001');
    await writeFile(path, Buffer.concat([good, good.with(9, (good[9] as number) ^ 1), good]));
    await finds('log', /is damaged at byte/, /^nothing: .*signed nothing at the height under way/);
    await record({ height: HEIGHTS + 1, round: 0, step: 3 });
    await finds('log', /is damaged at byte/, /a third of the power or more .* docs\/backup\.md has the last resort/);
    await writeFile(path, framed(Uint8Array.of(99, 1)));
    await finds('log', /cannot be read/);
    await writeFile(path, Buffer.concat([good, good.subarray(0, 5)]));
    const { report } = await examine();
    assert.equal(report.ok, true, 'a torn end is what a crash leaves');
  });

  it('finds what a killed process left, and a home without data', async () => {
    await mkdir(`${home.database}.unfinished`);
    await mkdir(`${home.database}.syncing`);
    await finds('leftovers', /chain\.db\.unfinished was left/);
    await finds('leftovers', /chain\.db\.syncing was left/);
    await mkdir(`${home.database}.second-copy`);
    await finds('leftovers', /chain\.db\.second-copy was left/);
    await rm(home.database, { recursive: true });
    await finds('database', /there is no such database/);
  });

  it('finds damaged files of the database, by their names, and goes on with what lies beside it', async () => {
    const table = async (): Promise<string> => {
      const names = await readdir(home.database);
      return join(home.database, names.find((name) => name.endsWith('.ldb')) ?? '');
    };
    // What was in the log becomes a table.
    await withRows(home.database, async (kv) => kv.compact(new Uint8Array(0), Uint8Array.of(255)));
    const path = await table();
    const bytes = await readFile(path);
    await writeFile(path, bytes.with(100, (bytes[100] as number) ^ 1));
    await chmod(home.paths.nodeKeyFile, 0o644);
    await finds('database', new RegExp(`the database file ${path} is damaged behind byte`));
    await finds('node key', /can be read by others/);
    await rm(path);
    await finds('database', /chain\.db \(its table \d+\) is damaged or missing/);
  });

  it('finds a damaged table that was merged, on which the node refuses to start', async () => {
    await mkdir(join(home.database, 'held'), { recursive: true });
    await writeFile(join(home.database, 'held', '3.ldb'), 'was lost');
    await finds('database', /000003\.ldb is damaged at its end/);
  });

  it('finds blocks that are lost, or others than were decided', async () => {
    await change((batch, store) => {
      batch.delete(rowKey(ROW.block, 4));
      const block = store.block(5) as Block;
      const other = { ...block, header: { ...block.header, time: block.header.time + 1n } };
      batch.put(rowKey(ROW.block, 5), withChecksum(encodeBlock(other)));
      batch.put(rowKey(ROW.block, 6), withChecksum(store.blockBytes(3) as Uint8Array));
      batch.put(rowKey(ROW.commit, 9), withChecksum(encodeCommit(store.commit(8) as never)));
      const meta = store.meta(7);
      assert.ok(meta !== undefined);
      batch.put(rowKey(ROW.meta, 7), encodeMeta({ ...meta, appHash: new Uint8Array(32) }));
      batch.delete(rowKey(ROW.meta, 11));
    });
    await finds('blocks', /height 4: the stored block under key .* is damaged/);
    await finds('blocks', /block 5 is another than its header's/);
    await finds('blocks', /height 6: the stored block/);
    await finds('headers and commits', /height 9: /);
    await finds('headers and commits', /height 7 was computed to the app hash 0000/);
    await finds('headers and commits', /height 11: the stored block meta/);
  });

  it('finds results, index rows and evidence marks that are lost or wrong', async () => {
    await change(async (batch, store, kv) => {
      const txs = store.block(4)?.txs ?? [];
      const results = store.results(4)?.txResults ?? [];
      batch.put(rowKey(ROW.results, 4, 0), encodeResultRow(0, [{ ...results[0], gasUsed: 1n } as never], txs));
      const [valueRow] = await firstKey(kv, KEY_SPACE.indexes, 0x76);
      batch.delete(valueRow);
      const [txRow] = await firstKey(kv, KEY_SPACE.indexes, 0x74);
      batch.delete(txRow);
      const [mark] = await firstKey(kv, KEY_SPACE.evidence, 0x63);
      batch.delete(mark);
    });
    await finds('results', /the results of block 4 are not those/);
    await finds('indexes', /index rows of height \d+ are not as they must be/);
    await finds('indexes', /transaction \d of block \d+ is not found by its hash/);
    await finds('evidence marks', /evidence in block 12 is not marked/);
  });

  it('finds leaves and undo rows that are lost', async () => {
    await change(async (batch, _store, kv) => {
      batch.delete(changedKeysKey(5));
      const [undoRow] = await firstKey(kv, KEY_SPACE.undo);
      batch.delete(undoRow);
    });
    await finds('undo rows', /the list of keys that height 5 changed is missing/);
    await finds('undo rows', /changed a key of \w+ without an undo row/);
    await finds('rollback', /the stored .* is damaged/);
    await change(async (batch, _store, kv) => {
      const [leaf] = await firstKey(kv, KEY_SPACE.leaves);
      batch.delete(leaf);
    });
    await finds('state tree', /the stored state is damaged/);
    await finds('invariants', /the stored state is damaged/);
  });

  it('finds a state that is not the one that the next block names', async () => {
    let other: Uint8Array | undefined;
    await change((_batch, store) => {
      other = store.blockBytes(12);
    });
    assert.equal((await runCli(['rollback', '--to', '9', '--home', directory])).code, 0);
    await change((batch) => batch.put(rowKey(ROW.block, 10), withChecksum(other as Uint8Array)));
    await finds('state tree', /the state at height 9 has the app hash .*, block 10 names/);
  });

  it('finds evidence that waits and cannot be read', async () => {
    await change((batch) => {
      const key = new Uint8Array(34);
      key.set([KEY_SPACE.evidence, 0x70]);
      batch.put(key, Uint8Array.of(1, 2, 3, 4, 5));
    });
    await finds('waiting evidence', /pending evidence .* is damaged/);
  });
});
