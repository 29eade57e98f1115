import { State, type StateOptions } from '#state/state.ts';
import type { ChangeSet, StoreName } from '#state/store.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { fromLatin1, toLatin1 } from '#util/bytes.ts';

export const STORES = ['acc', 'bank', 'staking'] as const;

/** One block's writes in a test: store, key, new value. */
export type Write = readonly [store: StoreName, key: Uint8Array, value: Uint8Array | undefined];

export function changeSet(writes: readonly Write[]): ChangeSet {
  const changes = new Map<StoreName, Map<string, Uint8Array | undefined>>();
  for (const [store, key, value] of writes) {
    const entries = changes.get(store) ?? new Map<string, Uint8Array | undefined>();
    changes.set(store, entries.set(toLatin1(key), value));
  }
  return changes;
}

/** A state beside a plain model that remembers every height. */
export class ModelledState {
  readonly kv: MemoryKeyValue;
  state: State;
  private readonly options: StateOptions;
  /** By height: `store/key` -> value. */
  readonly history = new Map<number, ReadonlyMap<string, Uint8Array>>();

  private constructor(kv: MemoryKeyValue, state: State, options: StateOptions) {
    this.kv = kv;
    this.state = state;
    this.options = options;
  }

  static async start(writes: readonly Write[] = [], options: StateOptions = {}): Promise<ModelledState> {
    const kv = new MemoryKeyValue();
    const state = await State.initialize(kv, STORES, changeSet(writes), 0, options);
    const modelled = new ModelledState(kv, state, options);
    modelled.history.set(0, applied(new Map(), writes));
    return modelled;
  }

  get model(): ReadonlyMap<string, Uint8Array> {
    return this.history.get(this.state.height) as ReadonlyMap<string, Uint8Array>;
  }

  async block(writes: readonly Write[]): Promise<void> {
    const height = this.state.height + 1;
    const staged = await this.state.stage(height, changeSet(writes));
    const batch = this.kv.batch();
    this.state.write(batch, staged);
    await batch.write({ sync: true });
    this.state.publish(staged);
    this.history.set(height, applied(this.history.get(height - 1) as ReadonlyMap<string, Uint8Array>, writes));
  }

  async reopen(): Promise<void> {
    this.state = await State.open(this.kv, this.options);
  }

  /** Entries of one store at a height, in key order. */
  entries(store: StoreName, height: number): [Uint8Array, Uint8Array][] {
    const prefix = `${store}/`;
    return [...(this.history.get(height) as ReadonlyMap<string, Uint8Array>)]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.slice(prefix.length), value] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => [fromLatin1(key), value]);
  }
}

export function modelKey(store: StoreName, key: Uint8Array): string {
  return `${store}/${toLatin1(key)}`;
}

/** A state of one height that holds what the model holds: built at once, without any history. */
export async function fromScratch(model: ReadonlyMap<string, Uint8Array>): Promise<State> {
  const writes = [...model].map(([name, value]): Write => {
    const split = name.indexOf('/');
    return [name.slice(0, split), fromLatin1(name.slice(split + 1)), value];
  });
  return State.initialize(new MemoryKeyValue(), STORES, changeSet(writes), 0);
}

function applied(model: ReadonlyMap<string, Uint8Array>, writes: readonly Write[]): ReadonlyMap<string, Uint8Array> {
  const next = new Map(model);
  for (const [store, key, value] of writes) {
    if (value === undefined) next.delete(modelKey(store, key));
    else next.set(modelKey(store, key), value);
  }
  return next;
}
