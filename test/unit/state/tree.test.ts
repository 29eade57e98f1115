import assert from 'node:assert/strict';
import fc from 'fast-check';
import { sha256 } from '#crypto/hash.browser.ts';
import { KeyArena } from '#state/key-arena.ts';
import { LeafHasher } from '#state/leaf-changes.ts';
import { NodePool } from '#state/node-pool.ts';
import { SHORT_SLOTS, ShortHasher } from '#state/short-hasher.ts';
import { Trie } from '#state/trie.ts';
import { concatBytes, toHex } from '#util/bytes.ts';

const HASH = sha256(Uint8Array.of(1));

describe('NodePool', () => {
  it('refuses a node that it cannot number, and takes others when some were freed', () => {
    const pool = new NodePool(() => {}, 4);
    const leaves = [1, 2, 3].map((key) => pool.newLeaf(key, HASH, 0));
    assert.throws(() => pool.newLeaf(4, HASH, 0), { code: 'state_full', message: /has 4 nodes/ });
    assert.throws(() => pool.newInner(0, 1, 2), { code: 'state_full' });
    assert.deepEqual(
      leaves.map((leaf) => pool.key(leaf)),
      [1, 2, 3],
    );
    pool.release(leaves[1] as number);
    pool.collect(1);
    assert.equal(pool.newLeaf(9, HASH, 0), leaves[1]);
  });

  it('keeps its nodes while it grows', () => {
    const pool = new NodePool(() => {});
    const count = 70_000;
    const nodes = Int32Array.from({ length: count }, (_, i) => pool.newLeaf(i, HASH, 0));
    assert.ok(nodes.every((node, i) => pool.isLeaf(node) && pool.key(node) === i && pool.hashEquals(node, HASH, 0)));
    assert.equal(pool.size, count);
  });

  it('counts references up to its limit, and names a release too many', () => {
    const pool = new NodePool(() => {});
    const leaf = pool.newLeaf(1, HASH, 0);
    for (let i = 1; i < 2 ** 22 - 1; i++) pool.retain(leaf);
    assert.throws(() => pool.retain(leaf), /fewer than 2\^22/);
    assert.equal(pool.isLeaf(leaf), true);
    for (let i = 0; i < 2 ** 22 - 1; i++) pool.release(leaf);
    assert.throws(() => pool.release(leaf), /as often as/);
  });
});

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
  it('finds many keys as it finds each, whichever are absent', () => {
    // Hashes that differ in one byte alone: neighbours often part where the tree does not.
    const hashOf = (byte: number): Uint8Array => Uint8Array.from({ length: 32 }, (_, i) => (i === 1 ? byte : 7));
    const bytes = fc.uniqueArray(fc.nat(255), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(bytes, bytes, (present, wanted) => {
        const trie = new Trie();
        const leaves = present.map((byte) =>
          trie.nodes.newLeaf(trie.keys.add(Uint8Array.of(byte), hashOf(byte), 0), HASH, 0),
        );
        const root = trie.build(leaves);
        const hashes = concatBytes(...wanted.map(hashOf));
        const order = Int32Array.from(wanted.keys()).sort((a, b) => (wanted[a] as number) - (wanted[b] as number));
        const found = new Int32Array(wanted.length);
        trie.findMany(root, hashes, order, found);
        assert.deepEqual(
          [...found],
          wanted.map((byte) => leaves[present.indexOf(byte)] ?? 0),
        );
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

  it('of messages of every length around the switch', () => {
    const short = new ShortHasher();
    const bytes = Uint8Array.from({ length: SHORT_SLOTS }, (_, i) => i);
    for (let length = 0; length < 140; length++) short.set(length, bytes, 3, 3 + length);
    short.run(140);
    for (let length = 0; length < 140; length++) {
      const expected = toHex(sha256(bytes.subarray(3, 3 + length)));
      assert.equal(toHex(short.hashes.subarray(length * 32, length * 32 + 32)), expected, `${length} bytes`);
    }
  });
});
