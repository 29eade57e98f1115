import { MAX_BLOCK_BYTES } from '#types/limits.ts';
import { describe } from './describe.ts';
import {
  INTERNAL_ERROR,
  INVALID_PARAMS,
  INVALID_REQUEST,
  METHOD_NOT_FOUND,
  PARSE_ERROR,
  RpcError,
  refuse,
  toRpcError,
} from './errors.ts';
import { isCacheable, type Method, type MethodTable } from './method.ts';
import { ParamError, type ParamValue, paramsFromJson, paramsFromUri } from './params.ts';
import type { UnsentAccount } from './unsent-bytes.ts';

/** Answers that one batch may add up to: 64 MiB, a dozen full blocks. */
const MAX_BATCH_ANSWER_LENGTH = 64 * 1024 * 1024;
/** One answer: the largest block that a chain may have, in base64, and room for its header and its commit. */
const MAX_ANSWER_LENGTH = Math.ceil(MAX_BLOCK_BYTES / 3) * 4 + 16 * 1024 * 1024;

/** Methods that are started together, in order, so that their signatures are verified together. */
const SUBMISSIONS: ReadonlySet<string> = new Set(['broadcast_tx_sync', 'broadcast_tx_async', 'broadcast_tx_commit']);

/** Text that CometBFT's clients know for a batch whose members are no requests. */
const NOT_REQUESTS =
  'json: cannot unmarshal array into Go value of type struct { JSONRPC string "json:\\"jsonrpc\\""; ID interface {} ' +
  '"json:\\"id,omitempty\\""; Method string "json:\\"method\\""; Params json.RawMessage "json:\\"params\\"" }';

export type RequestId = string | number;

export interface RpcRequest {
  /** undefined: a notification, which gets no answer and is not run. */
  readonly id: RequestId | undefined;
  readonly method: string;
  readonly params: unknown;
}

export interface Reply {
  readonly status: number;
  /** Empty when nothing is to be answered. */
  readonly text: string;
  readonly cacheable: boolean;
}

export interface DispatcherOptions {
  readonly maxRequestBatchSize: number;
  /** Told of failures that clients only hear of as "internal error". */
  readonly onFailure: (method: string, error: unknown) => void;
}

/** JSON-RPC 2.0 over the method table, without a transport. */
export class Dispatcher {
  private readonly methods: MethodTable;
  private readonly options: DispatcherOptions;

  constructor(methods: MethodTable, options: DispatcherOptions) {
    this.methods = methods;
    this.options = options;
  }

  get names(): readonly string[] {
    return [...this.methods.keys()].sort();
  }

  has(name: string): boolean {
    return this.methods.has(name);
  }

  paramNames(name: string): readonly string[] {
    return this.methods.get(name)?.params.map((spec) => spec.name) ?? [];
  }

  /** Answers the body of a POST: a request or a batch. What it answers is taken from the account. */
  async post(body: string, account: UnsentAccount): Promise<Reply> {
    let requests: readonly RpcRequest[];
    try {
      requests = parseBody(body, this.options.maxRequestBatchSize);
    } catch (error) {
      return { status: 500, text: errorText(undefined, toRpcError(error)), cacheable: false };
    }
    const [first] = requests;
    if (requests.length === 1 && first !== undefined) {
      if (first.id === undefined) return NO_REPLY;
      const { text, cacheable } = await this.run(first, first.id, account);
      return { status: 200, text, cacheable };
    }
    return this.batch(requests, account);
  }

  private async batch(requests: readonly RpcRequest[], account: UnsentAccount): Promise<Reply> {
    const running: Promise<Answer>[] = [];
    let room = MAX_BATCH_ANSWER_LENGTH;
    // Answers are counted before they are put together: texts beyond V8's longest one cannot be.
    const answered = async (request: RpcRequest, id: RequestId): Promise<Answer> => {
      const answer = await this.run(request, id, account);
      if (answer.text.length > room) {
        account.give(answer.bytes);
        return tooLong(id);
      }
      room -= answer.text.length;
      return answer;
    };
    for (const request of requests) {
      if (request.id === undefined) continue;
      const answer = answered(request, request.id);
      running.push(answer);
      if (!isSubmission(request)) await answer;
    }
    if (running.length === 0) return NO_REPLY;
    const answers = await Promise.all(running);
    const texts = answers.map((answer) => answer.text);
    const text = texts.length === 1 ? (texts[0] as string) : `[${texts.join(',')}]`;
    return { status: 200, text, cacheable: answers.every((answer) => answer.cacheable) };
  }

  private async run(request: RpcRequest, id: RequestId, account: UnsentAccount): Promise<Answer> {
    const method = this.methods.get(request.method);
    if (method === undefined) return failed(id, new RpcError(METHOD_NOT_FOUND));
    let values: ParamValue[];
    try {
      values = paramsFromJson(method.params, request.params);
    } catch (error) {
      return failed(id, paramsError(error, 'json', INVALID_PARAMS));
    }
    return this.answer({ name: request.method, method, values, id }, account);
  }

  /** Answers a request that came over a WebSocket, where wrong parameters are internal errors (as in CometBFT). */
  async message(request: RpcRequest, id: RequestId, account: UnsentAccount): Promise<Answer> {
    const method = this.methods.get(request.method);
    if (method === undefined) return failed(id, new RpcError(METHOD_NOT_FOUND));
    let values: ParamValue[];
    try {
      values = paramsFromJson(method.params, request.params);
    } catch (error) {
      return failed(id, paramsError(error, 'json', INTERNAL_ERROR));
    }
    return this.answer({ name: request.method, method, values, id }, account);
  }

