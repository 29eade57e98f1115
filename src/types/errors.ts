import { BizraError } from '#util/errors.ts';

/** Codes of the `BizraError`s that this folder throws. */
export const TYPES_ERROR_CODES = [
  'bad_encoding',
  'bad_block',
  'bad_commit',
  'bad_evidence',
  'bad_genesis',
  'bad_header',
  'bad_params',
  'bad_part',
  'bad_proposal',
  'bad_query',
  'bad_result',
  'bad_signature',
  'bad_time',
  'bad_validator_set',
  'bad_vote',
  'not_enough_power',
] as const;

export type TypesErrorCode = (typeof TYPES_ERROR_CODES)[number];

export function typesError(code: TypesErrorCode, message: string): BizraError<TypesErrorCode> {
  return new BizraError(code, message);
}

/** Throws `code` with `message()` unless the condition holds. For input of peers, files and users. */
export function check(condition: boolean, code: TypesErrorCode, message: () => string): asserts condition {
  if (!condition) throw typesError(code, message());
}
