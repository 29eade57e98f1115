import assert from 'node:assert/strict';
import fc from 'fast-check';
import { sha256 } from '#crypto/hash.ts';
import { merkleLeafHash, merkleProofs, merkleRoot, merkleRootOfLeafHashes, verifyMerkleProof } from '#crypto/merkle.ts';
import { toHex } from '#util/bytes.ts';

/** RFC 6962 as it is written: recursive, with the split below n. */
function specification(items: readonly Uint8Array[]): Uint8Array {
  if (items.length === 0) return sha256(new Uint8Array(0));
  if (items.length === 1) return sha256(Uint8Array.of(0, ...(items[0] as Uint8Array)));
  let split = 1;
  while (split * 2 < items.length) split *= 2;
  return sha256(Uint8Array.of(1, ...specification(items.slice(0, split)), ...specification(items.slice(split))));
}

const items = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => Uint8Array.of(i, i >> 8, 7));

describe('merkle tree', () => {
  it('equals the specification for 0 to 70 leaves', () => {
    for (let count = 0; count <= 70; count++) {
      const expected = toHex(specification(items(count)));
      assert.equal(toHex(merkleRoot(items(count))), expected, `${count} leaves`);
      assert.equal(toHex(merkleRootOfLeafHashes(items(count).map(merkleLeafHash))), expected);
      assert.equal(toHex(merkleProofs(items(count)).root), expected);
    }
  });

  it('takes items of any length', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 }), (list) => {
        assert.equal(toHex(merkleRoot(list)), toHex(specification(list)));
      }),
    );
  });

  it('does not change what it is given', () => {
    const leaves = items(9).map(merkleLeafHash);
    const before = leaves.map(toHex);
    merkleRootOfLeafHashes(leaves);
    merkleProofs(leaves);
    assert.deepEqual(leaves.map(toHex), before);
  });

  it('proves every item, at its place only', () => {
    for (const count of [1, 2, 3, 5, 8, 13, 33]) {
      const list = items(count);
      const { root, proofs } = merkleProofs(list);
      for (const [index, proof] of proofs.entries()) {
        const item = list[index] as Uint8Array;
        assert.ok(verifyMerkleProof(root, proof, item));
        assert.ok(!verifyMerkleProof(root, proof, Uint8Array.of(99)), 'other item');
        assert.ok(!verifyMerkleProof(root, { ...proof, aunts: [...proof.aunts, root] }, item), 'too many aunts');
        if (count > 1) {
          assert.ok(!verifyMerkleProof(root, { ...proof, aunts: proof.aunts.slice(1) }, item), 'too few aunts');
          assert.ok(!verifyMerkleProof(root, { ...proof, index: (index + 1) % count }, item), 'other index');
        }
      }
    }
  });

  it('answers false to malformed proofs', () => {
    const list = items(4);
    const { root, proofs } = merkleProofs(list);
    const proof = proofs[0] as (typeof proofs)[0];
    const item = list[0] as Uint8Array;
    const bad = [
      { ...proof, index: -1 },
      { ...proof, index: 0.5 },
      { ...proof, total: 0 },
      { ...proof, total: Number.NaN },
      { ...proof, total: Number.POSITIVE_INFINITY },
      { ...proof, total: Number.MAX_SAFE_INTEGER },
      { ...proof, leafHash: new Uint8Array(0) },
      { ...proof, leafHash: root },
      { ...proof, aunts: proof.aunts.map((aunt) => aunt.slice(1)) },
      { ...proof, aunts: new Array<Uint8Array>(101).fill(root) },
    ];
    for (const malformed of bad) assert.equal(verifyMerkleProof(root, malformed, item), false);
  });
});
