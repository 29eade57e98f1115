import type { RawData, WebSocket } from 'ws';
import type { Pause } from '#util/pause.ts';
import {
  type Answer,
  type Dispatcher,
  errorText,
  isSubmission,
  parseBody,
  type RequestId,
  type RpcRequest,
  resultText,
} from './dispatcher.ts';
import { INTERNAL_ERROR, RpcError, toRpcError } from './errors.ts';
import type { RpcOptions } from './options.ts';
import type { Subscriber, SubscriptionHub } from './subscriptions.ts';
import type { UnsentAccount, UnsentBytes } from './unsent-bytes.ts';
import { Outbox, type OutgoingMessage } from './web-socket-outbox.ts';

/** Requests of one connection that may run at once; the next ones wait. */
const MAX_RUNNING = 32;
/** Close codes of RFC 6455. */
const CLOSE_TOO_SLOW = 1008;

const SOCKET_METHODS: ReadonlySet<string> = new Set(['subscribe', 'unsubscribe', 'unsubscribe_all']);

export interface WebSocketClientComponents {
  readonly dispatcher: Dispatcher;
  readonly hub: SubscriptionHub;
  readonly unsent: UnsentBytes;
  /** Shared by all clients, so that sending to all of them takes no longer than to one before others have a turn. */
  readonly pause: Pause;
  /** Takes one request from the sender's allowance. */
  readonly allow: () => boolean;
}

export type WebSocketClientOptions = Pick<RpcOptions, 'webSocketMaxBufferedBytes' | 'writeTimeoutMs'>;

type MessageAnswer = Pick<Answer, 'text' | 'bytes'>;

/** One WebSocket connection: JSON-RPC requests in, answers and subscribed events out. */
export class WebSocketClient implements Subscriber {
  private readonly socket: WebSocket;
  private readonly components: WebSocketClientComponents;
  private readonly options: WebSocketClientOptions;
  private readonly account: UnsentAccount;
  private readonly outbox: Outbox;
  /** Requests that came while there was no room for them: what was read before reading paused, and no more. */
  private readonly waiting: string[] = [];
  private readonly answers: OutgoingMessage[] = [];
  private running = 0;
  private isReading = false;
  private unsentBytes = 0;
  /** Whether anything was heard since the last ping. */
  private isHeard = true;

  constructor(socket: WebSocket, components: WebSocketClientComponents, options: WebSocketClientOptions) {
    this.socket = socket;
    this.components = components;
    this.options = options;
    this.account = components.unsent.open(() => socket.terminate());
    this.outbox = new Outbox(socket, {
      next: () => this.nextMessage(),
      pause: components.pause,
      onProgress: () => this.account.progress(),
      timeoutMs: options.writeTimeoutMs,
    });
    socket.on('message', (data) => this.onMessage(data));
    socket.on('pong', () => {
      this.isHeard = true;
    });
    socket.on('close', () => this.onClose());
    // 'close' follows and cleans up; without a listener the error would end the process.
    socket.on('error', () => socket.terminate());
  }

  wake(): void {
    this.outbox.wake();
  }

  drop(lastTexts: readonly string[]): void {
    // They come after what was begun; a client that takes none of it is ended by the time limit of writing.
    let left = lastTexts.length;
    const onSent = (): void => {
      left -= 1;
      if (left === 0) this.socket.close(CLOSE_TOO_SLOW, 'too slow');
    };
    for (const text of lastTexts) this.answers.push({ parts: [Buffer.from(text)], onSent });
    this.outbox.wake();
  }

  ping(): void {
    this.isHeard = false;
    this.socket.ping();
  }

  /** Ends the connection if nothing came since the last ping, unless nobody listened. */
  dropIfSilent(): void {
    if (!this.isHeard && !this.socket.isPaused) this.socket.terminate();
  }

  terminate(): void {
    this.socket.terminate();
  }

  /** Answers come first: that to a subscription before its events. */
  private nextMessage(): OutgoingMessage | undefined {
    const answer = this.answers.shift();
    if (answer !== undefined) return answer;
    const event = this.components.hub.next(this);
    return event && { parts: [event.head, event.body], onSent: () => {} };
  }

  private onClose(): void {
    this.waiting.length = 0;
    this.components.hub.remove(this);
    this.account.close();
  }

  private onMessage(data: RawData): void {
    this.isHeard = true;
    this.waiting.push(String(data));
    this.startWaiting();
  }

  /** Starts what there is room for; until all of it has started, no more is read. */
  private startWaiting(): void {
    while (this.waiting.length > 0 && this.hasRoom()) this.start(this.waiting.shift() as string);
    if (this.waiting.length > 0) this.socket.pause();
    else if (this.socket.isPaused) this.socket.resume();
  }

  private hasRoom(): boolean {
    return this.running < MAX_RUNNING && !this.isReading && this.unsentBytes <= this.options.webSocketMaxBufferedBytes;
  }

  private start(text: string): void {
    this.running += 1;
    this.answer(text)
      .then((answer) => this.onAnswer(answer))
      // No request may end the node: whatever fails here costs its sender the connection.
      .catch(() => this.socket.terminate());
  }

  /** A request counts as running until the system has its answer. */
  private onAnswer(answer: MessageAnswer | undefined): void {
    const body = Buffer.from(answer?.text ?? '');
    const onSent = (): void => {
      this.running -= 1;
      this.unsentBytes -= body.length;
      this.account.give(answer?.bytes ?? 0);
      this.startWaiting();
    };
    this.unsentBytes += body.length;
    if (answer === undefined) onSent();
    else {
      this.answers.push({ parts: [body], onSent });
      this.outbox.wake();
      this.startWaiting();
    }
  }

  private async answer(text: string): Promise<MessageAnswer | undefined> {
    let id: RequestId | undefined;
    try {
      const request = parseBody(text, 1)[0];
      id = request?.id;
      if (request === undefined || id === undefined) return undefined;
      if (!this.components.allow()) throw new RpcError(INTERNAL_ERROR, 'too many requests; try again later');
      if (SOCKET_METHODS.has(request.method)) return { text: this.onSocketMethod(request, id), bytes: 0 };
      if (isSubmission(request)) return await this.components.dispatcher.message(request, id, this.account);
      return await this.read(request, id);
    } catch (error) {
      return { text: errorText(id, toRpcError(error)), bytes: 0 };
    }
  }

  /** One after the other, as CometBFT does: each may bring as much as a whole block. */
  private async read(request: RpcRequest, id: RequestId): Promise<MessageAnswer> {
    this.isReading = true;
    try {
      return await this.components.dispatcher.message(request, id, this.account);
    } finally {
      this.isReading = false;
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
