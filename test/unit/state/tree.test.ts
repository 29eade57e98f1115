import assert from 'node:assert/strict';
import fc from 'fast-check';
import { sha256 } from '#crypto/hash.browser.ts';
import { KeyArena } from '#state/key-arena.ts';
import { LeafHasher } from '#state/leaf-changes.ts';
import { LeafList } from '#state/leaf-list.ts';
import { NO_NODE, NodePool } from '#state/node-pool.ts';
import { SHORT_SLOTS, ShortHasher } from '#state/short-hasher.ts';
import { Trie } from '#state/trie.ts';
import { concatBytes, toHex } from '#util/bytes.ts';

const HASH = sha256(Uint8Array.of(1));

const UNCOUNTED = { retainKey: () => {}, releaseKey: () => {} };

describe('NodePool', () => {
  it('refuses a pair that it cannot number, and takes others when some were freed', () => {
    const pool = new NodePool(UNCOUNTED, 4);
    const pairs = [1, 2, 3].map((key) => pairOfLeaves(pool, key));
    assert.throws(() => pool.newPair(), { code: 'state_full', message: /has 8 nodes/ });
    assert.deepEqual(
      pairs.map((pair) => pool.key(2 * pair)),
      [1, 2, 3],
    );
    pool.release(2 * (pairs[1] as number));
    pool.collect(1);
    assert.equal(pool.newPair(), pairs[1]);
  });

  it('keeps its nodes while it grows', () => {
    const pool = new NodePool(UNCOUNTED);
    const count = 300_000;
    const pairs = Int32Array.from({ length: count }, (_, i) => pairOfLeaves(pool, i));
    const isWhole = (node: number, key: number): boolean =>
      pool.isLeaf(node) && pool.key(node) === key && pool.hashEquals(node, HASH, 0);
    assert.ok(pairs.every((pair, i) => isWhole(2 * pair, i) && isWhole(2 * pair + 1, i)));
    assert.equal(pool.size, count);
  });

  it('lets keys and pairs go with the last that leads to them, and names a release too many', () => {
    const keys = new Map<number, number>();
    const count = (by: number) => (key: number) => void keys.set(key, (keys.get(key) ?? 0) + by);
    const pool = new NodePool({ retainKey: count(1), releaseKey: count(-1) });
    const [a, b] = [pool.newPair(), pool.newPair()];
    pool.setLeaf(2 * a, 1, HASH, 0);
    pool.setInner(2 * a + 1, 7, pairOfLeaves(pool, 2));
    pool.copy(2 * a, 2 * b);
    pool.copy(2 * a + 1, 2 * b + 1);
    assert.equal(pool.left(2 * a + 1), pool.left(2 * b + 1));
    assert.equal(keys.get(1), 1, 'a copy of a leaf is one reference more to its key');
    pool.release(2 * a);
    pool.collect(10);
    assert.equal(pool.size, 2);
    assert.equal(keys.get(2), undefined, 'the other pair still leads to these leaves');
    pool.release(2 * b);
    pool.collect(10);
    assert.equal(pool.size, 0);
    assert.deepEqual([keys.get(1), keys.get(2)], [-1, -2], "the first reference to a key is the caller's");
    assert.throws(() => pool.release(2 * a), /as often as/);
  });
});

/** One pair with a reference, both of whose nodes are leaves. */
function pairOfLeaves(pool: NodePool, key: number): number {
  const pair = pool.newPair();
  pool.setLeaf(2 * pair, key, HASH, 0);
  pool.setLeaf(2 * pair + 1, key, HASH, 0);
  return pair;
}

describe('KeyArena', () => {
  it('refuses a key for which it has no number', () => {
    const arena = new KeyArena(1);
    const key = new Uint8Array(1024);
    assert.throws(
      () => {
        for (let i = 0; i < 2_000; i++) arena.add(key, HASH, 0);
      },
      { code: 'state_full', message: /has 1 MiB of keys/ },
    );
    assert.ok(arena.size > 900);
  });
});

