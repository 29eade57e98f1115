import { CONSENSUS_STORE } from '#app/modules/chain/state.ts';
import type { ChangeSet } from '#state/store.ts';
import { MAX_VALIDATORS } from '#types/limits.ts';
import { ValidatorSet } from '#types/validator-set.ts';
import { decodeWhole, type Reader, readMessage } from '#types/wire.ts';
import { encodeWith, type Writer } from '#types/wire-writer.ts';
import type { Pause } from '#util/pause.ts';
import { mustAgree } from './errors.ts';

/** Beside the SDK's own key in the consensus store, `Consensus`. */
export const PRIORITIES_KEY = 'ValidatorPriorities';

/**
 * Heights after which the record is written although nothing changed: whoever computes priorities turns the wheel at
 * most so often, a second's work for a hundred validators.
 */
export const PRIORITIES_EVERY = 100_000;

const PRIORITY_BYTES = 8;
const SETS = 3;
const MAX_RECORD_BYTES = 64 + SETS * (16 + PRIORITY_BYTES * MAX_VALIDATORS);

/** Whose turn is how near, in the order of the set that it belongs to. */
export interface Priorities {
  /** Index of the set's proposer. */
  readonly proposer: number;
  readonly priorities: readonly bigint[];
}

/**
 * The priorities of the validators that sign `height`, `height + 1` and `height + 2`, as the block at `height` left
 * them. Headers commit to members and powers of a set, not to priorities; with this record the app hash does
 * (regression statesync-priorities). Members are left out: the headers of these heights prove them.
 */
export interface PrioritiesRecord {
  readonly height: number;
  /** The block at `height` had validator updates. */
  readonly updated: boolean;
  /** Absent after genesis: nobody signed that. */
  readonly last: Priorities | undefined;
  readonly current: Priorities;
  readonly next: Priorities;
}

/** The validators around a height, as the chain state has them. */
export interface SignerSets {
  readonly height: number;
  readonly lastValidators: ValidatorSet | undefined;
  readonly validators: ValidatorSet;
  readonly nextValidators: ValidatorSet;
}

export function isRecordDue(height: number, updates: number): boolean {
  return updates > 0 || height % PRIORITIES_EVERY === 0;
}

/** The changes of a block, with the record of what it leaves. */
export function withPriorities(changes: ChangeSet, sets: SignerSets, updated: boolean): ChangeSet {
  const store = new Map(changes.get(CONSENSUS_STORE));
  store.set(PRIORITIES_KEY, encodePriorities(sets, updated));
  return new Map([...changes, [CONSENSUS_STORE, store]]);
}

function encodePriorities(sets: SignerSets, updated: boolean): Uint8Array {
  return encodeWith((writer) => {
    writer.number(1, sets.height);
    writer.number(2, updated ? 1 : 0);
    if (sets.lastValidators !== undefined) writeSet(writer, 3, sets.lastValidators);
    writeSet(writer, 4, sets.validators);
    writeSet(writer, 5, sets.nextValidators);
  });
}

function writeSet(writer: Writer, field: number, set: ValidatorSet): void {
  const packed = new Uint8Array(PRIORITY_BYTES * set.size);
  const view = new DataView(packed.buffer);
  for (const [index, { proposerPriority }] of set.validators.entries())
    view.setBigInt64(PRIORITY_BYTES * index, proposerPriority, true);
  writer.message(field, (inner) => {
    inner.number(1, set.indexOf(set.proposer.address));
    inner.bytes(2, packed);
  });
}

/** Throws `bad_encoding`. */
export function decodePriorities(bytes: Uint8Array): PrioritiesRecord {
  return decodeWhole(bytes, 'ValidatorPriorities', MAX_RECORD_BYTES, (reader) => {
    let height = 0;
    let updated = false;
    const sets: (Priorities | undefined)[] = [];
    readMessage(reader, (field) => {
      if (field === 1) height = reader.positiveInt53();
      else if (field === 2) updated = reader.bool();
      else if (field >= 3 && field <= 5) sets[field - 3] = reader.message(readSet);
      else return false;
      return true;
    });
    const [last, current, next] = sets;
    if (current === undefined || next === undefined) throw reader.fault('a set is missing');
    return { height, updated, last, current, next };
  });
}

function readSet(reader: Reader): Priorities {
  let proposer = 0;
  let packed = new Uint8Array(0);
  readMessage(reader, (field) => {
    if (field === 1) proposer = reader.uint32();
    else if (field === 2) packed = Uint8Array.from(reader.bytes({ max: PRIORITY_BYTES * MAX_VALIDATORS }));
    else return false;
    return true;
  });
  if (packed.length === 0 || packed.length % PRIORITY_BYTES !== 0) throw reader.fault('priorities of no validators');
  const view = new DataView(packed.buffer);
  const priorities = Array.from({ length: packed.length / PRIORITY_BYTES }, (_, index) =>
    view.getBigInt64(PRIORITY_BYTES * index, true),
  );
  return { proposer, priorities };
}

/**
 * The sets that sign R, R + 1 and R + 2, with their priorities. `members` are those three sets as headers prove them,
 * whatever their priorities. Throws `state_mismatch`
 * when the record cannot be one of the state at R.
 */
export async function setsWithPriorities(
  record: PrioritiesRecord,
  height: number,
  members: readonly [last: ValidatorSet, current: ValidatorSet, next: ValidatorSet],
  pause: Pause,
): Promise<[ValidatorSet, ValidatorSet, ValidatorSet]> {
  const age = height - record.height;
  mustAgree(age >= 0 && age < PRIORITIES_EVERY, () => `the record of priorities is of height ${record.height}`);
  const [last, current, next] = members;
  if (age === 0) {
    mustAgree(record.last !== undefined, () => 'the record has no priorities of its own height');
    return [applied(last, record.last), applied(current, record.current), applied(next, record.next)];
  }
  // Nothing changed since the record: members of every later height are those of its last set.
  if (age === 1) {
    const newest = applied(current, record.next);
    return [applied(last, record.current), newest, newest.incremented(1)];
  }
  let turned = applied(last, record.next);
  // One step a height, as the chain did it: several at once round differently.
  for (let at = record.height + 2; at < height; at++) {
    turned = turned.incremented(1);
    const wait = pause();
    if (wait !== undefined) await wait;
  }
  const second = turned.incremented(1);
  return [turned, second, second.incremented(1)];
}

/** Throws `state_mismatch`. */
function applied(members: ValidatorSet, { proposer, priorities }: Priorities): ValidatorSet {
  mustAgree(priorities.length === members.size, () => `${priorities.length} priorities for ${members.size} validators`);
  const validators = members.validators.map((validator, index) => ({
    ...validator,
    proposerPriority: priorities[index] as bigint,
  }));
  const owner = validators[proposer];
  mustAgree(owner !== undefined, () => `validator ${proposer} of ${validators.length} proposes`);
  return ValidatorSet.restore(validators, owner.address);
}
