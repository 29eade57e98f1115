import assert from 'node:assert/strict';
import { leafKey, leafPrefix } from '#state/rows.ts';
import { makeSnapshot } from '#state/snapshot/make.ts';
import { fromLatin1 } from '#util/bytes.ts';
import { NEVER_PAUSE } from '#util/pause.ts';
import { fromScratch, ModelledState } from '../support.ts';
import { entries, snapshotOf } from './support.ts';

describe('snapshot of a state', () => {
  it('is the same for the same state, whatever came before it', async () => {
    const modelled = await ModelledState.start(entries('bank', 100, 50_000));
    await modelled.block(entries('acc', 300));
    await modelled.block(entries('bank', 60).map(([store, key]) => [store, key, undefined]));
    const made = await snapshotOf(modelled.state);
    const scratch = await snapshotOf(await fromScratch(modelled.model));
    assert.deepEqual(scratch.chunks, made.chunks);
    assert.deepEqual(scratch.manifest.stores, made.manifest.stores);
  });

  it('shows the height at which it was begun while blocks go on', async () => {
    const modelled = await ModelledState.start([...entries('bank', 1_500, 20), ...entries('acc', 900)]);
    const before = await snapshotOf(modelled.state);
    const pinned = modelled.state.pin();
    assert.ok(pinned !== undefined);
    await modelled.block(entries('bank', 200).map(([store, key]) => [store, key, undefined]));
    let blocks = 0;
    const pause = async (): Promise<void> => {
      if (blocks++ < 3) await modelled.block(entries('bank', 1_500, 5 + blocks));
    };
    const manifest = await makeSnapshot(pinned, async () => undefined, pause);
    await pinned.release();
    assert.ok(blocks > 3);
    assert.deepEqual(manifest, before.manifest);
  });

  it('holds what it pins for one at a time, and lets go of it', async () => {
    const modelled = await ModelledState.start(entries('bank', 500), { proofHeights: 1 });
    const pinned = modelled.state.pin();
    assert.ok(pinned !== undefined);
    assert.equal(modelled.state.pin(), undefined);
    const { nodes } = modelled.state;
    await modelled.block(entries('bank', 500, 9));
    assert.ok(modelled.state.nodes > nodes * 1.9);
    await pinned.release();
    await pinned.release();
    for (let i = 0; i < 4; i++) await modelled.block([]);
    assert.equal(modelled.state.nodes, nodes);
    const next = modelled.state.pin();
    assert.equal(next?.height, modelled.state.height);
    await next?.release();
  });

  it('is not made of damaged values', async () => {
    const { kv, state } = await ModelledState.start(entries('bank', 500));
    kv.corrupt(leafKey(leafPrefix('bank'), fromLatin1('bank77')), (value) => value.fill(9));
    await assert.rejects(snapshotOf(state), { code: 'damaged' });
    assert.ok(state.pin() !== undefined);
  });

  it('snapshot-failure-visible: what goes wrong while it is kept reaches the caller', async () => {
    const { state } = await ModelledState.start(entries('bank', 500));
    const pinned = state.pin();
    assert.ok(pinned !== undefined);
    const full = async (): Promise<void> => {
      throw new Error('no space');
    };
    await assert.rejects(makeSnapshot(pinned, full, NEVER_PAUSE), /no space/);
  });
});
