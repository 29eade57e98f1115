import { MemoryKeyValue } from '#storage/memory.ts';
import type { Survival } from '#storage/memory-files.ts';
import { MemoryFiles } from '#storage/memory-files.ts';
import { RECORD_HEADER_BYTES, readRecords } from '#storage/wal-format.ts';
import { equalBytes } from '#util/bytes.ts';
import type { Chance } from '../time/chance.ts';
import type { Life, Scheduler } from '../time/scheduler.ts';
import { type DatabaseCopy, databaseOf } from './database-copy.ts';
import { DiskFaults } from './disk-faults.ts';

export const KEY_PATH = 'config/priv_validator_key.json';
export const STATE_PATH = 'data/priv_validator_state.json';
export const WAL_PATH = 'data/wal';
export const DATABASE_PATH = 'data/chain.db';

/** Milliseconds of one write that reaches the system, and of one that reaches the disk. */
const WRITE_MS = [0.01, 0.1] as const;
const SYNC_MS = [0.1, 4] as const;

/** What a machine keeps when its process dies. */
export class Disk {
  files = new MemoryFiles();
  readonly faults = new DiskFaults();
  /** Bits flipped in the database since it was empty. */
  flips = 0;
  /** Databases by path, as the system shows them. */
  readonly databases = new Map<string, MemoryKeyValue>();
  /** The same, as a power cut would show them: names whose parent was synced. */
  private readonly durable = new Map<string, MemoryKeyValue>();

  /** The chain's database; a new one where there is none. */
  get kv(): MemoryKeyValue {
    return this.database(DATABASE_PATH);
  }

  database(path: string): MemoryKeyValue {
    let kv = this.databases.get(path);
    if (kv === undefined) {
      kv = new MemoryKeyValue();
      this.databases.set(path, kv);
    }
    return kv;
  }

  rename(from: string, to: string): void {
    const kv = this.databases.get(from);
    this.databases.delete(from);
    if (kv !== undefined) this.databases.set(to, kv);
  }

  /** The names of all databases are durable. */
  syncNames(): void {
    this.durable.clear();
    for (const [path, kv] of this.databases) this.durable.set(path, kv);
  }

  /** In the last record of the log, or in one before it: the offset, undefined when there is none. */
  async flipInLog(where: 'end' | 'middle', chance: Chance): Promise<number | undefined> {
    const segment = await newestSegment(this.files);
    const last = segment?.starts.at(-1);
    if (segment === undefined || last === undefined || (where === 'middle' && last === 0)) return undefined;
    const at = where === 'middle' ? chance.below(last) : last + chance.below(segment.size - last);
    this.files.corrupt(segment.path, (bytes) => flipBit(bytes, at, chance));
    return at;
  }

  /** In any value of the chain's database. Returns the key, undefined when it is empty. */
  flipInDatabase(chance: Chance): Uint8Array | undefined {
    const kv = this.databases.get(DATABASE_PATH);
    const keys = kv?.keys() ?? [];
    if (kv === undefined || keys.length === 0) return undefined;
    const key = chance.pick(keys);
    kv.corrupt(key, (value) => (value.length === 0 ? value : flipBit(value, chance.below(value.length), chance)));
    this.flips++;
    return key;
  }

  /** The first row whose key begins so; flips a bit if it is not told what to do. False: there is none. */
  corruptDatabase(prefix: Uint8Array, change = flipFirst): boolean {
    const kv = this.databases.get(DATABASE_PATH);
    const key = kv?.keys().find((at) => equalBytes(at.subarray(0, prefix.length), prefix));
    if (kv === undefined || key === undefined) return false;
    kv.corrupt(key, change);
    this.flips++;
    return true;
  }

  /** As an operator does with a node that cannot start: all data goes, the signing record stays. */
  async empty(): Promise<void> {
    this.databases.clear();
    this.syncNames();
    for (const name of await this.files.list(WAL_PATH)) await this.files.remove(`${WAL_PATH}/${name}`);
    this.flips = 0;
  }

  /** Another disk with a copy of a database on it. The log of the old one is lost unless it is on a disk of its own. */
  async restore(copy: DatabaseCopy, keepsLog: boolean): Promise<void> {
    this.databases.clear();
    this.databases.set(DATABASE_PATH, await databaseOf(copy));
    this.syncNames();
    if (!keepsLog) for (const name of await this.files.list(WAL_PATH)) await this.files.remove(`${WAL_PATH}/${name}`);
    this.flips = 0;
  }

  /** Loses what was not synced, save what chance leaves: each file, name and database by itself. */
  losePower(chance: Chance): void {
    this.files = this.files.crash({}, survivalBy(chance));
    const survivors = new Map<MemoryKeyValue, MemoryKeyValue>();
    for (const path of new Set([...this.durable.keys(), ...this.databases.keys()])) {
      const now = this.databases.get(path);
      const durable = this.durable.get(path);
      const kv = now !== durable && chance.chance(0.5) ? now : durable;
      if (kv === undefined) {
        this.databases.delete(path);
        continue;
      }
      const survivor = survivors.get(kv) ?? kv.crash(chance.below(kv.unsyncedBatches + 1));
      survivors.set(kv, survivor);
      this.databases.set(path, survivor);
    }
    this.syncNames();
  }
}

/** Where the newest segment of the log begins and ends, record by record. */
async function newestSegment(
  files: MemoryFiles,
): Promise<{ path: string; starts: number[]; size: number } | undefined> {
  const name = (await files.list(WAL_PATH)).at(-1);
  const path = `${WAL_PATH}/${name}`;
  const bytes = name === undefined ? undefined : await files.read(path);
  if (bytes === undefined) return undefined;
  const starts: number[] = [];
  let size = 0;
  for (const { length } of readRecords(bytes).records) {
    starts.push(size);
    size += RECORD_HEADER_BYTES + length;
  }
  return { path, starts, size };
}

function flipFirst(value: Uint8Array): Uint8Array | undefined {
  value[0] = (value[0] as number) ^ 1;
  return value;
}

function flipBit(bytes: Uint8Array, at: number, chance: Chance): Uint8Array {
  bytes[at] = (bytes[at] as number) ^ (1 << chance.below(8));
  return bytes;
}

/** Of an unsynced end: nothing, any part of it, or its length with zeros where data should be. */
function survivalBy(chance: Chance): Survival {
  return {
    name: () => chance.chance(0.5),
    end: (_path, unsynced) => {
      const kept = chance.below(unsynced.length + 1);
      const style = chance.below(4);
      if (style === 0) return new Uint8Array(0);
      if (style === 1) return unsynced.fill(0, kept);
      return unsynced.slice(0, kept);
    },
  };
}

/** How long the disk takes, for one incarnation: an operation of a dead process never ends. */
export class DiskTime {
  private readonly scheduler: Scheduler;
  private readonly life: Life;
  private readonly chance: Chance;

  constructor(scheduler: Scheduler, life: Life, chance: Chance) {
    this.scheduler = scheduler;
    this.life = life;
    this.chance = chance;
  }

  write(): Promise<void> {
    return this.scheduler.pause(this.chance.between(...WRITE_MS), this.life);
  }

  sync(): Promise<void> {
    return this.scheduler.pause(this.chance.between(...SYNC_MS), this.life);
  }
}
