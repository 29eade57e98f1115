import assert from 'node:assert/strict';
import { calculateExistenceRoot, type ics23, verifyExistence } from '@confio/ics23';
import {
  CommitmentProof,
  type ExistenceProof,
  HashOp,
  type InnerOp,
  LengthOp,
} from 'cosmjs-types/cosmos/ics23/v1/proofs';
import fc from 'fast-check';
import { sha256 } from '#crypto/hash.ts';
import { type Claim, verifyProof } from '#light/proof-verify.ts';
import type { ProofOp } from '#state/store.ts';
import { concatBytes } from '#util/bytes.ts';
import { ModelledState, modelKey, type Write } from './support.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);

/** A bank with `count` accounts of which the even keys exist. */
async function bankOf(count: number): Promise<ModelledState> {
  return ModelledState.start(
    Array.from(
      { length: count },
      (_, i): Write => ['bank', bytes(2, (2 * i) >> 8, (2 * i) & 0xff), bytes(1 + (i & 0x7f))],
    ),
  );
}

function refused(ops: readonly ProofOp[], appHash: Uint8Array, claim: Claim): void {
  assert.throws(() => verifyProof(ops, appHash, claim), { code: 'bad_proof' });
}

/** The chain of proofs with another one for the store's tree, and the app hash that the two then lead to. */
function withRoot(ops: readonly ProofOp[], exist: ExistenceProof): { ops: ProofOp[]; appHash: Uint8Array } {
  const [tree, map] = ops as readonly [ProofOp, ProofOp];
  const up = (hash: Uint8Array, path: readonly InnerOp[]) =>
    path.reduce((below, { prefix, suffix }) => sha256(concatBytes(prefix, below, suffix)), hash);
  const root = up(sha256(concatBytes(bytes(0), sha256(exist.key), sha256(exist.value))), exist.path);
  const top = { ...(CommitmentProof.decode(map.data).exist as ExistenceProof), value: root };
  const leaf = concatBytes(bytes(0, top.key.length), top.key, bytes(32), sha256(root));
  return {
    ops: [
      { ...tree, key: exist.key, data: CommitmentProof.encode({ exist }).finish() },
      { ...map, data: CommitmentProof.encode({ exist: top }).finish() },
    ],
    appHash: up(sha256(leaf), top.path),
  };
}

