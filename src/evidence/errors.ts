import { BizraError } from '#util/errors.ts';

/**
 * Why evidence is not taken. Only `evidence_forged` is somebody's fault: no chain of ours can make it true. The others
 * are a matter of where a node stands.
 */
export type EvidenceErrorCode =
  | 'evidence_forged'
  /** Past both age limits. */
  | 'evidence_expired'
  /** About heights that this node cannot judge yet. */
  | 'evidence_early'
  /** About heights whose records are not kept. */
  | 'evidence_unknown_height';

const CODES: readonly string[] = [
  'evidence_forged',
  'evidence_expired',
  'evidence_early',
  'evidence_unknown_height',
] satisfies EvidenceErrorCode[];

/** Whether an error is a verdict on evidence, and not a fault of the machine. */
export function isRefusal(error: unknown): error is BizraError<EvidenceErrorCode> {
  return error instanceof BizraError && CODES.includes(error.code);
}

export function evidenceError(code: EvidenceErrorCode, message: string): BizraError<EvidenceErrorCode> {
  return new BizraError(code, message);
}

/** Throws `evidence_forged` with `message()` unless the condition holds. */
export function genuine(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw evidenceError('evidence_forged', message());
}
