import type { KeyValue } from '#ports/key-value.ts';
import { equalBytes, fromLatin1, toLatin1 } from '#util/bytes.ts';
import { MachineError } from '#util/errors.ts';

export type Model = ReadonlyMap<string, Uint8Array>;

export const KEYS = 300;
export const EVERYTHING = [new Uint8Array(0), Uint8Array.of(0xff)] as const;
/** Small, so that a small database has several tables; nothing is kept in memory. */
export const LEVEL_OPTIONS = { writeBufferBytes: 65_536, cacheBytes: 0 };

export function keyOf(index: number): string {
  return `k${String(index).padStart(5, '0')}`;
}

export interface Answers {
  readonly wrong: number;
  readonly refused: number;
}

/** Number of wrong and of refused answers to all that can be asked. */
export async function askAll(kv: KeyValue, model: Model): Promise<Answers> {
  let wrong = 0;
  let refused = 0;
  const one = async (question: () => Promise<boolean>): Promise<void> => {
    try {
      if (!(await question())) wrong++;
    } catch (error) {
      if (!(error instanceof MachineError)) throw error;
      refused++;
    }
  };
  const keys = Array.from({ length: KEYS }, (_, index) => keyOf(index));
  const isRight = (key: string, value: Uint8Array | undefined): boolean => {
    const expected = model.get(key);
    return value === undefined || expected === undefined ? value === expected : equalBytes(value, expected);
  };
  for (const key of keys) await one(async () => isRight(key, kv.get(fromLatin1(key))));
  for (let from = 0; from < KEYS; from += 50) {
    const some = keys.slice(from, from + 50);
    const low = fromLatin1(some[0] as string);
    const high = fromLatin1(some[49] as string);
    const expected = some.filter((key) => model.has(key));
    await one(async () =>
      (await kv.getMany(some.map(fromLatin1))).every((value, i) => isRight(some[i] as string, value)),
    );
    await one(async () => (await walk(kv, { gte: low, lte: high })).join() === expected.join());
    await one(
      async () => (await walk(kv, { gte: low, lte: high, reverse: true })).reverse().join() === expected.join(),
    );
    await one(
      async () => (await walk(kv, { lte: high, reverse: true, limit: 1 })).join() === lastOf(keys, high, model),
    );
  }
  await one(async () => (await walk(kv, {})).length === model.size);
  return { wrong, refused };
}

function lastOf(keys: readonly string[], high: Uint8Array, model: Model): string {
  return keys.filter((key) => key <= toLatin1(high) && model.has(key)).at(-1) ?? '';
}

async function walk(kv: KeyValue, range: Parameters<KeyValue['iterate']>[0]): Promise<string[]> {
  const keys: string[] = [];
  for await (const [key] of kv.iterate(range)) keys.push(toLatin1(key));
  return keys;
}
