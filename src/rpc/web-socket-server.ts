import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { RpcOptions } from './options.ts';
import { WebSocketClient, type WebSocketClientComponents } from './web-socket-client.ts';

/** What all clients share. */
export type WebSocketsComponents = Omit<WebSocketClientComponents, 'allow'>;

/** Accepts WebSocket connections that the HTTP server let through, and drops those that fall silent. */
export class WebSockets {
  private readonly components: WebSocketsComponents;
  private readonly options: RpcOptions;
  private readonly server: WebSocketServer;
  private readonly clients = new Set<WebSocketClient>();
  private pingTimer: NodeJS.Timeout | undefined;
  private silenceTimer: NodeJS.Timeout | undefined;

  constructor(components: WebSocketsComponents, options: RpcOptions) {
    this.components = components;
    this.options = options;
    // No compression: a small frame could otherwise unfold into any size.
    this.server = new WebSocketServer({ noServer: true, maxPayload: options.maxBodyBytes, perMessageDeflate: false });
  }

  get count(): number {
    return this.clients.size;
  }

  accept(request: IncomingMessage, socket: Duplex, head: Buffer, allow: () => boolean): void {
    this.server.handleUpgrade(request, socket, head, (webSocket) => {
      const client = new WebSocketClient(webSocket, { ...this.components, allow }, this.options);
      this.clients.add(client);
      webSocket.on('close', () => this.clients.delete(client));
    });
  }

  start(): void {
    const { webSocketPingMs, webSocketReadTimeoutMs } = this.options;
    this.pingTimer = setInterval(() => {
      const pinged = [...this.clients];
      for (const client of pinged) client.ping();
      this.silenceTimer = setTimeout(() => {
        for (const client of pinged) client.dropIfSilent();
      }, webSocketReadTimeoutMs - webSocketPingMs);
    }, webSocketPingMs);
  }

  stop(): void {
    clearInterval(this.pingTimer);
    clearTimeout(this.silenceTimer);
    for (const client of this.clients) client.terminate();
    this.server.close();
  }
}