  /** Answers `GET /name?query`. The id of such answers is -1; errors come with HTTP 500. */
  async uri(name: string, query: URLSearchParams, account: UnsentAccount): Promise<Reply> {
    const method = this.methods.get(name);
    if (method === undefined) {
      return { status: 404, text: errorText(-1, new RpcError(METHOD_NOT_FOUND)), cacheable: false };
    }
    let values: ParamValue[];
    try {
      values = paramsFromUri(method.params, query);
    } catch (error) {
      return { status: 500, text: errorText(-1, paramsError(error, 'http', INVALID_PARAMS)), cacheable: false };
    }
    const { text, cacheable, ok } = await this.answer({ name, method, values, id: -1 }, account);
    return { status: ok ? 200 : 500, text, cacheable };
  }

  private async answer({ name, method, values, id }: Call, account: UnsentAccount): Promise<Answer> {
    try {
      const result = await method.answer(values);
      if (result.length > MAX_ANSWER_LENGTH)
        throw refuse(`the answer is longer than ${MAX_ANSWER_LENGTH}; ${ASK_LESS}`);
      const text = resultText(id, result);
      const bytes = Buffer.byteLength(text);
      if (!account.take(bytes)) throw refuse(BUSY);
      return { ok: true, text, bytes, cacheable: isCacheable(method, values) };
    } catch (error) {
      const known = toRpcError(error);
      if (known.isInternal) this.options.onFailure(name, error);
      return failed(id, known);
    }
  }
}

/** A request whose method and parameters are known. */
interface Call {
  readonly name: string;
  readonly method: Method;
  readonly values: readonly ParamValue[];
  readonly id: RequestId;
}

export interface Answer {
  readonly ok: boolean;
  readonly text: string;
  /** What was taken from the account. Errors are short and take nothing. */
  readonly bytes: number;
  readonly cacheable: boolean;
}

/** What helps against an answer that is too long. */
const ASK_LESS = 'ask for less at once, by a smaller per_page or in a request of its own';
const BUSY = 'too many answers wait for clients that do not read them; try again later';

const NO_REPLY: Reply = { status: 200, text: '', cacheable: false };

function failed(id: RequestId, error: RpcError): Answer {
  return { ok: false, text: errorText(id, error), bytes: 0, cacheable: false };
}

function tooLong(id: RequestId): Answer {
  return failed(id, refuse(`the answers of this batch are too long together; ${ASK_LESS}`));
}

function paramsError(error: unknown, source: 'json' | 'http', code: number): RpcError {
  if (!(error instanceof ParamError)) return toRpcError(error);
  return new RpcError(code, `error converting ${source} params to arguments: ${error.message}`);
}

export function resultText(id: RequestId, result: string): string {
  return `${resultHead(id)}${result}}`;
}

/** What stands before a result. */
export function resultHead(id: RequestId): string {
  return `{"jsonrpc":"2.0","id":${idText(id)},"result":`;
}

export function errorText(id: RequestId | undefined, error: RpcError): string {
  const body = JSON.stringify(error);
  return id === undefined
    ? `{"jsonrpc":"2.0","error":${body}}`
    : `{"jsonrpc":"2.0","id":${idText(id)},"error":${body}}`;
}

function idText(id: RequestId): string {
  return typeof id === 'number' ? String(id) : JSON.stringify(id);
}

/** Submissions of one client may run at once: they wait for others, and their answers are short. */
export function isSubmission({ method }: RpcRequest): boolean {
  return SUBMISSIONS.has(method);
}

/** Requests of a body. Throws an RpcError when the body as a whole is no request. */
export function parseBody(body: string, maxBatchSize: number): readonly RpcRequest[] {
  const value = parseJson(body);
  if (!Array.isArray(value)) return [toRequest(value)];
  if (value.length > maxBatchSize) {
    throw new RpcError(INVALID_REQUEST, `batch request exceeds maximum (${maxBatchSize}) allowed number of requests`);
  }
  if (value.some((entry) => typeof entry !== 'object' || entry === null || Array.isArray(entry))) {
    throw unmarshalError(NOT_REQUESTS);
  }
  return value.map(toRequest);
}

/** The text is Go's where that is one sentence: clients print it. */
function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    const message = error instanceof Error ? error.message : '';
    const position = /at position ([0-9]+)/.exec(message)?.[1];
    const isCut = message.startsWith('Unexpected end') || position === String(body.length);
    throw unmarshalError(isCut ? 'unexpected end of JSON input' : `invalid JSON at byte ${position ?? 0}`);
  }
}

function toRequest(value: unknown): RpcRequest {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw unmarshalError(`a request must be an object, got ${describe(value)}`);
  }
  const { id, method, params } = value as { id?: unknown; method?: unknown; params?: unknown };
  return { id: toId(id), method: typeof method === 'string' ? method : '', params };
}

/**
 * Ids are echoed as they came. A number that JavaScript would echo as another one is refused, or answers of two
 * requests could be mixed up.
 */
function toId(id: unknown): RequestId | undefined {
  if (id === undefined || id === null) return undefined;
  if (typeof id === 'string') return id;
  if (typeof id === 'number' && Math.abs(id) <= Number.MAX_SAFE_INTEGER) return id;
  throw unmarshalError(
    `json-RPC ID (${typeof id === 'number' ? id : describe(id)}) must be a string or a number up to 2^53-1`,
  );
}

function unmarshalError(reason: string): RpcError {
  return new RpcError(PARSE_ERROR, `error unmarshaling request: ${reason}`);
}
