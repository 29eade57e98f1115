import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Dispatcher } from './dispatcher.ts';
import { eventSlice } from './event-slice.ts';
import type { RpcOptions } from './options.ts';
import type { SubscriptionHub } from './subscriptions.ts';
import type { UnsentBytes } from './unsent-bytes.ts';
import { WebSocketClient } from './web-socket-client.ts';

export interface WebSocketsComponents {
  readonly dispatcher: Dispatcher;
  readonly hub: SubscriptionHub;
  readonly unsent: UnsentBytes;
}

/** Accepts WebSocket connections that the HTTP server let through, and drops those that fall silent. */
export class WebSockets {
  private readonly components: WebSocketsComponents;
  private readonly options: RpcOptions;
  private readonly server: WebSocketServer;
  private readonly pause = eventSlice();
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
      const client = new WebSocketClient(webSocket, { ...this.components, pause: this.pause, allow }, this.options);
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
