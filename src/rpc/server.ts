import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { BizraError } from '#util/errors.ts';
import { Access, RateLimiter } from './access.ts';
import { ChainReader } from './chain-reader.ts';
import { CommitWaiter } from './commit-waiter.ts';
import { Dispatcher, errorText, type Reply } from './dispatcher.ts';
import { endpointPage } from './endpoint-page.ts';
import { INVALID_REQUEST, RpcError, type RpcServerErrorCode } from './errors.ts';
import { isForeignSubresource, isJson, limitEnd, refuseMethod, sendReply, sendText, setCorsHeaders } from './http.ts';
import { HttpTurns } from './http-turns.ts';
import { ChainMethods } from './methods-chain.ts';
import { NodeMethods } from './methods-node.ts';
import { TxMethods } from './methods-tx.ts';
import type { NodeApi, NodeEvent } from './node-api.ts';
import { DEFAULT_RPC_OPTIONS, type RpcOptions } from './options.ts';
import { SubscriptionHub } from './subscriptions.ts';
import { type UnsentAccount, UnsentBytes } from './unsent-bytes.ts';
import { WebSockets } from './web-socket-server.ts';

/** Milliseconds in which a request's headers, and all of it, must have come: a slow sender holds a connection no longer. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** Milliseconds that an idle connection is kept for its next request. */
const KEEP_ALIVE_TIMEOUT_MS = 60_000;
const NOT_FOUND = '404 page not found\n';
const WEB_SOCKET_PATH = '/websocket';
/** Methods that only make sense on a WebSocket. */
const SOCKET_PATHS: ReadonlySet<string> = new Set(['/subscribe', '/unsubscribe', '/unsubscribe_all']);

export interface RpcServerComponents {
  readonly node: NodeApi;
  /** Told of errors that clients only hear of as internal ones. `method` is a known method's name, or the transport's. */
  readonly onFailure?: (method: string, error: unknown) => void;
}

/** CometBFT 0.38's RPC over POST, URI GET and WebSocket, for the node behind `NodeApi`. */
export class RpcServer {
  private readonly node: NodeApi;
  private readonly onFailure: (method: string, error: unknown) => void;
  private readonly options: RpcOptions;
  private readonly access: Access;
  private readonly limiter: RateLimiter | undefined;
  private readonly waiter: CommitWaiter;
  private readonly hub: SubscriptionHub;
  private readonly dispatcher: Dispatcher;
  private readonly unsent: UnsentBytes;
  private readonly turns = new HttpTurns();
  private readonly webSockets: WebSockets;
  private readonly server: Server;
  private unsubscribe: (() => void) | undefined;

  constructor(components: RpcServerComponents, options: Partial<RpcOptions> = {}) {
    this.node = components.node;
    this.options = { ...DEFAULT_RPC_OPTIONS, ...options };
    this.access = new Access(this.options);
    const { maxRequestsPerSecond } = this.options;
    this.limiter = maxRequestsPerSecond > 0 ? new RateLimiter(maxRequestsPerSecond) : undefined;
    this.waiter = new CommitWaiter(this.options.timeoutBroadcastTxCommitMs);
    const reader = new ChainReader(this.node);
    const methods = new Map([
      ...new NodeMethods(this.node).entries(),
      ...new ChainMethods(this.node, reader).entries(),
      ...new TxMethods(this.node, reader, this.waiter).entries(),
    ]);
    this.onFailure = components.onFailure ?? (() => {});
    this.hub = new SubscriptionHub({
      ...this.options,
      pause: this.node.newPause(),
      onFailure: (error) => this.onFailure('subscribe', error),
    });
    this.dispatcher = new Dispatcher(methods, {
      maxRequestBatchSize: this.options.maxRequestBatchSize,
      onFailure: this.onFailure,
    });
    this.unsent = new UnsentBytes(this.options.maxUnsentBytes);
    const { dispatcher, hub, unsent } = this;
    this.webSockets = new WebSockets({ dispatcher, hub, unsent, pause: this.node.newPause() }, this.options);
    this.server = this.createHttpServer();
  }

