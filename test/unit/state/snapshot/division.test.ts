import assert from 'node:assert/strict';
import fc from 'fast-check';
import { sha256 } from '#crypto/hash.ts';
import { LeafHasher } from '#state/leaf-changes.ts';
import { type Leaf, leafWeight } from '#state/snapshot/chunk.ts';
import { Division } from '#state/snapshot/division.ts';
import type { TopNode } from '#state/snapshot/manifest.ts';
import { innerHash } from '#state/snapshot/subtree-fold.ts';
import { compareBytes, toHex } from '#util/bytes.ts';

interface Hashed extends Leaf {
  readonly keyHash: Uint8Array;
  readonly leafHash: Uint8Array;
}

const leaves = fc
  .uniqueArray(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 4 }), fc.nat({ max: 300 })), {
    minLength: 1,
    maxLength: 120,
    selector: ([key]) => toHex(key),
  })
  .map((pairs) => pairs.map(([key, size]) => hashed({ key, value: new Uint8Array(size + 1) })))
  .map((all) => all.sort((a, b) => compareBytes(a.keyHash, b.keyHash)));

function hashed(leaf: Leaf): Hashed {
  const keyHash = sha256(leaf.key);
  const leafHash = new Uint8Array(32);
  new LeafHasher().hash(leafHash, keyHash, 0, leaf.value);
  return { ...leaf, keyHash, leafHash };
}

const bitOf = (hash: Uint8Array, bit: number): number => ((hash[bit >> 3] as number) >> (7 - (bit & 7))) & 1;

interface Plain {
  readonly hash: Uint8Array;
  readonly top: readonly TopNode[];
  readonly chunks: readonly (readonly Leaf[])[];
}

/** The rule as it is said: from the root down, to the first subtree that is light enough. */
function divided(all: readonly Hashed[], weightMax: number, bit = 0): Plain {
  if (all.length > 1) {
    const right = all.filter(({ keyHash }) => bitOf(keyHash, bit) === 1);
    if (right.length === 0 || right.length === all.length) return divided(all, weightMax, bit + 1);
    const a = divided(all.slice(0, all.length - right.length), weightMax, bit + 1);
    const b = divided(right, weightMax, bit + 1);
    const hash = innerHash(a.hash, b.hash);
    if (all.reduce((sum, leaf) => sum + leafWeight(leaf), 0) <= weightMax) return { hash, top: [hash], chunks: [all] };
    return { hash, top: [undefined, ...a.top, ...b.top], chunks: [...a.chunks, ...b.chunks] };
  }
  const { leafHash } = all[0] as Hashed;
  return { hash: leafHash, top: [leafHash], chunks: [all] };
}

describe('Division', () => {
  it('cuts at the largest subtrees that are light enough, wherever it is asked for them', () => {
    fc.assert(
      fc.property(leaves, fc.integer({ min: 1, max: 8_000 }), fc.integer({ min: 1, max: 50 }), (all, max, often) => {
        const division = new Division(max);
        const chunks: { hash: Uint8Array; leaves: readonly Leaf[] }[] = [];
        for (const [i, leaf] of all.entries()) {
          division.add(leaf, leaf.keyHash, leaf.leafHash);
          if (i % often === 0) chunks.push(...division.take());
        }
        const { root, top } = division.finish();
        chunks.push(...division.take());
        const expected = divided(all, max);
        assert.deepEqual(root, expected.hash);
        assert.deepEqual(top, expected.top);
        assert.deepEqual(
          chunks.map(({ leaves }) => leaves),
          expected.chunks,
        );
        assert.deepEqual(
          chunks.map(({ hash }) => hash),
          top.filter((node) => node !== undefined),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('lets go of leaves before a chunk more of them wait', () => {
    const all = Array.from({ length: 5_000 }, (_, i) =>
      hashed({ key: Uint8Array.of(i >> 8, i), value: new Uint8Array(36) }),
    );
    all.sort((a, b) => compareBytes(a.keyHash, b.keyHash));
    const division = new Division(10_000);
    let waiting = 0;
    for (const leaf of all) {
      division.add(leaf, leaf.keyHash, leaf.leafHash);
      waiting += leafWeight(leaf);
      for (const { leaves } of division.take()) for (const one of leaves) waiting -= leafWeight(one);
      assert.ok(waiting <= 10_000 + leafWeight(leaf));
    }
  });

  it('refuses leaves that are out of order or twice there', () => {
    const [a, b] = [
      hashed({ key: Uint8Array.of(1), value: Uint8Array.of(1) }),
      hashed({ key: Uint8Array.of(2), value: Uint8Array.of(1) }),
    ];
    const [low, high] = compareBytes(a.keyHash, b.keyHash) < 0 ? [a, b] : [b, a];
    const division = new Division();
    division.add(high, high.keyHash, high.leafHash);
    assert.throws(() => division.add(low, low.keyHash, low.leafHash), { code: 'bad_snapshot' });
    const twice = new Division();
    twice.add(low, low.keyHash, low.leafHash);
    assert.throws(() => twice.add(low, low.keyHash, low.leafHash), { code: 'bad_snapshot' });
  });
});
