import { CommitmentProof, type ExistenceProof, type InnerOp } from 'cosmjs-types/cosmos/ics23/v1/proofs';
import { sha256 } from '#crypto/hash.ts';
import type { Claim } from '#light/proof-verify.ts';
import type { ProofOp } from '#state/store.ts';
import { compareBytes, concatBytes, equalBytes } from '#util/bytes.ts';

/** A claim about the state with its proof, as a node answers. */
export interface Proven {
  readonly claim: Claim;
  readonly ops: readonly ProofOp[];
  readonly appHash: Uint8Array;
}

export interface Altered extends Proven {
  readonly how: string;
}

/** What a liar can put together from other true answers. */
export interface Material {
  /** True answers of the same height about other keys of the same store. */
  readonly others: readonly Proven[];
  /** App hashes of other heights. */
  readonly appHashes: readonly Uint8Array[];
  readonly stores: readonly string[];
}

type Random = () => number;

/** Lies of every kind that can be made of one true answer; none of them may hold. */
export function* alteredProofs(proven: Proven, material: Material, random: Random): Generator<Altered> {
  const { claim, ops, appHash } = proven;
  const altered = (how: string, change: Partial<Proven>): Altered => ({ ...proven, ...change, how });
  const withClaim = (how: string, change: Partial<Claim>): Altered => altered(how, { claim: { ...claim, ...change } });
  for (const [step, op] of ops.entries()) {
    const name = step === 0 ? 'tree' : 'map';
    yield altered(`bit of the ${name}'s proof`, { ops: ops.with(step, { ...op, data: flipped(op.data, random) }) });
    yield altered(`bit of the ${name}'s key`, { ops: ops.with(step, { ...op, key: flipped(op.key, random) }) });
    const cut = op.data.subarray(0, Math.floor(random() * op.data.length));
    yield altered(`the ${name}'s proof cut off`, { ops: ops.with(step, { ...op, data: cut }) });
    const longer = concatBytes(op.data, Uint8Array.of(Math.floor(random() * 256)));
    yield altered(`a byte after the ${name}'s proof`, { ops: ops.with(step, { ...op, data: longer }) });
    yield altered(`without the ${name}'s step`, { ops: ops.toSpliced(step, 1) });
    yield altered(`the ${name}'s step twice`, { ops: ops.toSpliced(step, 0, op) });
  }
  yield altered('steps swapped', { ops: ops.toReversed() });
  yield altered('bit of the app hash', { appHash: flipped(appHash, random) });
  for (const other of material.appHashes) {
    if (!equalBytes(other, appHash)) yield altered('another height', { appHash: other });
  }
  for (const store of material.stores) if (store !== claim.store) yield withClaim('another store', { store });
  yield withClaim('bit of the key', { key: flipped(claim.key, random) });
  yield withClaim('a longer key', { key: concatBytes(claim.key, Uint8Array.of(0)) });
  if (claim.value === undefined) yield withClaim('absence as existence', { value: Uint8Array.of(1) });
  else {
    yield withClaim('bit of the value', { value: flipped(claim.value, random) });
    yield withClaim('existence as absence', { value: undefined });
  }
  for (const other of material.others) {
    if (equalBytes(other.claim.key, claim.key)) continue;
    yield withClaim("another key's name", { key: other.claim.key });
    yield altered("another key's proof", { ops: ops.with(0, other.ops[0] as ProofOp) });
  }
  yield* alteredTrees(proven, material, random);
  yield* alteredPaths(proven, 1, random);
}

