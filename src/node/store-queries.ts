import { KEY_BYTES_MAX } from '#state/key-arena.ts';
import type { State } from '#state/state.ts';
import type { ProofOp } from '#state/store.ts';
import { decodeWhole, readMessage } from '#types/wire.ts';
import { encodeWith } from '#types/wire-writer.ts';
import { BizraError } from '#util/errors.ts';

/** Keys of one question: each is a path of some twenty steps. */
export const KEYS_MAX = 256;
const REQUEST_BYTES_MAX = KEYS_MAX * (KEY_BYTES_MAX + 4);

/** Raw state at one height, with steps that lead to its app hash if that was asked. */
export interface StoreAnswer {
  readonly height: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
  readonly proofOps: readonly ProofOp[] | undefined;
}

/** `/store/NAME/key`: one key. */
export async function readKey(
  state: State,
  store: string,
  key: Uint8Array,
  height: number | undefined,
  prove: boolean,
): Promise<StoreAnswer> {
  checkKey(key);
  const [entry] = await readEntries(state, store, [key], height, prove);
  const { value, ops, height: at } = entry as Entry;
  return { height: at, key, value, proofOps: prove ? ops : undefined };
}

/**
 * `/store/NAME/keys`, ours: many keys at one height. The question is a protobuf message with `repeated bytes keys = 1`,
 * the value of the answer one with `repeated Pair pairs = 1`, `Pair {bytes key = 1; bytes value = 2}`, in the order of
 * the question; where there is no value, there is none in the pair. Proof steps: one `ics23:smt` for each key, in that
 * order, and one `ics23:simple` for all: the step of a key and the last one are what `/store/NAME/key` answers.
 */
export async function readKeys(
  state: State,
  store: string,
  data: Uint8Array,
  height: number | undefined,
  prove: boolean,
): Promise<StoreAnswer> {
  const keys = decodeKeys(data);
  for (const key of keys) checkKey(key);
  const entries = await readEntries(state, store, keys, height, prove);
  const value = encodeWith((writer) => {
    for (const entry of entries) {
      writer.message(1, (pair) => {
        pair.bytes(1, entry.key);
        if (entry.value !== undefined) pair.bytes(2, entry.value);
      });
    }
  });
  const steps = entries.flatMap(({ ops }) => ops.slice(0, 1));
  const last = entries[0]?.ops.at(-1);
  const proofOps = prove && last !== undefined ? [...steps, last] : undefined;
  return { height: (entries[0] as Entry).height, key: data, value, proofOps };
}

interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
  readonly ops: readonly ProofOp[];
  readonly height: number;
}

async function readEntries(
  state: State,
  store: string,
  keys: readonly Uint8Array[],
  height: number | undefined,
  prove: boolean,
): Promise<Entry[]> {
  if (prove) {
    const proofs = await state.proveMany(store, keys, height);
    return proofs.map(({ value, ops, height: at }, i) => ({ key: keys[i] as Uint8Array, value, ops, height: at }));
  }
  const view = state.view(height);
  try {
    const entries: Entry[] = [];
    for (const key of keys) entries.push({ key, value: await view.get(store, key), ops: [], height: view.height });
    return entries;
  } finally {
    await view.release();
  }
}

/** Throws BizraError 'bad_query'. */
function decodeKeys(data: Uint8Array): Uint8Array[] {
  const keys: Uint8Array[] = [];
  try {
    decodeWhole(data, 'keys', REQUEST_BYTES_MAX, (reader) =>
      readMessage(
        reader,
        (field) => {
          if (field !== 1 || keys.length === KEYS_MAX) return false;
          keys.push(reader.bytesOrEmpty({ max: KEY_BYTES_MAX }));
          return true;
        },
        1,
      ),
    );
  } catch (error) {
    if (!(error instanceof BizraError)) throw error;
    throw new BizraError('bad_query', `expected up to ${KEYS_MAX} keys as repeated bytes keys = 1: ${error.message}`);
  }
  if (keys.length === 0) throw new BizraError('bad_query', 'the question names no key');
  return keys;
}

function checkKey(key: Uint8Array): void {
  if (key.length === 0) throw new BizraError('empty_key', 'query cannot be zero length');
}
