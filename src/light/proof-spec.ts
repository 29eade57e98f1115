import { HashOp, type LeafOp, LengthOp } from 'cosmjs-types/cosmos/ics23/v1/proofs';

/** One step of an ICS-23 proof chain, as `abci_query` returns it. */
export interface ProofOp {
  readonly type: 'ics23:smt' | 'ics23:simple';
  readonly key: Uint8Array;
  readonly data: Uint8Array;
}

const LEAF_PREFIX = Uint8Array.of(0);

/** ICS-23's SmtSpec: a store's tree. */
export const SMT_LEAF: LeafOp = {
  hash: HashOp.SHA256,
  prehashKey: HashOp.SHA256,
  prehashValue: HashOp.SHA256,
  length: LengthOp.NO_PREFIX,
  prefix: LEAF_PREFIX,
};

/** ICS-23's TendermintSpec: the simple map. */
export const SIMPLE_LEAF: LeafOp = {
  hash: HashOp.SHA256,
  prehashKey: HashOp.NO_HASH,
  prehashValue: HashOp.SHA256,
  length: LengthOp.VAR_PROTO,
  prefix: LEAF_PREFIX,
};
