import type { KeyValue } from '#ports/key-value.ts';
import { parseLeafKey } from '#state/rows.ts';
import { ROW } from '#storage/block-rows.ts';
import { KEY_SPACE } from '#storage/key-space.ts';

/** Rows between two calls of `onRows`. */
const TOLD_EVERY = 100_000;

/** What the rows of a database are, by the first byte of their keys. */
const KINDS: ReadonlyMap<number | undefined, string> = new Map(
  Object.entries(KEY_SPACE).map(([name, letter]) => [letter, name]),
);
/** Rows of the block store have a second letter. */
const BLOCK_KINDS: ReadonlyMap<number | undefined, string> = new Map(
  Object.entries(ROW).map(([name, letter]) => [letter, name]),
);

export interface RowCount {
  /** As `key-space.ts` has it; for the block store with its own kind behind a slash. */
  readonly kind: string;
  readonly rows: number;
  /** Of keys and values, before LevelDB compresses them. */
  readonly bytes: number;
}

export interface Census {
  readonly kinds: readonly RowCount[];
  /** Leaves of the state by store, without the sentinels. */
  readonly leaves: ReadonlyMap<string, number>;
}

/** Counts all rows of a database. */
export async function countRows(kv: KeyValue, onRows: (rows: number) => void = () => {}): Promise<Census> {
  const kinds = new Map<string, { rows: number; bytes: number }>();
  const leaves = new Map<string, number>();
  let all = 0;
  for await (const [key, value] of kv.iterate({})) {
    const kind = kindOf(key);
    const count = kinds.get(kind) ?? { rows: 0, bytes: 0 };
    count.rows++;
    count.bytes += key.length + value.length;
    kinds.set(kind, count);
    if (key[0] === KEY_SPACE.leaves) {
      const { store } = parseLeafKey(key);
      leaves.set(store, (leaves.get(store) ?? 0) + 1);
    }
    if (++all % TOLD_EVERY === 0) onRows(all);
  }
  return { kinds: [...kinds].map(([kind, count]) => ({ kind, ...count })), leaves };
}

function kindOf(key: Uint8Array): string {
  const kind = KINDS.get(key[0]) ?? 'unknown';
  return key[0] === KEY_SPACE.blocks ? `${kind}/${BLOCK_KINDS.get(key[1]) ?? 'unknown'}` : kind;
}
