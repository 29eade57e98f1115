import assert from 'node:assert/strict';
import { PeerLag } from '#engine/peer-lag.ts';
import { RelayParents } from '#engine/relay-parents.ts';

const LATER_MS = 2_000;

/** What each peer is asked for now, of those whose wish changed. */
function wishes(parents: RelayParents, size = 3): Record<string, readonly number[]> {
  return Object.fromEntries(parents.takeChanged(size).map(({ peer, validators }) => [peer, validators]));
}

describe('relay parents', () => {
  it('asks whoever brought a validator first', () => {
    const parents = new RelayParents();
    parents.arrived('a', 1, 'p', 0);
    parents.arrived('b', 2, 'q', 0);
    assert.deepEqual(wishes(parents), { p: [1], q: [2] });
    assert.deepEqual(wishes(parents), {}, 'once');
  });

  it('asks another one that is earlier by more than jitter', () => {
    const parents = new RelayParents();
    parents.arrived('a', 1, 'p', 0);
    wishes(parents);
    parents.arrived('b', 1, 'q', 10);
    parents.repeated('b', 'p', 12);
    assert.deepEqual(wishes(parents), {}, '2 ms are jitter');
    parents.arrived('c', 1, 'q', 20);
    parents.repeated('c', 'p', 50);
    assert.deepEqual(wishes(parents), { q: [1], p: [] });
  });

  it('asks another one when the old one no longer brings anything', () => {
    const parents = new RelayParents();
    parents.arrived('a', 1, 'p', 0);
    parents.arrived('b', 1, 'q', 10);
    parents.heightStarted([], 20);
    assert.deepEqual(wishes(parents), { p: [1] }, 'its answer may be under way yet');
    parents.arrived('c', 1, 'q', LATER_MS);
    parents.heightStarted([], LATER_MS);
    assert.deepEqual(wishes(parents), { q: [1], p: [] });
  });

  it('believes what is brought, not who says so: a copy from a third is no proof', () => {
    const parents = new RelayParents();
    parents.arrived('a', 1, 'p', 0);
    wishes(parents);
    parents.arrived('b', 1, 'q', 0);
    parents.repeated('b', 'r', 500);
    assert.deepEqual(wishes(parents), {});
  });

  it('puts peers on trial in turn, and less often when none is better', () => {
    const parents = new RelayParents();
    const peers = ['p', 'q'];
    const tried: string[] = [];
    for (const validator of [0, 1]) parents.arrived(`${validator}`, validator, 'p', 0);
    wishes(parents);
    for (let height = 0; height < 40; height++) {
      parents.heightStarted(peers, height);
      for (const [peer, validators] of Object.entries(wishes(parents))) if (validators.length === 3) tried.push(peer);
    }
    assert.deepEqual(tried.slice(0, 4), ['p', 'q', 'p', 'q']);
    assert.ok(tried.length > 6 && tried.length < 20, `${tried.length} trials in 40 heights`);
  });

  it('a trial that is better is kept, and the trial ends with its height', () => {
    const parents = new RelayParents();
    for (const validator of [0, 1]) parents.arrived(`${validator}`, validator, 'p', 0);
    parents.heightStarted(['q', 'p'], 0);
    assert.deepEqual(wishes(parents), { p: [0, 1], q: [0, 1, 2] });
    parents.arrived('b', 1, 'q', 10);
    parents.repeated('b', 'p', 90);
    parents.heightStarted(['q', 'p'], 100);
    assert.deepEqual(wishes(parents), { p: [0], q: [1] });
  });

  it('tries nobody where each peer brings its own', () => {
    const parents = new RelayParents();
    for (const [validator, peer] of ['p', 'q', 'r'].entries()) parents.arrived(peer, validator, peer, 0);
    wishes(parents);
    parents.heightStarted(['p', 'q', 'r'], 0);
    assert.deepEqual(wishes(parents), {});
  });

  it('forgets a peer that is gone, and everything when positions change', () => {
    const parents = new RelayParents();
    parents.arrived('a', 1, 'p', 0);
    parents.forget('p');
    assert.deepEqual(wishes(parents), {});
    parents.arrived('b', 1, 'q', 1);
    parents.validatorsChanged();
    parents.arrived('c', 1, 'p', 2);
    assert.deepEqual(wishes(parents), { p: [1] });
  });
});

describe('lag of a peer', () => {
  it('follows what nearly all samples stay below', () => {
    const lag = new PeerLag(0);
    for (let sample = 0; sample < 2_000; sample++) lag.note(100 + (sample % 20));
    assert.ok(lag.graceMs > 150 && lag.graceMs < 220, `${lag.graceMs} ms`);
    for (let sample = 0; sample < 2_000; sample++) lag.note(5);
    assert.ok(lag.graceMs < 20, 'and comes down again');
  });

  it('takes waits that are longer than round the world for losses', () => {
    const lag = new PeerLag(0);
    for (let sample = 0; sample < 1_000; sample++) lag.note(5_000);
    assert.equal(lag.graceMs, 0);
  });
});
