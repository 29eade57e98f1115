import type { Ledger } from '#app/ledger.ts';
import type { QueryExtra } from '#app/query/queries.ts';
import type { QueryRequest, QueryResponse } from '#rpc/node-api.ts';
import type { State } from '#state/state.ts';
import { BizraError } from '#util/errors.ts';

/** `/store/NAME/key`: raw state, the path that proof users ask. */
const STORE_PATH = /^\/store\/([^/]+)\/key$/;
/** The SDK's codes (wire-formats 8). */
const INVALID_REQUEST = 18;
const UNKNOWN_REQUEST = 6;
const INVALID_HEIGHT = 26;

export interface QueryParts {
  readonly ledger: Ledger;
  readonly state: State;
  readonly getTx: NonNullable<QueryExtra['getTx']>;
}

/** `abci_query`: raw and proven store reads here, the SDK's query paths in the ledger. Refusals are answers with a code. */
export async function answerQuery(parts: QueryParts, request: QueryRequest): Promise<QueryResponse> {
  const { path, height, prove } = request;
  if (height < 0) return refusal(INVALID_HEIGHT, 'cannot query with height < 0; please provide a valid height');
  // The answer at a height is proven by the next header, and the first block has no header above it.
  if (prove && height === 1)
    return refusal(INVALID_REQUEST, 'cannot query with proof when height <= 1; please provide a valid height');
  const store = STORE_PATH.exec(path)?.[1];
  try {
    if (store !== undefined) return await readStore(parts.state, store, request);
    return await askLedger(parts, request);
  } catch (error) {
    if (!(error instanceof BizraError)) throw error;
    if (error.code === 'height_unknown' || error.code === 'height_pruned')
      return refusal(INVALID_HEIGHT, error.message);
    if (error.code === 'unknown_store') return refusal(UNKNOWN_REQUEST, `${error.message}: unknown request`);
    if (error.code === 'bad_proof') return refusal(INVALID_REQUEST, error.message);
    throw error;
  }
}

async function askLedger(
  { ledger, state, getTx }: QueryParts,
  { path, data, height }: QueryRequest,
): Promise<QueryResponse> {
  const view = state.view(height === 0 ? undefined : height);
  try {
    return await ledger.query(path, data, view, { getTx });
  } finally {
    await view.release();
  }
}

async function readStore(state: State, store: string, { data, height, prove }: QueryRequest): Promise<QueryResponse> {
  const at = height === 0 ? undefined : height;
  if (prove) {
    const { value, ops, height: provenHeight } = await state.prove(store, data, at);
    return answer(data, value, provenHeight, ops);
  }
  if (!state.stores.includes(store)) return refusal(UNKNOWN_REQUEST, `no such store: ${store}: unknown request`);
  const view = state.view(at);
  try {
    return answer(data, await view.get(store, data), view.height, undefined);
  } finally {
    await view.release();
  }
}

function answer(
  key: Uint8Array,
  value: Uint8Array | undefined,
  height: number,
  proofOps: QueryResponse['proofOps'],
): QueryResponse {
  return { code: 0, codespace: '', log: '', info: '', index: 0n, key, value, proofOps, height };
}

function refusal(code: number, log: string): QueryResponse {
  return {
    code,
    codespace: 'sdk',
    log,
    info: '',
    index: 0n,
    key: undefined,
    value: undefined,
    proofOps: undefined,
    height: 0,
  };
}