/** The tree's own proof, taken apart and put together in another way. */
function* alteredTrees(proven: Proven, material: Material, random: Random): Generator<Altered> {
  const { claim, ops } = proven;
  const [tree] = ops as readonly [ProofOp, ProofOp];
  const { nonexist } = CommitmentProof.decode(tree.data);
  if (nonexist === undefined) {
    yield* alteredPaths(proven, 0, random);
    return;
  }
  const { left, right } = nonexist;
  const absence = (how: string, a: ExistenceProof | undefined, b: ExistenceProof | undefined): Altered => {
    const changed = { key: claim.key, ...(a && { left: a }), ...(b && { right: b }) };
    const data = CommitmentProof.encode({ nonexist: changed }).finish();
    return { ...proven, ops: ops.with(0, { ...tree, data }), how };
  };
  if (left !== undefined || right !== undefined) yield absence('neighbours swapped', right, left);
  yield absence('without neighbours', undefined, undefined);
  if (left !== undefined && right !== undefined) {
    yield absence('without the right neighbour', left, undefined);
    yield absence('without the left neighbour', undefined, right);
  }
  if (left !== undefined) yield absence('left neighbour twice', left, left);
  // Leaves that exist, farther away: what is between them is left out.
  for (const other of material.others) {
    const leaf = CommitmentProof.decode((other.ops[0] as ProofOp).data).exist;
    if (leaf === undefined) continue;
    const isLeft = compareBytes(sha256(leaf.key), sha256(claim.key)) < 0;
    const isSame = equalBytes(leaf.key, (isLeft ? left : right)?.key ?? new Uint8Array(0));
    if (!isSame) yield isLeft ? absence('a wider gap', leaf, right) : absence('a wider gap', left, leaf);
  }
  for (const side of ['left', 'right'] as const) {
    const neighbour = nonexist[side];
    if (neighbour === undefined) continue;
    for (const { how, proof } of alteredExistences(neighbour, random)) {
      yield absence(`${side} neighbour: ${how}`, side === 'left' ? proof : left, side === 'right' ? proof : right);
    }
  }
}

function* alteredPaths(proven: Proven, step: 0 | 1, random: Random): Generator<Altered> {
  const op = proven.ops[step] as ProofOp;
  const { exist } = CommitmentProof.decode(op.data);
  if (exist === undefined) return;
  for (const { how, proof } of alteredExistences(exist, random)) {
    const data = CommitmentProof.encode({ exist: proof }).finish();
    yield { ...proven, ops: proven.ops.with(step, { ...op, data }), how: `step ${step}: ${how}` };
  }
}

/** One way up the tree, altered in each of its steps. */
function* alteredExistences(
  proof: ExistenceProof,
  random: Random,
): Generator<{ readonly how: string; readonly proof: ExistenceProof }> {
  const { path } = proof;
  const withPath = (how: string, changed: InnerOp[]) => ({ how, proof: { ...proof, path: changed } });
  yield { how: 'bit of its value', proof: { ...proof, value: flipped(proof.value, random) } };
  yield { how: 'bit of its key', proof: { ...proof, key: flipped(proof.key, random) } };
  if (proof.leaf !== undefined) {
    yield { how: 'leaf prefix', proof: { ...proof, leaf: { ...proof.leaf, prefix: Uint8Array.of(1) } } };
    yield { how: 'leaf hash', proof: { ...proof, leaf: { ...proof.leaf, prehashKey: proof.leaf.prehashKey ^ 1 } } };
  }
  for (const [index, { prefix, suffix, hash }] of path.entries()) {
    const inner = (how: string, change: Partial<InnerOp>) =>
      withPath(`${how} ${index}`, path.with(index, { prefix, suffix, hash, ...change }));
    yield withPath(`without step ${index}`, path.toSpliced(index, 1));
    if (suffix.length > 0) {
      yield inner('bit of the right sibling', { suffix: flipped(suffix, random) });
      yield inner('both siblings', { prefix: concatBytes(prefix, suffix) });
      yield inner('the other side', { prefix: concatBytes(prefix, suffix), suffix: new Uint8Array(0) });
    } else {
      yield inner('bit of the left sibling', { prefix: flipped(prefix, random) });
      yield inner('both siblings', { suffix: prefix.slice(1) });
      yield inner('the other side', { prefix: prefix.slice(0, 1), suffix: prefix.slice(1) });
    }
    yield inner('no sibling', { prefix: prefix.slice(0, 1), suffix: new Uint8Array(0) });
    yield inner('a leaf for an inner node', { prefix: concatBytes(Uint8Array.of(0), prefix.slice(1)) });
    yield inner('another hash', { hash: hash + 1 });
    const next = path[index + 1];
    const differ = next !== undefined && !(equalBytes(next.prefix, prefix) && equalBytes(next.suffix, suffix));
    if (differ)
      yield withPath(`steps ${index} swapped`, path.with(index, next).with(index + 1, { prefix, suffix, hash }));
  }
  const extra = { hash: 1, prefix: Uint8Array.of(1), suffix: new Uint8Array(32) };
  yield withPath('one more step', [...path, extra]);
  yield withPath('one more step below', [extra, ...path]);
}

/** One bit, anywhere; of nothing, one byte. */
function flipped(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length === 0) return Uint8Array.of(1);
  const bit = Math.floor(random() * bytes.length * 8);
  return bytes.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
}
