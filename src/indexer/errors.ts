import { BizraError } from '#util/errors.ts';

/** Codes of the `BizraError`s that this folder throws. */
export const INDEXER_ERROR_CODES = ['index_off', 'search_busy', 'search_over_budget', 'search_unsupported'] as const;

export type IndexerErrorCode = (typeof INDEXER_ERROR_CODES)[number];

export function indexerError(code: IndexerErrorCode, message: string): BizraError<IndexerErrorCode> {
  return new BizraError(code, message);
}
