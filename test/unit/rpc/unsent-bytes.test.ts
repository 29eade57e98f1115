import assert from 'node:assert/strict';
import { UnsentBytes } from '#rpc/unsent-bytes.ts';

describe('rpc unsent bytes', () => {
  let now = 0;
  let unsent: UnsentBytes;
  let dropped: string[];

  beforeEach(() => {
    now = 0;
    dropped = [];
    unsent = new UnsentBytes(100, () => now);
  });

  const open = (name: string) => unsent.open(() => dropped.push(name));

  it('gives what was taken back once, with an answer or with its client', () => {
    const [a, b] = [open('a'), open('b')];
    assert.ok(a.take(60) && b.take(40));
    assert.equal(unsent.total, 100);
    a.give(20);
    b.close();
    b.close();
    b.give(40);
    assert.equal(unsent.total, 40);
    assert.equal(b.take(1), false, 'a closed account takes nothing');
    a.give(40);
    assert.equal(unsent.total, 0);
    assert.deepEqual(dropped, []);
  });

  it('refuses whoever comes while all others read, and what is more than there is at all', () => {
    const [a, b] = [open('a'), open('b')];
    assert.ok(a.take(60));
    now = 5000;
    a.progress();
    now = 5999;
    assert.equal(b.take(60), false);
    assert.equal(b.take(40), true);
    now = 60_000;
    assert.equal(open('c').take(101), false);
    assert.deepEqual(dropped, []);
  });

  it('drops the clients that took nothing for the longest time, as many as are in the way', () => {
    const [a, b, c, d] = [open('a'), open('b'), open('c'), open('d')];
    assert.ok(a.take(30) && b.take(30) && c.take(30));
    now = 1000;
    a.progress();
    assert.ok(d.take(70));
    assert.deepEqual(dropped, ['b', 'c']);
    assert.equal(unsent.total, 100);
  });

  it('a client that asks for more does not seem to read by that, and does not drop itself', () => {
    const [a, b] = [open('a'), open('b')];
    assert.ok(a.take(50));
    now = 1000;
    assert.ok(a.take(50));
    assert.equal(a.take(1), false);
    assert.deepEqual(dropped, []);
    assert.ok(b.take(1));
    assert.deepEqual(dropped, ['a']);
  });
});
