import type { ParamSpec, ParamValue } from './params.ts';

/**
 * When an answer may be kept by a cache: `always` (it is named by content or cannot change), `height` (only when the
 * caller named a height), `never`.
 */
export type CacheRule = 'always' | 'height' | 'never';

/** One RPC method. The same table serves POST, URI and WebSocket. */
export interface Method {
  readonly params: readonly ParamSpec[];
  readonly cache: CacheRule;
  /** Resolves to the JSON text of `result`; throws an RpcError or a BizraError. */
  readonly answer: (values: readonly ParamValue[]) => Promise<string>;
}

export type MethodTable = ReadonlyMap<string, Method>;

/** Whether an answer to these values may be cached. */
export function isCacheable(method: Method, values: readonly ParamValue[]): boolean {
  if (method.cache !== 'height') return method.cache === 'always';
  const position = method.params.findIndex((spec) => spec.name === 'height');
  return values[position] !== undefined;
}
