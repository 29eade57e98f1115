import type { ProofOp, StateView } from '#state/store.ts';
import type { TxResult } from '#types/results.ts';
import { EMPTY_BYTES } from '#util/bytes.ts';
import { type RegisteredError, SDK_ERRORS } from '../errors.ts';
import { authQueries } from '../modules/auth/queries.ts';
import { bankQueries } from '../modules/bank/queries.ts';
import { chainQueries } from '../modules/chain/queries.ts';
import { slashingQueries } from '../modules/slashing/queries.ts';
import type { Modules } from '../modules.ts';
import { QueryRefusal } from './errors.ts';
import type { QueryExtra, QueryHandler } from './handler.ts';
import { txQueries } from './tx-service.ts';

export type { QueryExtra, TxLookup } from './handler.ts';

/** An answer in the terms of CometBFT's `abci_query`. */
export interface LedgerQueryResponse {
  /** 0 for success. */
  readonly code: number;
  readonly codespace: string;
  readonly log: string;
  readonly info: string;
  readonly index: bigint;
  readonly key: Uint8Array | undefined;
  /** Protobuf response; undefined when the query was refused. */
  readonly value: Uint8Array | undefined;
  readonly proofOps: readonly ProofOp[] | undefined;
  /** Height of the state that answered; 0 when the query was refused. */
  readonly height: number;
}

export interface QueriesParts {
  readonly modules: Modules;
  readonly simulate: (bytes: Uint8Array) => TxResult;
}

/** The SDK's gRPC query paths, and `/app/version`. */
export class Queries {
  private readonly handlers: ReadonlyMap<string, QueryHandler>;

  constructor({ modules, simulate }: QueriesParts) {
    const { auth, bank, chain, slashing, addresses } = modules;
    this.handlers = new Map(
      Object.entries({
        ...authQueries(auth, addresses),
        ...bankQueries(bank, addresses),
        ...chainQueries(chain),
        ...slashingQueries(slashing),
        ...txQueries(simulate),
      }),
    );
  }

  /** Rejects only with faults of the machine. */
  async query(path: string, data: Uint8Array, view: StateView, extra: QueryExtra): Promise<LedgerQueryResponse> {
    // The SDK answers its version, an empty text, in its own codespace.
    if (path === '/app/version') return { ...answer(EMPTY_BYTES, view.height), codespace: 'sdk' };
    const handler = this.handlers.get(path);
    if (handler === undefined) return refusal(SDK_ERRORS.unknownRequest, 'unknown query path: unknown request');
    try {
      return answer(await handler(data, { view, extra }), view.height);
    } catch (error) {
      if (error instanceof QueryRefusal) return refusal(error.registered, error.message);
      throw error;
    }
  }
}

function answer(value: Uint8Array, height: number): LedgerQueryResponse {
  return { code: 0, codespace: '', log: '', info: '', index: 0n, key: undefined, value, proofOps: undefined, height };
}

function refusal({ code, codespace }: RegisteredError, log: string): LedgerQueryResponse {
  return { ...answer(EMPTY_BYTES, 0), code, codespace, log, value: undefined };
}
