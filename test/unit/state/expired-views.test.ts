import assert from 'node:assert/strict';
import type { KeyValueSnapshot } from '#ports/key-value.ts';
import { MachineError } from '#util/errors.ts';
import { ModelledState, type Write } from './support.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);
const HEIGHT = 5;
/** All of these keys change at each height, so that nothing of an old tree stays in a later one. */
const KEYS = Array.from({ length: 50 }, (_, i) => bytes(1, i));
const ALL = { prefix: bytes() };

async function chain(viewHeights = 2): Promise<ModelledState> {
  const modelled = await ModelledState.start([], { viewHeights, proofHeights: 3 });
  await goOn(modelled, HEIGHT);
  return modelled;
}

async function goOn(modelled: ModelledState, height: number): Promise<void> {
  while (modelled.state.height < height) {
    const value = bytes(modelled.state.height + 1);
    await modelled.block(KEYS.map((key): Write => ['bank', key, value]));
  }
}

/**
 * Lets the chain go on while the first walk over rows, or the first read of many, is under way: long enough for what waits
 * for it to expire. What LevelDB reads from a snapshot fails when that is released meanwhile: with `failure`.
 */
function overtake(modelled: ModelledState, during: 'walk' | 'getMany' = 'walk', failure?: Error): void {
  const { kv } = modelled;
  const snapshot = kv.snapshot.bind(kv);
  let left: string | undefined = during;
  const pass = async (kind: string): Promise<void> => {
    if (left !== kind) return;
    left = undefined;
    await goOn(modelled, HEIGHT + 10);
    if (failure !== undefined) throw failure;
  };
  kv.snapshot = (): KeyValueSnapshot => {
    const inner = snapshot();
    return {
      ...inner,
      getMany: async (keys) => {
        await pass('getMany');
        return inner.getMany(keys);
      },
      iterate: async function* (range) {
        await pass('walk');
        yield* inner.iterate(range);
      },
    };
  };
}

// Who looked at the tree after it was let go of walked over free nodes, without an end: the process stood still.
describe('a view that expires while it is read', () => {
  for (const height of [HEIGHT, HEIGHT - 1, 1]) {
    it(`ends a walk at height ${height} of ${HEIGHT}`, async () => {
      const modelled = await chain();
      const view = modelled.state.view(height);
      const walk = view.iterate('bank', ALL)[Symbol.asyncIterator]();
      assert.equal((await walk.next()).done, false);
      await goOn(modelled, HEIGHT + 10);
      await assert.rejects(async () => walk.next(), { code: 'view_expired' });
    });
  }

  for (const height of [HEIGHT - 1, 1]) {
    it(`ends what waits for a value of height ${height}`, async () => {
      const modelled = await chain();
      overtake(modelled);
      await assert.rejects(modelled.state.view(height).get('bank', KEYS[3] as Uint8Array), { code: 'view_expired' });
    });

    it(`ends proofs at height ${height}, and leaves no nodes behind`, async () => {
      const modelled = await chain();
      overtake(modelled);
      const keys = [KEYS[3] as Uint8Array, bytes(2), KEYS[4] as Uint8Array];
      await assert.rejects(modelled.state.proveMany('bank', keys, height), { code: 'view_expired' });
      await goOn(modelled, HEIGHT + 20);
      const { nodes } = modelled.state;
      await goOn(modelled, HEIGHT + 40);
      assert.equal(modelled.state.nodes, nodes);
    });
  }

  describe('says so and not that the database failed', () => {
    const failure = new MachineError('database_failed', 'Snapshot is not open');
    const key = KEYS[3] as Uint8Array;

    it('in a walk', async () => {
      for (const height of [HEIGHT, HEIGHT - 1, 1]) {
        const modelled = await chain();
        overtake(modelled, 'walk', failure);
        const walk = modelled.state.view(height).iterate('bank', ALL)[Symbol.asyncIterator]();
        await assert.rejects(async () => walk.next(), { code: 'view_expired' });
      }
    });

    it('in a read of a value', async () => {
      const modelled = await chain();
      overtake(modelled, 'walk', failure);
      await assert.rejects(modelled.state.view(1).get('bank', key), { code: 'view_expired' });
    });

    it('in a proof, whichever of its reads it is', async () => {
      for (const during of ['walk', 'getMany'] as const) {
        const modelled = await chain();
        overtake(modelled, during, failure);
        await assert.rejects(modelled.state.proveMany('bank', [key], 1), { code: 'view_expired' });
      }
    });

    it('but a database that fails under an open view does', async () => {
      const modelled = await chain(100);
      overtake(modelled, 'walk', failure);
      await assert.rejects(modelled.state.view(1).get('bank', key), { code: 'database_failed' });
    });
  });
});
