import { parseQuery, type Query } from '#types/query.ts';
import { refuse } from './errors.ts';
import type { ParamValue } from './params.ts';

/** CometBFT's page sizes. */
export const DEFAULT_PER_PAGE = 30;
export const MAX_PER_PAGE = 100;

/** Characters. CometBFT's limit. */
export const MAX_QUERY_LENGTH = 512;

/** The query of a search. Throws when it is too long or wrong. */
export function queryOf(value: ParamValue): Query {
  const text = (value as string | undefined) ?? '';
  if (text.length > MAX_QUERY_LENGTH) throw refuse('maximum query length exceeded');
  return parseQuery(text);
}

/** Sizes below 1 mean the default; larger than the largest mean the largest. */
export function perPageOf(value: ParamValue): number {
  const perPage = value as number | undefined;
  if (perPage === undefined || perPage < 1) return DEFAULT_PER_PAGE;
  return Math.min(perPage, MAX_PER_PAGE);
}

/** The asked page of a list (pages count from 1). Throws when there is no such page. */
export function pageOf<T>(items: readonly T[], page: ParamValue, perPage: number): readonly T[] {
  const pages = Math.max(1, Math.ceil(items.length / perPage));
  const number = (page as number | undefined) ?? 1;
  if (number < 1 || number > pages) throw refuse(`page should be within [1, ${pages}] range, given ${number}`);
  return items.slice((number - 1) * perPage, number * perPage);
}

export type SortOrder = 'asc' | 'desc';

export function sortOrderOf(value: ParamValue, defaultOrder: SortOrder): SortOrder {
  if (value === undefined || value === '') return defaultOrder;
  if (value === 'asc' || value === 'desc') return value;
  throw refuse('expected order_by to be either `asc` or `desc` or empty');
}