  /** Listens. Throws a BizraError when the address is taken or cannot be used. */
  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', (error: NodeJS.ErrnoException) => reject(this.listenError(error)));
      this.server.listen(this.options.port, this.options.host, resolve);
    });
    this.unsubscribe = this.node.subscribe((event) => this.onEvent(event));
    this.webSockets.start();
  }

  /** `http://host:port`, once started. */
  get url(): string {
    const { address, family, port } = this.server.address() as AddressInfo;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  }

  /** Open WebSocket connections. */
  get webSocketCount(): number {
    return this.webSockets.count;
  }

  /** Subscriptions of all WebSocket clients. */
  get subscriptionCount(): number {
    return this.hub.count;
  }

  /** Ends all connections, waits and subscriptions at once. */
  async stop(): Promise<void> {
    this.unsubscribe?.();
    this.waiter.stop();
    this.webSockets.stop();
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    await closed;
  }

  private onEvent(event: NodeEvent): void {
    this.waiter.onEvent(event);
    this.hub.onEvent(event);
  }

  private createHttpServer(): Server {
    const server = createServer(
      {
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
        noDelay: true,
      },
      (request, response) => this.turns.take(request, response, () => this.onRequest(request, response)),
    );
    server.maxConnections = this.options.maxOpenConnections;
    server.on('upgrade', (request, socket, head) => this.onUpgrade(request, socket, head));
    return server;
  }

  private listenError(error: NodeJS.ErrnoException): BizraError<RpcServerErrorCode> {
    const place = `${this.options.host}:${this.options.port}`;
    if (error.code === 'EADDRINUSE') {
      const advice = 'stop the other program or choose another rpc.laddr';
      return new BizraError('rpc_address_in_use', `the RPC address ${place} is in use: ${advice}`, { cause: error });
    }
    const message = `cannot listen for RPC on ${place}: ${error.message}; check rpc.laddr`;
    return new BizraError('rpc_listen_failed', message, { cause: error });
  }

  /** Answers of all clients that the system has not taken yet. */
  get unsentBytes(): number {
    return this.unsent.total;
  }

  private onRequest(request: IncomingMessage, response: ServerResponse): void {
    limitEnd(response, this.options.writeTimeoutMs);
    // Errors of a connection that went away have nobody left to be told to.
    request.on('error', () => {});
    const refusal = this.refusalOf(request);
    if (refusal !== undefined) {
      sendText(response, refusal.status, refusal.text);
      return;
    }
    const { origin } = request.headers;
    if (origin !== undefined) setCorsHeaders(response, origin);
    if (request.method === 'POST') this.onPost(request, response);
    else if (request.method === 'GET' || request.method === 'HEAD') this.onGet(request, response);
    else if (request.method === 'OPTIONS') response.writeHead(204).end();
    else refuseMethod(response);
  }

  /** Why a request is not served at all, whatever it asks for. */
  private refusalOf(request: IncomingMessage): { readonly status: number; readonly text: string } | undefined {
    const { host, origin } = request.headers;
    if (!this.access.isHostAllowed(host)) {
      return { status: 403, text: 'invalid host specified; add it to rpc.allowed_hosts\n' };
    }
    if (!this.access.isOriginAllowed(origin, host) || isForeignSubresource(request)) {
      return { status: 403, text: 'this origin is not allowed; add it to rpc.cors_allowed_origins\n' };
    }
    if (!this.allow(request)) return { status: 429, text: 'too many requests; try again later\n' };
    return undefined;
  }

  private allow(request: IncomingMessage): boolean {
    return this.limiter === undefined || this.limiter.allow(request.socket.remoteAddress ?? '', performance.now());
  }

  private onGet(request: IncomingMessage, response: ServerResponse): void {
    const target = request.url ?? '/';
    const mark = target.indexOf('?');
    const path = mark < 0 ? target : target.slice(0, mark);
    if (path === '/') {
      response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
      response.end(endpointPage(this.dispatcher, request.headers.host ?? 'localhost'));
      return;
    }
    const name = path.slice(1);
    if (!this.dispatcher.has(name) && !SOCKET_PATHS.has(path)) {
      sendText(response, 404, NOT_FOUND);
      return;
    }
    const query = new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1));
    this.answer(response, (account) => this.dispatcher.uri(name, query, account));
  }

  private onPost(request: IncomingMessage, response: ServerResponse): void {
    if (request.url !== '/') {
      sendText(response, 404, NOT_FOUND);
      return;
    }
    if (!isJson(request)) {
      sendText(response, 415, 'send the request as content-type application/json, without content-encoding\n');
      return;
    }
    const { maxBodyBytes } = this.options;
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > maxBodyBytes) this.refuseBody(request, response);
      else chunks.push(chunk);
    });
    request.on('end', () => {
      if (length > maxBodyBytes) return;
      const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
      if (body.length === 0) {
        this.onGet(request, response);
        return;
      }
      this.answer(response, (account) => this.dispatcher.post(body.toString('utf8'), account));
    });
  }

  private answer(response: ServerResponse, ask: (account: UnsentAccount) => Promise<Reply>): void {
    const account = this.unsent.open(() => response.destroy());
    response.once('close', () => account.close());
    const sending = { timeoutMs: this.options.writeTimeoutMs, onProgress: () => account.progress() };
    ask(account)
      .then((reply) => sendReply(response, reply, sending))
      .catch((error: unknown) => {
        // No request may end the node: whatever fails here costs its sender the connection.
        this.onFailure('http', error);
        response.destroy();
      });
  }

  private refuseBody(request: IncomingMessage, response: ServerResponse): void {
    if (response.headersSent) return;
    const reason = `error reading request body: larger than ${this.options.maxBodyBytes} bytes`;
    response.setHeader('Connection', 'close');
    const text = errorText(undefined, new RpcError(INVALID_REQUEST, reason));
    this.answer(response, async () => ({ status: 413, text, cacheable: false }));
    // The rest is not read: closing is cheaper than swallowing it.
    response.on('finish', () => request.destroy());
  }

  private onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const [path] = (request.url ?? '').split('?');
    const refusal = path === WEB_SOCKET_PATH ? this.refusalOf(request) : { status: 404, text: NOT_FOUND };
    if (refusal === undefined) {
      this.webSockets.accept(request, socket, head, () => this.allow(request));
      return;
    }
    socket.end(
      `HTTP/1.1 ${refusal.status} Refused\r\nConnection: close\r\nContent-Length: ${refusal.text.length}\r\n\r\n${refusal.text}`,
    );
  }
}
