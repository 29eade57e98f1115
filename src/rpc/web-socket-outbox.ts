import type { WebSocket } from 'ws';
import type { Pause } from '#util/pause.ts';
import { piecesOf } from './pieces.ts';

export interface OutgoingMessage {
  /** One text, in parts. */
  readonly parts: readonly Buffer[];
  /** The system has all of it. */
  readonly onSent: () => void;
}

export interface OutboxOptions {
  /** Undefined when there is nothing to send. */
  readonly next: () => OutgoingMessage | undefined;
  readonly pause: Pause;
  /** The system took a piece. */
  readonly onProgress: () => void;
  /** Milliseconds in which the system must take a piece: else the client does not read, and loses its connection. */
  readonly timeoutMs: number;
}

/** Sends a client's messages one after the other: the next is asked for when the system took the one before. */
export class Outbox {
  private readonly socket: WebSocket;
  private readonly options: OutboxOptions;
  private isSending = false;

  constructor(socket: WebSocket, options: OutboxOptions) {
    this.socket = socket;
    this.options = options;
  }

  /** There is something to send. */
  wake(): void {
    if (this.isSending) return;
    this.isSending = true;
    // A piece that cannot be sent ends the connection; what is left of it is cleaned up there.
    this.sendAll().catch(() => this.socket.terminate());
  }

  private async sendAll(): Promise<void> {
    for (let message = this.options.next(); message !== undefined; message = this.options.next()) {
      const pieces = piecesOf(message.parts);
      for (const [index, piece] of pieces.entries()) {
        await this.sendPiece(piece, index === pieces.length - 1);
        this.options.onProgress();
      }
      message.onSent();
      await this.options.pause();
    }
    this.isSending = false;
  }

  /** Pieces are fragments of one message (RFC 6455, 5.4), which the client's library puts together. */
  private sendPiece(piece: Buffer, fin: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.socket.terminate(), this.options.timeoutMs);
      this.socket.send(piece, { binary: false, fin }, (error) => {
        clearTimeout(timer);
        if (error) reject(error);
        else resolve();
      });
    });
  }
}
