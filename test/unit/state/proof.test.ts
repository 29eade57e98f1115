import assert from 'node:assert/strict';
import { calculateExistenceRoot, type ics23, verifyExistence } from '@confio/ics23';
import { CommitmentProof, HashOp, LengthOp } from 'cosmjs-types/cosmos/ics23/v1/proofs';
import fc from 'fast-check';
import { sha256 } from '#crypto/hash.ts';
import { type Claim, verifyProof } from '#state/proof-verify.ts';
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

  it('show the sentinel, and absence in a store with nothing else', async () => {
    const { state } = await bankOf(0);
    const sentinel = await state.prove('acc', bytes(0xff));
    assert.deepEqual(sentinel.value, bytes(1));
    verifyProof(sentinel.ops, state.appHash, { store: 'acc', key: bytes(0xff), value: bytes(1) });
    const absent = await state.prove('acc', bytes(1));
    verifyProof(absent.ops, state.appHash, { store: 'acc', key: bytes(1), value: undefined });
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
    const first = proof.path[0] as { hash: HashOp; prefix: Uint8Array; suffix: Uint8Array };
    const hash = new Uint8Array(32);
    const changed = [
      { ...proof, path: [{ ...first, prefix: concatBytes(bytes(1), hash), suffix: hash }, ...proof.path.slice(1)] },
      { ...proof, path: [{ ...first, prefix: bytes(1), suffix: bytes() }, ...proof.path.slice(1)] },
      { ...proof, path: [{ ...first, prefix: bytes(0), suffix: hash }, ...proof.path.slice(1)] },
      { ...proof, path: [{ ...first, prefix: bytes(), suffix: hash }, ...proof.path.slice(1)] },
      { ...proof, path: [{ ...first, prefix: concatBytes(bytes(1), hash, hash), suffix: bytes() }] },
      { ...proof, path: [{ ...first, hash: HashOp.NO_HASH }, ...proof.path.slice(1)] },
      { ...proof, leaf: { ...proof.leaf, prefix: bytes(1) } },
      { ...proof, leaf: { ...proof.leaf, prefix: bytes() } },
      { ...proof, leaf: { ...proof.leaf, prehashKey: HashOp.NO_HASH } },
      { ...proof, leaf: { ...proof.leaf, prehashValue: HashOp.NO_HASH } },
      { ...proof, leaf: { ...proof.leaf, length: LengthOp.VAR_PROTO } },
    ];
    for (const exist of changed) {
      const data = CommitmentProof.encode({ exist }).finish();
      refused(ops.with(0, { ...(ops[0] as ProofOp), data }), state.appHash, { store: 'bank', key, value });
    }
    const { leaf: _, ...withoutLeaf } = proof;
    for (const proofOf of [{ exist: withoutLeaf }, {}, { batch: { entries: [] } }]) {
      const data = CommitmentProof.encode(CommitmentProof.fromPartial(proofOf)).finish();
      refused(ops.with(0, { ...(ops[0] as ProofOp), data }), state.appHash, { store: 'bank', key, value });
    }
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
