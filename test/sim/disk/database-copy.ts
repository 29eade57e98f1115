import { MemoryKeyValue } from '#storage/memory.ts';
import type { Chance } from '../time/chance.ts';

/** What a backup holds: all rows of a database at one height. */
export interface DatabaseCopy {
  readonly height: number;
  readonly rows: readonly (readonly [key: Uint8Array, value: Uint8Array])[];
}

/** Copies that are kept, of whatever machines: some old, some new. */
const KEPT = 6;

/** The backups of a network. Nothing in one is of the machine that made it, so any machine is restored from any. */
export class Backups {
  private readonly copies: DatabaseCopy[] = [];

  /** One more; when there are too many, chance says which one goes, so that some get old. */
  add(copy: DatabaseCopy, chance: Chance): void {
    if (this.copies.length === KEPT) this.copies.splice(chance.below(KEPT), 1);
    this.copies.push(copy);
  }

  pick(chance: Chance): DatabaseCopy | undefined {
    return this.copies.length === 0 ? undefined : chance.pick(this.copies);
  }
}

/** What is in an open database at this moment. */
export function copyDatabase(kv: MemoryKeyValue, height: number): DatabaseCopy {
  return { height, rows: kv.keys().map((key) => [key, kv.get(key) as Uint8Array]) };
}

/** A database with these rows, all on the disk. */
export async function databaseOf({ rows }: DatabaseCopy): Promise<MemoryKeyValue> {
  const kv = new MemoryKeyValue();
  const batch = kv.batch();
  for (const [key, value] of rows) batch.put(key, value);
  await batch.write({ sync: true });
  return kv;
}
