import type { RawData, WebSocket } from 'ws';
import { type Dispatcher, errorText, parseBody, type RequestId, type RpcRequest, resultText } from './dispatcher.ts';
import { INTERNAL_ERROR, RpcError, toRpcError } from './errors.ts';
import type { Subscriber, SubscriptionHub } from './subscriptions.ts';

/** Requests of one connection that may run at once; reading pauses beyond. */
const MAX_RUNNING = 32;
/** Close codes of RFC 6455. */
const CLOSE_TOO_SLOW = 1008;

const SOCKET_METHODS: ReadonlySet<string> = new Set(['subscribe', 'unsubscribe', 'unsubscribe_all']);

export interface WebSocketClientComponents {
  readonly dispatcher: Dispatcher;
  readonly hub: SubscriptionHub;
  /** Takes one request from the sender's allowance. */
  readonly allow: () => boolean;
}

/** One WebSocket connection: JSON-RPC requests in, answers and subscribed events out. */
export class WebSocketClient implements Subscriber {
  private readonly socket: WebSocket;
  private readonly components: WebSocketClientComponents;
  private readonly maxBufferedBytes: number;
  private running = 0;
  /** Whether anything was heard since the last ping. */
  private isHeard = true;

  constructor(socket: WebSocket, components: WebSocketClientComponents, maxBufferedBytes: number) {
    this.socket = socket;
    this.components = components;
    this.maxBufferedBytes = maxBufferedBytes;
    socket.on('message', (data) => this.onMessage(data));
    socket.on('pong', () => {
      this.isHeard = true;
    });
    socket.on('close', () => this.components.hub.remove(this));
    // 'close' follows and cleans up; without a listener the error would end the process.
    socket.on('error', () => socket.terminate());
  }

  send(text: string): boolean {
    if (this.socket.readyState !== this.socket.OPEN) return true;
    if (this.socket.bufferedAmount > this.maxBufferedBytes) return false;
    this.socket.send(text);
    return true;
  }

  drop(lastTexts: readonly string[]): void {
    for (const text of lastTexts) this.socket.send(text);
    // A client that does not read does not answer a closing handshake either; ws ends it after its own time limit.
    this.socket.close(CLOSE_TOO_SLOW, 'too slow');
  }

  ping(): void {
    this.isHeard = false;
    this.socket.ping();
  }

  /** Ends the connection if nothing came since the last ping. */
  dropIfSilent(): void {
    if (!this.isHeard) this.socket.terminate();
  }

  terminate(): void {
    this.socket.terminate();
  }

  private onMessage(data: RawData): void {
    this.isHeard = true;
    this.running += 1;
    if (this.running >= MAX_RUNNING) this.socket.pause();
    void this.answer(String(data)).then((text) => {
      this.running -= 1;
      if (this.running === MAX_RUNNING - 1) this.socket.resume();
      // Answers are bounded by the requests that may run, so that they need no other limit.
      if (text !== undefined && this.socket.readyState === this.socket.OPEN) this.socket.send(text);
    });
  }

  /** Never rejects. */
  private async answer(text: string): Promise<string | undefined> {
    let id: RequestId | undefined;
    try {
      const request = parseBody(text, 1)[0];
      id = request?.id;
      if (request === undefined || id === undefined) return undefined;
      if (!this.components.allow()) throw new RpcError(INTERNAL_ERROR, 'too many requests; try again later');
      if (SOCKET_METHODS.has(request.method)) return this.onSocketMethod(request, id);
      return await this.components.dispatcher.message(request, id);
    } catch (error) {
      return errorText(id, toRpcError(error));
    }
  }

  private onSocketMethod(request: RpcRequest, id: RequestId): string {
    const { hub } = this.components;
    if (request.method === 'subscribe') hub.subscribe(this, id, queryOf(request.params));
    else if (request.method === 'unsubscribe') hub.unsubscribe(this, queryOf(request.params));
    else hub.unsubscribeAll(this);
    return resultText(id, '{}');
  }
}

/** `{query}` or `[query]`. */
function queryOf(params: unknown): string {
  const named = typeof params === 'object' && params !== null && Object.hasOwn(params, 'query');
  const value = Array.isArray(params) ? params[0] : named ? (params as { query: unknown }).query : '';
  if (typeof value === 'string') return value;
  throw new RpcError(INTERNAL_ERROR, 'error converting json params to arguments: query must be a string');
}
