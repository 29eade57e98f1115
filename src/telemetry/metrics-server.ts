import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BizraError } from '#util/errors.ts';
import type { TelemetryErrorCode } from './errors.ts';

/** Prometheus' text exposition format. */
const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
const METRICS_PATH = '/metrics';
/** A few scrapers and a person with a browser; nobody else has business here. */
const CONNECTIONS_MAX = 16;
/** Milliseconds in which a request must have come. */
const REQUEST_TIMEOUT_MS = 10_000;
/** Milliseconds that an idle connection is kept: scrapes come every 15 s as a rule. */
const KEEP_ALIVE_TIMEOUT_MS = 30_000;

export interface MetricsServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/** Answers `GET /metrics`, and nothing else. What it tells is no secret, but it listens on loopback unless told otherwise. */
export class MetricsServer {
  private readonly render: () => string;
  private readonly options: MetricsServerOptions;
  private readonly server: Server;

  /** `render` makes the text at the moment of each scrape. */
  constructor(render: () => string, options: MetricsServerOptions) {
    this.render = render;
    this.options = options;
    this.server = createServer(
      {
        headersTimeout: REQUEST_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      },
      (request, response) => this.answer(request, response),
    );
    this.server.maxConnections = CONNECTIONS_MAX;
  }

  /** Listens. Throws a BizraError when the address is taken or cannot be used. */
  async start(): Promise<void> {
    const { host, port } = this.options;
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', (error) => reject(listenError(host, port, error)));
      this.server.listen(port, host, resolve);
    });
  }

  /** `http://host:port/metrics`, once started. */
  get url(): string {
    const { address, family, port } = this.server.address() as AddressInfo;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}${METRICS_PATH}`;
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    await closed;
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    // Errors of a connection that went away have nobody left to be told to.
    request.on('error', () => {});
    const [path] = (request.url ?? '').split('?');
    if (path !== METRICS_PATH) send(response, 404, `the metrics are at ${METRICS_PATH}\n`);
    else if (request.method !== 'GET') send(response.setHeader('Allow', 'GET'), 405, 'method not allowed; use GET\n');
    else send(response, 200, this.render());
  }
}

function send(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': CONTENT_TYPE, 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}

function listenError(host: string, port: number, cause: NodeJS.ErrnoException): BizraError<TelemetryErrorCode> {
  const fault = cause.code === 'EADDRINUSE' ? 'it is in use' : cause.message;
  const message = `cannot listen for metrics on ${host}:${port}: ${fault}; check instrumentation.prometheus_listen_addr`;
  return new BizraError('metrics_listen_failed', message, { cause });
}