describe('Trie', () => {
  it('answers nothing about a tree that nobody holds, and does not walk for ever', () => {
    const trie = new Trie();
    const leaves = new LeafList();
    const hashes = Array.from({ length: 50 }, (_, i) => sha256(Uint8Array.of(i)));
    for (const [i, hash] of hashes.entries()) leaves.add(trie.keys.add(Uint8Array.of(i), hash, 0), HASH, 0);
    const root = trie.build(leaves);
    trie.nodes.release(root);
    trie.nodes.collect(1000);
    for (const hash of hashes) assert.throws(() => trie.find(root, hash, 0), /a tree that is held/);
  });

  it('finds many keys as it finds each, whichever are absent', () => {
    // Hashes that differ in one byte alone: neighbours often part where the tree does not.
    const hashOf = (byte: number): Uint8Array => Uint8Array.from({ length: 32 }, (_, i) => (i === 1 ? byte : 7));
    const bytes = fc.uniqueArray(fc.nat(255), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(bytes, bytes, (present, wanted) => {
        const trie = new Trie();
        const leaves = new LeafList();
        for (const byte of present) leaves.add(trie.keys.add(Uint8Array.of(byte), hashOf(byte), 0), HASH, 0);
        const root = trie.build(leaves);
        const hashes = concatBytes(...wanted.map(hashOf));
        const order = Int32Array.from(wanted.keys()).sort((a, b) => (wanted[a] as number) - (wanted[b] as number));
        const [found, splits] = [new Int32Array(wanted.length), new Int16Array(wanted.length)];
        trie.findMany(root, hashes, order, { found, splits });
        for (const [i, byte] of wanted.entries()) {
          const isPresent = present.includes(byte);
          assert.equal(found[i] !== NO_NODE, isPresent);
          if (isPresent) assert.deepEqual(trie.keys.key(trie.nodes.key(found[i] as number)), Uint8Array.of(byte));
          const shared = present.map((other) => (other === byte ? 256 : 8 + Math.clz32(other ^ byte) - 24));
          assert.equal(splits[i], Math.max(...shared));
        }
      }),
    );
  });
});

describe('hashes of leaves', () => {
  const keys = fc.array(fc.uint8Array({ minLength: 1, maxLength: 150 }), { minLength: 1, maxLength: 20 });

  it('of short and long keys and values, in groups, are those of ICS-23 one by one', () => {
    const hasher = new LeafHasher();
    fc.assert(
      fc.property(keys, fc.nat(5), (given, from) => {
        const values = given.map((key, i) => (i % 5 === 4 ? undefined : Uint8Array.from([...key, i])));
        const keyHashes = new Uint8Array(given.length * 32);
        const leafHashes = new Uint8Array(given.length * 32);
        const first = Math.min(from, given.length);
        hasher.hashKeys(keyHashes, given, first, given.length);
        hasher.hashLeaves(leafHashes, keyHashes, values, first, given.length);
        for (let i = first; i < given.length; i++) {
          const keyHash = sha256(given[i] as Uint8Array);
          assert.equal(toHex(keyHashes.subarray(i * 32, i * 32 + 32)), toHex(keyHash));
          const value = values[i];
          if (value === undefined) continue;
          const leaf = sha256(concatBytes(Uint8Array.of(0), keyHash, sha256(value)));
          assert.equal(toHex(leafHashes.subarray(i * 32, i * 32 + 32)), toHex(leaf));
        }
      }),
    );
  });

  it('of messages of every length around each switch', () => {
    const short = new ShortHasher();
    const bytes = Uint8Array.from({ length: SHORT_SLOTS }, (_, i) => i);
    for (const from of [0, 60, 180]) {
      for (let length = from; length < from + 70; length++) short.set(length, bytes, 3, 3 + length);
      short.run();
      for (let length = from; length < from + 70; length++) {
        const expected = toHex(sha256(bytes.subarray(3, 3 + length)));
        assert.equal(toHex(short.hashes.subarray(length * 32, length * 32 + 32)), expected, `${length} bytes`);
      }
    }
  });
});
