import {
  CommitmentProof,
  type ExistenceProof,
  HashOp,
  type InnerOp,
  type LeafOp,
  type NonExistenceProof,
} from 'cosmjs-types/cosmos/ics23/v1/proofs';
import { sha256 } from '#crypto/hash.ts';
import { compareBytes, concatBytes, equalBytes } from '#util/bytes.ts';
import { lightError } from './errors.ts';
import { type ProofOp, SIMPLE_LEAF, SMT_LEAF } from './proof-spec.ts';

const HASH_BYTES = 32;
const INNER_PREFIX = 1;

/** The two of ICS-23's specs that our chain uses. */
interface Spec {
  readonly type: ProofOp['type'];
  readonly leaf: LeafOp;
  /** Most inner steps of a path: `max_depth`, where 0 means ICS-23's default of 128. */
  readonly depthMax: number;
}

const SMT: Spec = { type: 'ics23:smt', leaf: SMT_LEAF, depthMax: 256 };
const SIMPLE: Spec = { type: 'ics23:simple', leaf: SIMPLE_LEAF, depthMax: 128 };

/** What is claimed: the value under a key, or with `value` undefined that there is none. */
export interface Claim {
  /** Name of a module's store, such as `bank`. */
  readonly store: string;
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
}

/**
 * Checks a proof chain as `abci_query` returns it against an app hash (of the header after the answer's height).
 * Throws BizraError 'bad_proof' unless it shows the claim; any bytes are safe to give.
 */
export function verifyProof(ops: readonly ProofOp[], appHash: Uint8Array, claim: Claim): void {
  const [storeTree, map] = ops;
  demand(storeTree !== undefined && map !== undefined && ops.length === 2, 'it has two steps');
  demand(equalBytes(storeTree.key, claim.key), 'its first step is about the key');
  const name = new TextEncoder().encode(claim.store);
  demand(equalBytes(map.key, name), 'its second step is about the store');
  const proof = decode(storeTree, SMT);
  const storeRoot =
    claim.value === undefined
      ? absenceRoot(proof.nonexist, claim.key)
      : existenceRoot(proof.exist, SMT, claim.key, claim.value);
  const root = existenceRoot(decode(map, SIMPLE).exist, SIMPLE, name, storeRoot);
  demand(equalBytes(root, appHash), 'it leads to the app hash');
}

/** Decodes and encodes again: unknown fields, padding and other spellings of the same proof are refused. */
function decode(op: ProofOp, spec: Spec): CommitmentProof {
  demand(op.type === spec.type, `its step has the type ${spec.type}`);
  let proof: CommitmentProof;
  try {
    proof = CommitmentProof.decode(op.data);
  } catch (error) {
    throw lightError('bad_proof', 'the proof cannot be decoded', { cause: error });
  }
  demand(proof.batch === undefined && proof.compressed === undefined, 'it is a single proof');
  demand((proof.exist === undefined) !== (proof.nonexist === undefined), 'it shows one thing');
  demand(equalBytes(CommitmentProof.encode(proof).finish(), op.data), 'its encoding is canonical');
  return proof;
}

function existenceRoot(proof: ExistenceProof | undefined, spec: Spec, key: Uint8Array, value: Uint8Array): Uint8Array {
  demand(proof !== undefined, 'it shows existence');
  demand(equalBytes(proof.key, key), 'it is about the key');
  demand(equalBytes(proof.value, value), 'it is about the value');
  return rootOf(proof, spec);
}

function rootOf(proof: ExistenceProof, spec: Spec): Uint8Array {
  demand(proof.key.length > 0 && proof.value.length > 0, 'key and value are not empty');
  demand(proof.leaf !== undefined && sameLeafOp(proof.leaf, spec.leaf), 'its leaf follows the spec');
  demand(proof.path.length <= spec.depthMax, `its path has at most ${spec.depthMax} steps`);
  let hash = leafHash(spec, proof.key, proof.value);
  for (const step of proof.path) {
    demand(siblingSide(step) !== undefined, 'its steps follow the spec');
    hash = sha256(concatBytes(step.prefix, hash, step.suffix));
  }
  return hash;
}

