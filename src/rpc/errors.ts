import { BizraError } from '#util/errors.ts';

/** Codes of BizraErrors that this folder throws at start-up. */
export type RpcServerErrorCode = 'rpc_address_in_use' | 'rpc_listen_failed';

export const PARSE_ERROR = -32700;
export const INVALID_REQUEST = -32600;
export const METHOD_NOT_FOUND = -32601;
export const INVALID_PARAMS = -32602;
export const INTERNAL_ERROR = -32603;
/** A subscription that the server ended. */
export const SERVER_ERROR = -32000;

const MESSAGES: Readonly<Record<number, string>> = {
  [PARSE_ERROR]: 'Parse error. Invalid JSON',
  [INVALID_REQUEST]: 'Invalid Request',
  [METHOD_NOT_FOUND]: 'Method not found',
  [INVALID_PARAMS]: 'Invalid params',
  [INTERNAL_ERROR]: 'Internal error',
  [SERVER_ERROR]: 'Server error',
};

/** An answer with an error. The text that tells what happened stands in `data`, as CometBFT's clients expect. */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: number;
  readonly data: string | undefined;
  /** Set when the node itself failed: the client hears nothing of the cause, the log does. */
  readonly isInternal: boolean;

  constructor(code: number, data?: string, isInternal = false) {
    super(data ?? MESSAGES[code] ?? 'error');
    this.code = code;
    this.data = data;
    this.isInternal = isInternal;
  }

  toJSON(): { code: number; message: string; data?: string } {
    const message = MESSAGES[this.code] ?? 'Server error';
    return this.data === undefined ? { code: this.code, message } : { code: this.code, message, data: this.data };
  }
}

/** A refusal by a handler: -32603 with the reason in `data`. */
export function refuse(reason: string): RpcError {
  return new RpcError(INTERNAL_ERROR, reason);
}

/** What a client is told of a failure: operating errors by their message, programming errors without any detail. */
export function toRpcError(error: unknown): RpcError {
  if (error instanceof RpcError) return error;
  if (error instanceof BizraError) return refuse(error.message);
  return new RpcError(INTERNAL_ERROR, 'the node failed to answer; see its log', true);
}