describe('proofs', () => {
  it('show every existing and every absent key, for stores of any size', async () => {
    for (const count of [0, 1, 2, 3, 7, 64, 300]) {
      const { state, model } = await bankOf(count);
      for (let i = 0; i < 2 * count + 4; i++) {
        const key = bytes(2, i >> 8, i & 0xff);
        const { value, ops, height } = await state.prove('bank', key);
        assert.deepEqual(value, model.get(modelKey('bank', key)));
        assert.equal(height, 0);
        verifyProof(ops, state.appHash, { store: 'bank', key, value });
      }
    }
  });

  it('show absence in a store with nothing but its sentinel, and nothing of the sentinel itself', async () => {
    const { state } = await bankOf(0);
    const absent = await state.prove('acc', bytes(1));
    verifyProof(absent.ops, state.appHash, { store: 'acc', key: bytes(1), value: undefined });
    await assert.rejects(state.prove('acc', bytes(0xff)), { code: 'bad_proof' });
  });

  it('fail with any single bit flipped, in the proof, the claim or the app hash', async () => {
    const { state } = await bankOf(6);
    for (const key of [bytes(2, 0, 4), bytes(2, 0, 5), bytes(2, 0, 99)]) {
      const { value, ops } = await state.prove('bank', key);
      const claim = { store: 'bank', key, value };
      verifyProof(ops, state.appHash, claim);
      const flips = (given: Uint8Array) =>
        Array.from({ length: given.length * 8 }, (_, bit) =>
          given.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)),
        );
      for (const [step, op] of ops.entries()) {
        for (const data of flips(op.data)) refused(ops.with(step, { ...op, data }), state.appHash, claim);
        for (const other of flips(op.key)) refused(ops.with(step, { ...op, key: other }), state.appHash, claim);
      }
      for (const appHash of flips(state.appHash)) refused(ops, appHash, claim);
      for (const other of flips(key)) refused(ops, state.appHash, { ...claim, key: other });
      for (const other of flips(value ?? bytes(1))) refused(ops, state.appHash, { ...claim, value: other });
      if (value !== undefined) refused(ops, state.appHash, { ...claim, value: undefined });
      refused(ops, state.appHash, { ...claim, store: 'acc' });
    }
  });

  it('proof-input-edges: any other bytes are refused without a throw of another kind', async () => {
    const { state } = await bankOf(6);
    const key = bytes(2, 0, 4);
    const { value, ops } = await state.prove('bank', key);
    const claim = { store: 'bank', key, value };
    refused([], state.appHash, claim);
    refused(ops.slice(0, 1), state.appHash, claim);
    refused([...ops, ...ops], state.appHash, claim);
    refused(ops.toReversed(), state.appHash, claim);
    refused(ops, bytes(), claim);
    refused(ops, state.appHash, { ...claim, value: bytes() });
    refused(ops, state.appHash, { ...claim, key: bytes() });
    await assert.rejects(state.prove('bank', bytes()), { code: 'bad_proof' });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (data, first) => {
        refused(ops.with(first ? 0 : 1, { ...(ops[first ? 0 : 1] as ProofOp), data }), state.appHash, claim);
      }),
    );
  });

  it('proof-input-edges: paths longer than the limit are refused', async () => {
    const { state } = await bankOf(1);
    const key = bytes(2, 0, 0);
    const { value, ops } = await state.prove('bank', key);
    const proof = CommitmentProof.decode((ops[1] as ProofOp).data);
    const step = { hash: HashOp.SHA256, prefix: bytes(1), suffix: new Uint8Array(32) };
    const withSteps = (count: number) => {
      const path = [...(proof.exist?.path ?? []), ...Array(count - (proof.exist?.path.length ?? 0)).fill(step)];
      const data = CommitmentProof.encode({
        exist: { ...(proof.exist as NonNullable<typeof proof.exist>), path },
      }).finish();
      let root = sha256(
        concatBytes(bytes(0, 4), new TextEncoder().encode('bank'), bytes(32), sha256(proof.exist?.value as Uint8Array)),
      );
      for (const { prefix, suffix } of path) root = sha256(concatBytes(prefix, root, suffix));
      return { root, ops: ops.with(1, { ...(ops[1] as ProofOp), data }) };
    };
    const most = withSteps(128);
    verifyProof(most.ops, most.root, { store: 'bank', key, value });
    const tooMany = withSteps(129);
    refused(tooMany.ops, tooMany.root, { store: 'bank', key, value });
  });

  it('ics23-leaf-inner-ambiguity, rangeproof-two-children: steps of any other form are refused', async () => {
    const { state } = await bankOf(6);
    const key = bytes(2, 0, 4);
    const { value, ops } = await state.prove('bank', key);
    const proof = CommitmentProof.decode((ops[0] as ProofOp).data).exist;
    assert.ok(proof?.leaf);
    const first = proof.path[0] as InnerOp;
    const hash = new Uint8Array(32);
    const paths: InnerOp[] = [
      { ...first, prefix: concatBytes(bytes(1), hash), suffix: hash },
      { ...first, prefix: bytes(1), suffix: bytes() },
      { ...first, prefix: bytes(0), suffix: hash },
      { ...first, prefix: bytes(0, ...hash), suffix: bytes() },
      { ...first, prefix: bytes(), suffix: hash },
      { ...first, prefix: concatBytes(bytes(1), hash, hash), suffix: bytes() },
      { ...first, prefix: concatBytes(bytes(1), hash.subarray(1)), suffix: bytes() },
      { ...first, prefix: bytes(1), suffix: hash.subarray(1) },
      { ...first, hash: HashOp.NO_HASH },
    ];
    for (const step of paths) {
      // The app hash is what such steps lead to: only their form is wrong.
      const forged = withRoot(ops, { ...proof, path: [step, ...proof.path.slice(1)] });
      refused(forged.ops, forged.appHash, { store: 'bank', key, value });
    }
    const whole = withRoot(ops, proof);
    assert.deepEqual(whole.appHash, state.appHash);
    verifyProof(whole.ops, whole.appHash, { store: 'bank', key, value });
    const leaves = [
      { ...proof.leaf, prefix: bytes(1) },
      { ...proof.leaf, prefix: bytes() },
      { ...proof.leaf, prehashKey: HashOp.NO_HASH },
      { ...proof.leaf, prehashValue: HashOp.NO_HASH },
      { ...proof.leaf, length: LengthOp.VAR_PROTO },
    ];
    for (const leaf of leaves) {
      const data = CommitmentProof.encode({ exist: { ...proof, leaf } }).finish();
      refused(ops.with(0, { ...(ops[0] as ProofOp), data }), state.appHash, { store: 'bank', key, value });
    }
    const { leaf: _, ...withoutLeaf } = proof;
    for (const proofOf of [{ exist: withoutLeaf }, {}, { batch: { entries: [] } }]) {
      const data = CommitmentProof.encode(CommitmentProof.fromPartial(proofOf)).finish();
      refused(ops.with(0, { ...(ops[0] as ProofOp), data }), state.appHash, { store: 'bank', key, value });
    }
  });

  it('ics23-leaf-inner-ambiguity: a value that looks like a leaf proves nothing, though the hashes fit', async () => {
    // Whoever may store 65 bytes stores the leaf of an entry that does not exist, and takes the real leaf for a node.
    const [stolen, riches] = [bytes(2, 9, 9), bytes(0xff, 0xff)];
    const inside = concatBytes(bytes(0), sha256(stolen), sha256(riches));
    const own = bytes(2, 0, 1);
    const { state } = await ModelledState.start([
      ['bank', own, inside],
      ['bank', bytes(2, 0, 2), bytes(1)],
    ]);
    const { ops } = await state.prove('bank', own);
    const proof = CommitmentProof.decode((ops[0] as ProofOp).data).exist;
    assert.ok(proof !== undefined);
    const step = { hash: HashOp.SHA256, prefix: concatBytes(bytes(0), sha256(own)), suffix: bytes() };
    const exist = { ...proof, key: stolen, value: riches, path: [step, ...proof.path] };
    const forged = withRoot(ops, exist);
    assert.deepEqual(forged.appHash, state.appHash, 'the hashes lead to the true app hash');
    refused(forged.ops, state.appHash, { store: 'bank', key: stolen, value: riches });
  });

  it('absence is refused when a key lies between the neighbours, or one of them is left out', async () => {
    const { state } = await bankOf(40);
    const inHashOrder = Array.from({ length: 40 }, (_, i) => bytes(2, 0, 2 * i)).sort((a, b) =>
      Buffer.compare(sha256(a), sha256(b)),
    );
    const exists = inHashOrder[20] as Uint8Array;
    const absentOf = async (key: Uint8Array) =>
      CommitmentProof.decode(((await state.prove('bank', key)).ops[0] as ProofOp).data);
    const map = (await state.prove('bank', exists)).ops[1] as ProofOp;
    const proofs = await Promise.all(Array.from({ length: 60 }, (_, i) => absentOf(bytes(3, i, i))));
    const lefts = proofs.flatMap((proof) => proof.nonexist?.left ?? []);
    const rights = proofs.flatMap((proof) => proof.nonexist?.right ?? []);
    const before = lefts.filter(({ key }) => Buffer.compare(sha256(key), sha256(exists)) < 0);
    const after = rights.filter(({ key }) => Buffer.compare(sha256(key), sha256(exists)) > 0);
    assert.ok(before.length > 9 && after.length > 9);
    for (const left of [undefined, ...before]) {
      for (const right of [undefined, ...after]) {
        const nonexist = { key: exists, ...(left && { left }), ...(right && { right }) };
        const op: ProofOp = { type: 'ics23:smt', key: exists, data: CommitmentProof.encode({ nonexist }).finish() };
        refused([op, map], state.appHash, { store: 'bank', key: exists, value: undefined });
      }
    }
  });

  it('of existence verify with @confio/ics23 when it is given the SMT spec', async () => {
    const { state } = await bankOf(50);
    const key = bytes(2, 0, 40);
    const { value, ops } = await state.prove('bank', key);
    const [tree, map] = ops.map(({ data }) => CommitmentProof.decode(data).exist as unknown as ics23.IExistenceProof);
    const smtSpec = {
      leafSpec: { hash: 1, prehashKey: 1, prehashValue: 1, length: 0, prefix: bytes(0) },
      innerSpec: {
        childOrder: [0, 1],
        childSize: 32,
        minPrefixLength: 1,
        maxPrefixLength: 1,
        emptyChild: new Uint8Array(32),
        hash: 1,
      },
      maxDepth: 256,
    };
    const root = calculateExistenceRoot(tree as ics23.IExistenceProof);
    verifyExistence(tree as ics23.IExistenceProof, smtSpec, root, key, value as Uint8Array);
    assert.deepEqual(calculateExistenceRoot(map as ics23.IExistenceProof), state.appHash);
    assert.deepEqual(map?.value, root);
  });
});