/** Key and value after their hashing, with lengths where the spec wants them. */
function leafHash(spec: Spec, key: Uint8Array, value: Uint8Array): Uint8Array {
  if (spec === SMT) return sha256(concatBytes(spec.leaf.prefix, sha256(key), sha256(value)));
  const keyLength = Uint8Array.of(key.length);
  demand(key.length < 128, 'a store name is short');
  return sha256(concatBytes(spec.leaf.prefix, keyLength, key, Uint8Array.of(HASH_BYTES), sha256(value)));
}

function sameLeafOp(a: LeafOp, b: LeafOp): boolean {
  return (
    a.hash === b.hash &&
    a.prehashKey === b.prehashKey &&
    a.prehashValue === b.prehashValue &&
    a.length === b.length &&
    equalBytes(a.prefix, b.prefix)
  );
}

/** Exactly one sibling, on exactly one side; undefined for anything else, so no inner step can pass for a leaf. */
function siblingSide(step: InnerOp): 'left' | 'right' | undefined {
  if (step.hash !== HashOp.SHA256 || step.prefix[0] !== INNER_PREFIX) return undefined;
  if (step.prefix.length === 1 && step.suffix.length === HASH_BYTES) return 'right';
  if (step.prefix.length === 1 + HASH_BYTES && step.suffix.length === 0) return 'left';
  return undefined;
}

/** Neighbours in the order of key hashes with nothing between them; both lead to the same root. */
function absenceRoot(proof: NonExistenceProof | undefined, key: Uint8Array): Uint8Array {
  demand(proof !== undefined, 'it shows absence');
  demand(key.length > 0 && equalBytes(proof.key, key), 'it is about the key');
  const { left, right } = proof;
  const place = sha256(key);
  if (left !== undefined) demand(compareBytes(sha256(left.key), place) < 0, 'its left neighbour is before the key');
  if (right !== undefined) demand(compareBytes(place, sha256(right.key)) < 0, 'its right neighbour is after the key');
  if (left !== undefined && right !== undefined) {
    const root = rootOf(left, SMT);
    demand(equalBytes(root, rootOf(right, SMT)), 'its neighbours are in one tree');
    demand(areAdjacent(left.path, right.path), 'nothing is between its neighbours');
    return root;
  }
  const only = left ?? right;
  demand(only !== undefined, 'it names a neighbour');
  const root = rootOf(only, SMT);
  const side = left === undefined ? 'right' : 'left';
  demand(isEdge(only.path, side), `nothing is ${side === 'right' ? 'before' : 'after'} its neighbour`);
  return root;
}

/** All siblings of the first leaf are to its right, all of the last leaf's to its left. */
function isEdge(path: readonly InnerOp[], siblings: 'left' | 'right'): boolean {
  return path.every((step) => siblingSide(step) === siblings);
}

/**
 * The paths meet in one node, of which `left` ends the left half and `right` begins the right half. Above it they are
 * the same steps.
 */
function areAdjacent(left: readonly InnerOp[], right: readonly InnerOp[]): boolean {
  let l = left.length - 1;
  let r = right.length - 1;
  while (l >= 0 && r >= 0 && sameStep(left[l] as InnerOp, right[r] as InnerOp)) {
    l--;
    r--;
  }
  if (l < 0 || r < 0) return false;
  if (siblingSide(left[l] as InnerOp) !== 'right' || siblingSide(right[r] as InnerOp) !== 'left') return false;
  return isEdge(left.slice(0, l), 'left') && isEdge(right.slice(0, r), 'right');
}

function sameStep(a: InnerOp, b: InnerOp): boolean {
  return equalBytes(a.prefix, b.prefix) && equalBytes(a.suffix, b.suffix);
}

function demand(condition: boolean, what: string): asserts condition {
  if (!condition) throw lightError('bad_proof', `the proof is not valid: it must hold that ${what}`);
}
