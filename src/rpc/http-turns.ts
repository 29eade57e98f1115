import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Requests that one connection may send ahead of the answers that it waits for. */
const MAX_WAITING = 32;

/**
 * Serves the requests of each connection one after the other: the next when the system took the whole answer to the
 * one before. Node would run all that arrive in one chunk at once and keep their answers, read or not.
 */
export class HttpTurns {
  /** Requests that wait, by connection; an entry stands for as long as a request of the connection is served. */
  private readonly waiting = new WeakMap<Socket, (() => void)[]>();

  take({ socket }: IncomingMessage, response: ServerResponse, serve: () => void): void {
    // The rest of a chunk is parsed even when what came before it ended the connection.
    if (socket.destroyed) return;
    const start = (): void => {
      // Comes after the last byte as well as after the end of the connection.
      response.once('close', () => this.next(socket));
      serve();
    };
    const waiting = this.waiting.get(socket);
    if (waiting === undefined) {
      this.waiting.set(socket, []);
      start();
    } else if (waiting.length < MAX_WAITING) waiting.push(start);
    else socket.destroy();
  }

  private next(socket: Socket): void {
    const start = socket.destroyed ? undefined : this.waiting.get(socket)?.shift();
    if (start === undefined) this.waiting.delete(socket);
    else start();
  }
}
