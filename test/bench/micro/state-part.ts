import { sha256 } from '#crypto/hash.ts';
import { State } from '#state/state.ts';
import type { ChangeSet } from '#state/store.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { toLatin1 } from '#util/bytes.ts';
import type { BenchContext } from '../context.ts';
import { type Figure, measure } from '../repeat.ts';
import type { Section } from '../report.ts';

const STORE = 'bank';
const CHANGED = 10_000;
/** Of a balance: prefix, length, address, denomination. */
const KEY_BYTES = 28;
/** Of a tree node in its slab. */
const NODE_BYTES = 46;
const BYTES_PER_MEGABYTE = 1_000_000;
const MILLIS_PER_MICRO = 0.001;

function numberBytes(value: number): Uint8Array {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value);
  return out;
}

function keyOf(index: number): Uint8Array {
  return sha256(numberBytes(index)).slice(0, KEY_BYTES);
}

function changesOf(indexes: readonly number[], value: string): ChangeSet {
  const bytes = new TextEncoder().encode(value);
  return new Map([[STORE, new Map(indexes.map((index) => [toLatin1(keyOf(index)), bytes]))]]);
}

interface SizeFigures {
  readonly leaves: number;
  /** Milliseconds. */
  readonly build: number;
  readonly megabytes: number;
  readonly stage: Figure;
}

async function measureSize(leaves: number, repetitions: number): Promise<SizeFigures> {
  const all = changesOf(
    Array.from({ length: leaves }, (_, index) => index),
    '1000000000000',
  );
  const start = process.threadCpuUsage().user;
  const state = await State.initialize(new MemoryKeyValue(), [STORE], all, 0);
  const build = (process.threadCpuUsage().user - start) * MILLIS_PER_MICRO;
  const step = leaves / CHANGED;
  const indexes = Array.from({ length: CHANGED }, (_, index) => index * step);
  // Execution has read what it changes: the old values are in the cache.
  await state.prefetch(indexes.map((index) => ({ store: STORE, key: keyOf(index) })));
  const changes = changesOf(indexes, '999999999999');
  const run = async (): Promise<void> => state.discard(await state.stage(1, changes));
  const stage = await measure({ what: `${leaves}`, operations: 1, repetitions, run });
  return { leaves, build, stage, megabytes: (state.nodes * NODE_BYTES) / BYTES_PER_MEGABYTE };
}

export async function statePart({ quick, progress }: BenchContext): Promise<Section> {
  const figures: SizeFigures[] = [];
  for (const leaves of quick ? [100_000] : [100_000, 1_000_000]) {
    progress(`state of ${leaves} leaves`);
    figures.push(await measureSize(leaves, quick ? 3 : 9));
  }
  return {
    name: 'state',
    notes: [
      `A block changes ${CHANGED} leaves: all hashing up to the new app hash, the old version kept. Rows in memory, old values in the cache; CPU time.`,
      'Building is what the start of a node pays besides reading the rows: hash, sort, link.',
    ],
    tables: [
      {
        title: `Staging ${CHANGED} changes`,
        columns: ['leaves', 'median ms', 'min', 'max', 'repetitions', 'us/leaf', 'build ms', 'tree nodes MB'],
        rows: figures.map(({ leaves, stage, build, megabytes }) => [
          leaves,
          stage.median * MILLIS_PER_MICRO,
          stage.min * MILLIS_PER_MICRO,
          stage.max * MILLIS_PER_MICRO,
          stage.repetitions,
          stage.median / CHANGED,
          build,
          megabytes,
        ]),
      },
    ],
  };
}
