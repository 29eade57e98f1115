/** Verifies a chain, and what is in its state, without running a node. Loads in browsers and in Node. */

export { PortableVerifier } from '#crypto/portable-verifier.ts';
export {
  type ConflictingBlock,
  decodeLightBlock,
  encodeLightBlock,
  type LightBlock,
  MAX_LIGHT_BLOCK_BYTES,
  type SignedHeader,
} from '#types/light-block.ts';
export { ValidatorSet } from '#types/validator-set.ts';
export { type Accusation, LightClientAttack } from './attack.ts';
export { isLightError, LIGHT_ERROR_CODES, type LightErrorCode, lightError } from './errors.ts';
export { checkLightBlock } from './light-block.ts';
export {
  type GenesisRoot,
  LightClient,
  type LightClientOptions,
  type LightComponents,
  type Verified,
} from './light-client.ts';
export type { ProofOp } from './proof-spec.ts';
export { type Claim, verifyProof } from './proof-verify.ts';
export type { LightProvider } from './provider.ts';
export type { DroppedProvider } from './sources.ts';
export { MemoryTrustedStore, type TrustedStore } from './trusted-store.ts';
export {
  DEFAULT_CLOCK_DRIFT_NS,
  type StepRules,
  type TrustedHeader,
  verifyBackwards,
  verifyOwnCommit,
  verifyStep,
} from './verify-step.ts';
