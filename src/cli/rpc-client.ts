import { toHex } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { type CliErrorCode, failure, usageError } from './errors.ts';
import { at, numberAt, textAt } from './json-shape.ts';

export const DEFAULT_NODE_URL = 'http://127.0.0.1:26657';
/** Milliseconds. Longer than `broadcast_tx_commit` may wait (10 s by default). */
export const DEFAULT_RPC_TIMEOUT_MS = 15_000;

/** Far more than the largest block in base64: what a broken or lying node may make a command hold. */
const DEFAULT_MAX_ANSWER_BYTES = 256 * 1024 * 1024;

/** An answer of `abci_query`. */
export interface AbciAnswer {
  readonly code: number;
  readonly log: string;
  readonly value: Uint8Array;
  readonly height: number;
  readonly proofOps: readonly unknown[];
}

/** `http://HOST:PORT`; `tcp://` is taken for it, as CometBFT's tools do. Throws `usage`. */
export function parseNodeUrl(text: string): string {
  const url = URL.parse(text.replace(/^tcp:\/\//, 'http://'));
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw usageError(`--node "${text.slice(0, 200)}" is not a URL; write it like ${DEFAULT_NODE_URL}`);
  }
  return url.href.replace(/\/$/, '');
}

function unreachable(url: string, error: unknown, timeoutMs: number): BizraError<CliErrorCode> {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : undefined;
  const code = cause !== undefined && 'code' in cause ? String(cause.code) : '';
  const timedOut = error instanceof Error && error.name === 'TimeoutError';
  const reason = timedOut
    ? `no answer within ${timeoutMs / 1000} s`
    : code === 'ECONNREFUSED'
      ? 'connection refused'
      : code || (cause?.message ?? String(error));
  const remedy = 'start it with "bizra-node start", or name another with --node URL';
  return new BizraError('unreachable', `no node answers at ${url} (${reason}); ${remedy}`, { cause: error });
}

/** Undefined when it is longer than `maxBytes`; no more than that is read. */
async function readText(response: Response, maxBytes: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** CometBFT's JSON-RPC over POST. One instance a node. */
export class RpcClient {
  readonly url: string;
  private readonly timeoutMs: number;
  private readonly maxAnswerBytes: number;
  private lastId = 0;

  constructor(url: string, options: { readonly timeoutMs?: number; readonly maxAnswerBytes?: number } = {}) {
    this.url = parseNodeUrl(url);
    this.timeoutMs = options.timeoutMs ?? DEFAULT_RPC_TIMEOUT_MS;
    this.maxAnswerBytes = options.maxAnswerBytes ?? DEFAULT_MAX_ANSWER_BYTES;
  }

  private async post(body: string): Promise<unknown> {
    let text: string | undefined;
    try {
      const response = await fetch(this.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        signal: AbortSignal.timeout(this.timeoutMs),
      });
      text = await readText(response, this.maxAnswerBytes);
    } catch (error) {
      throw unreachable(this.url, error, this.timeoutMs);
    }
    if (text === undefined) throw failure(`the answer of ${this.url} is longer than ${this.maxAnswerBytes} bytes`);
    try {
      return JSON.parse(text);
    } catch {
      throw new BizraError<CliErrorCode>('failed', `${this.url} does not speak JSON-RPC; is it a node's RPC address?`);
    }
  }

  /** The result of one call. Throws `unreachable`, or `refused` with the node's own words. */
  async call(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    this.lastId++;
    const answer = await this.post(JSON.stringify({ jsonrpc: '2.0', id: this.lastId, method, params }));
    const error = at(answer, 'error');
    if (error !== undefined && error !== null) {
      const data = at(error, 'data');
      const words = typeof data === 'string' && data !== '' ? data : String(at(error, 'message'));
      throw new BizraError<CliErrorCode>('refused', `the node answers to ${method}: ${words}`);
    }
    return at(answer, 'result');
  }

  async height(): Promise<number> {
    return numberAt(await this.call('status'), 'sync_info.latest_block_height');
  }

  async chainId(): Promise<string> {
    return textAt(await this.call('status'), 'node_info.network');
  }

  /** `height` 0 asks for the newest. */
  async abciQuery(
    path: string,
    data: Uint8Array,
    options: { height?: number; prove?: boolean } = {},
  ): Promise<AbciAnswer> {
    const { height = 0, prove = false } = options;
    const result = await this.call('abci_query', { path, data: toHex(data), height: String(height), prove });
    const value = at(result, 'response.value');
    const ops = at(result, 'response.proofOps.ops');
    return {
      code: numberAt(result, 'response.code'),
      log: String(at(result, 'response.log') ?? ''),
      value: typeof value === 'string' ? new Uint8Array(Buffer.from(value, 'base64')) : new Uint8Array(0),
      height: numberAt(result, 'response.height'),
      proofOps: Array.isArray(ops) ? ops : [],
    };
  }
}
