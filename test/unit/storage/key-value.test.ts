import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { KeyRange, KeyValue, KeyValueSnapshot } from '#ports/key-value.ts';
import { openLevel } from '#storage/level.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { toHex } from '#util/bytes.ts';

async function withDirectory(run: (path: string) => Promise<void>): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'bizra-kv-'));
  try {
    await run(path);
  } finally {
    await rm(path, { recursive: true });
  }
}

/** Few and short keys, so that operations meet; among them prefixes of each other and the extreme bytes. */
const key = fc
  .uint8Array({ minLength: 1, maxLength: 3 })
  .map((bytes) => bytes.map((byte) => [0, 1, 127, 255][byte % 4] as number));
const value = fc.uint8Array({ maxLength: 4 });
const write = fc.record({ key, value: fc.option(value, { nil: undefined }) });
const bound = fc.option(key, { nil: undefined });
const range = fc.record({
  gte: bound,
  gt: bound,
  lt: bound,
  lte: bound,
  reverse: fc.boolean(),
  limit: fc.option(fc.nat(4), { nil: undefined }),
});

type Operation =
  | {
      readonly kind: 'batch';
      readonly writes: readonly { key: Uint8Array; value: Uint8Array | undefined }[];
      sync: boolean;
    }
  | { readonly kind: 'get'; readonly keys: readonly Uint8Array[] }
  | { readonly kind: 'iterate'; readonly range: Record<string, unknown> }
  | { readonly kind: 'snapshot' }
  | { readonly kind: 'release' };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('batch' as const),
      writes: fc.array(write, { maxLength: 5 }),
      sync: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('get' as const), keys: fc.array(key, { maxLength: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('iterate' as const), range }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'snapshot' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'release' as const }) },
);

/** LevelDB takes only one lower and one upper bound; of two, both ports must obey the same one. */
function cleaned(raw: Record<string, unknown>): KeyRange {
  const { gte, gt, lt, lte, ...rest } = raw;
  const bounds = { ...(gte === undefined ? { gt } : { gte }), ...(lte === undefined ? { lt } : { lte }), ...rest };
  return Object.fromEntries(Object.entries(bounds).filter(([, given]) => given !== undefined)) as KeyRange;
}

async function run(kv: KeyValue, operations: readonly Operation[]): Promise<string[]> {
  const log: string[] = [];
  const snapshots: KeyValueSnapshot[] = [];
  const show = (bytes: Uint8Array | undefined) => (bytes === undefined ? '-' : toHex(bytes));
  for (const operation of operations) {
    if (operation.kind === 'batch') {
      const batch = kv.batch();
      for (const { key, value } of operation.writes) {
        if (value === undefined) batch.delete(key);
        else batch.put(key, value);
      }
      log.push(`length ${batch.length}`);
      await batch.write({ sync: operation.sync });
    } else if (operation.kind === 'get') {
      log.push(...operation.keys.map((key) => show(kv.get(key))));
      log.push(...(await kv.getMany(operation.keys)).map(show));
      for (const snapshot of snapshots) {
        log.push(...operation.keys.map((key) => show(snapshot.get(key))));
        log.push(...(await snapshot.getMany(operation.keys)).map(show));
      }
    } else if (operation.kind === 'iterate') {
      for (const reader of [kv, ...snapshots]) {
        for await (const [key, value] of reader.iterate(cleaned(operation.range)))
          log.push(`${show(key)}=${show(value)}`);
        log.push('end');
      }
    } else if (operation.kind === 'snapshot') {
      snapshots.push(kv.snapshot());
    } else {
      await snapshots.shift()?.release();
    }
  }
  for (const snapshot of snapshots) await snapshot.release();
  return log;
}

describe('MemoryKeyValue', () => {
  it('gives what LevelDB gives, for any sequence of operations', async function () {
    this.timeout(60_000);
    await withDirectory(async (path) => {
      let databases = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(operation, { maxLength: 20 }), async (operations) => {
          const level = await openLevel(join(path, String(databases++)), { cacheBytes: 0, writeBufferBytes: 65_536 });
          try {
            assert.deepEqual(await run(new MemoryKeyValue(), operations), await run(level, operations));
          } finally {
            await level.close();
          }
        }),
        { numRuns: 60 },
      );
    });
  });

  it('loses in a crash exactly what came after the last synced batch', async () => {
    const model = new MemoryKeyValue();
    const put = async (key: number, value: number, sync: boolean) => {
      const batch = model.batch();
      batch.put(Uint8Array.of(key), Uint8Array.of(value));
      await batch.write({ sync });
    };
    await put(1, 1, false);
    await put(2, 2, true);
    await put(1, 9, false);
    await put(3, 3, false);
    const survivor = model.crash();
    assert.deepEqual(survivor.get(Uint8Array.of(1)), Uint8Array.of(1));
    assert.deepEqual(survivor.get(Uint8Array.of(2)), Uint8Array.of(2));
    assert.equal(survivor.get(Uint8Array.of(3)), undefined);
    assert.throws(() => model.get(Uint8Array.of(1)), /open/);
  });

  it('reused-buffer-views: keeps copies of keys and values', async () => {
    const model = new MemoryKeyValue();
    const key = Uint8Array.of(1);
    const value = Uint8Array.of(2);
    const batch = model.batch();
    batch.put(key, value);
    key[0] = 7;
    value[0] = 7;
    await batch.write({ sync: true });
    assert.deepEqual(model.get(Uint8Array.of(1)), Uint8Array.of(2));
  });
});

describe('openLevel', () => {
  it('refuses a database that is in use, in one line that says what to do', async () => {
    await withDirectory(async (path) => {
      const first = await openLevel(join(path, 'db'));
      await assert.rejects(openLevel(join(path, 'db')), { code: 'database_locked', message: /in use.*stop that node/ });
      await first.close();
      await (await openLevel(join(path, 'db'))).close();
    });
  });

  it('close-everything: a database that was closed opens again at once, with its data', async () => {
    await withDirectory(async (path) => {
      const first = await openLevel(join(path, 'db'));
      const batch = first.batch();
      batch.put(Uint8Array.of(1), Uint8Array.of(2));
      await batch.write({ sync: true });
      await first.close();
      const second = await openLevel(join(path, 'db'));
      assert.deepEqual(second.get(Uint8Array.of(1)), Uint8Array.of(2));
      await second.close();
    });
  });

  it('names a path that it cannot use', async () => {
    await withDirectory(async (path) => {
      await writeFile(join(path, 'file'), 'x');
      await assert.rejects(openLevel(join(path, 'file', 'db')), { code: 'database_failed', message: /file\/db/ });
    });
  });
});
