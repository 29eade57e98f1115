import assert from 'node:assert/strict';
import { verifyProof } from '#light/proof-verify.ts';
import { toHex } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { type Altered, alteredProofs, type Material, type Proven } from './altered-proofs.ts';
import { referenceAppHash } from './reference-root.ts';
import { changeSet, fromScratch, ModelledState, modelKey, STORES, type Write } from './support.ts';

/** Steps of one sequence: blocks mostly. */
const MAX_STEPS = 6;
const MAX_WRITES = 16;
/** So few keys that most are written again, deleted and written once more. */
const KEYS = 14;
/** The tree of one history in so many is built again, at once, by the state's own code. */
const REBUILD_EVERY = 8;
/** Lies of all kinds are made of this many of a history's true answers: some 75 of each. */
const ALTERED_ANSWERS = 1;

export interface SequenceCounts {
  writes: number;
  existence: number;
  absence: number;
  altered: number;
}

/** A random history of one state beside its model; everything that it says is proven at its end. */
export async function runSequence(seed: number): Promise<SequenceCounts> {
  const random = seededRandom(seed);
  const below = (bound: number): number => Math.floor(random() * bound);
  const counts: SequenceCounts = { writes: 0, existence: 0, absence: 0, altered: 0 };
  const someKey = (): Uint8Array => keyOf(below(KEYS));
  const someWrites = (): Write[] =>
    Array.from({ length: below(MAX_WRITES + 1) }, (): Write => {
      counts.writes++;
      const value = random() < 0.3 ? undefined : Uint8Array.from({ length: 1 + below(40) }, () => below(256));
      return [STORES[below(STORES.length)] as string, someKey(), value];
    });
  const modelled = await ModelledState.start(unique(someWrites().filter(([, , value]) => value !== undefined)));
  const appHashes = [modelled.state.appHash];
  for (let step = 1 + below(MAX_STEPS); step > 0; step--) {
    const dice = random();
    if (dice < 0.12) await modelled.reopen();
    else if (dice < 0.25) {
      const candidate = await modelled.state.stage(modelled.state.height + 1, changeSet(unique(someWrites())));
      modelled.state.discard(candidate);
    } else {
      await modelled.block(unique(someWrites()));
      appHashes.push(modelled.state.appHash);
    }
    checkContents(modelled);
  }
  if (seed % REBUILD_EVERY === 0) await checkRebuilt(modelled);
  await checkProofs(modelled, appHashes, counts, random);
  return counts;
}

/** Short and long ones, some the beginning of others. */
function keyOf(index: number): Uint8Array {
  return new Uint8Array(1 + (index % 5)).fill(index % 3, 1).fill(1 + Math.floor(index / 5), 0, 1);
}

/** A block writes a key once. */
function unique(writes: readonly Write[]): Write[] {
  return [...new Map(writes.map((write) => [modelKey(write[0], write[1]), write])).values()];
}

function checkContents({ state, model }: ModelledState): void {
  assert.equal(toHex(state.appHash), toHex(referenceAppHash(model)), 'the root of what the model holds');
  for (const store of STORES) {
    for (let index = 0; index < KEYS; index++) {
      const key = keyOf(index);
      assert.deepEqual(state.get(store, key), model.get(modelKey(store, key)));
    }
  }
}

/** History leaves no trace in the tree. */
async function checkRebuilt({ state, model }: ModelledState): Promise<void> {
  const rebuilt = await fromScratch(model);
  assert.equal(toHex(state.appHash), toHex(rebuilt.appHash), 'the root of a tree that was built at once');
}

async function checkProofs(
  modelled: ModelledState,
  appHashes: readonly Uint8Array[],
  counts: SequenceCounts,
  random: () => number,
): Promise<void> {
  const { state } = modelled;
  const below = (bound: number): number => Math.floor(random() * bound);
  const height = random() < 0.7 ? state.height : below(state.height + 1);
  const store = STORES[below(STORES.length)] as string;
  const model = modelled.history.get(height) as ReadonlyMap<string, Uint8Array>;
  const all: Proven[] = [];
  for (let index = 0; index < KEYS; index++) {
    const key = keyOf(index);
    const { value, ops } = await state.prove(store, key, height);
    assert.deepEqual(value, model.get(modelKey(store, key)));
    const proven: Proven = { claim: { store, key, value }, ops, appHash: appHashes[height] as Uint8Array };
    verifyProof(ops, proven.appHash, proven.claim);
    all.push(proven);
    if (value === undefined) counts.absence++;
    else counts.existence++;
  }
  for (let count = 0; count < ALTERED_ANSWERS; count++) {
    const proven = all[below(all.length)] as Proven;
    const others = [all[below(all.length)] as Proven, all[below(all.length)] as Proven];
    const material: Material = { others, appHashes, stores: STORES };
    for (const altered of alteredProofs(proven, material, random)) {
      assertRefused(altered);
      counts.altered++;
    }
  }
}

function assertRefused({ how, ops, appHash, claim }: Altered): void {
  try {
    verifyProof(ops, appHash, claim);
  } catch (error) {
    if (error instanceof BizraError && error.code === 'bad_proof') return;
    throw error;
  }
  assert.fail(`a lie holds: ${how}`);
}
