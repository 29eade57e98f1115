import type { Ledger } from '#app/ledger.ts';
import type { QueryExtra } from '#app/query/queries.ts';
import type { QueryRequest, QueryResponse } from '#rpc/node-api.ts';
import type { State } from '#state/state.ts';
import { BizraError } from '#util/errors.ts';
import type { SimulationTurns } from './simulation-turns.ts';
import { readKey, readKeys, type StoreAnswer } from './store-queries.ts';

/** `/store/NAME/key`: raw state, the path that proof users ask; `keys` is ours, for many at once. */
const STORE_PATH = /^\/store\/([^/]+)\/(keys?)$/;
const SIMULATE_PATH = '/cosmos.tx.v1beta1.Service/Simulate';
/** The SDK's codes (wire-formats 8). */
const UNREADABLE_REQUEST = 2;
const INVALID_REQUEST = 18;
const UNKNOWN_REQUEST = 6;
const INVALID_HEIGHT = 26;
const NOT_NOW = 35;

/** What may be wrong with a question, by the code of the error that says it. */
const REFUSALS: ReadonlyMap<string, number> = new Map([
  ['height_unknown', INVALID_HEIGHT],
  ['height_pruned', INVALID_HEIGHT],
  ['bad_proof', INVALID_REQUEST],
  ['query_too_large', INVALID_REQUEST],
  ['empty_key', UNREADABLE_REQUEST],
  ['bad_query', UNREADABLE_REQUEST],
  ['query_busy', NOT_NOW],
  ['simulation_busy', NOT_NOW],
  ['view_expired', NOT_NOW],
]);

export interface QueryParts {
  readonly ledger: Ledger;
  readonly state: State;
  readonly simulations: SimulationTurns;
  readonly getTx: NonNullable<QueryExtra['getTx']>;
}

/** `abci_query`: raw and proven store reads here, the SDK's query paths in the ledger. Refusals are answers with a code. */
export async function answerQuery(parts: QueryParts, request: QueryRequest): Promise<QueryResponse> {
  const { path, height, prove } = request;
  if (height < 0) return refusal(INVALID_HEIGHT, 'cannot query with height < 0; please provide a valid height');
  // The answer at a height is proven by the next header, and the first block has no header above it.
  if (prove && height === 1)
    return refusal(INVALID_REQUEST, 'cannot query with proof when height <= 1; please provide a valid height');
  const [, store, kind] = STORE_PATH.exec(path) ?? [];
  try {
    if (path === SIMULATE_PATH) return await parts.simulations.run(() => askLedger(parts, request));
    if (store === undefined) return await askLedger(parts, request);
    const read = kind === 'key' ? readKey : readKeys;
    return answer(await read(parts.state, store, request.data, height === 0 ? undefined : height, prove));
  } catch (error) {
    if (!(error instanceof BizraError)) throw error;
    if (error.code === 'unknown_store') return refusal(UNKNOWN_REQUEST, `${error.message}: unknown request`);
    const code = REFUSALS.get(error.code);
    if (code === undefined) throw error;
    return refusal(code, error.message);
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

function answer({ key, value, height, proofOps }: StoreAnswer): QueryResponse {
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
