import type { Connection } from '@libp2p/interface';

/** The part of a TCP socket that is used here. */
interface CorkableSocket {
  cork(): void;
  uncork(): void;
}

/**
 * libp2p writes a frame to the socket in four to six pieces: corked, they leave in one system call. Only our own sends
 * are: with the window updates corked as well, which answer what a socket brings, gossip between three nodes in a line
 * sometimes did not get through.
 */
export class CorkedSocket {
  private readonly socket: CorkableSocket | undefined;

  /** The way to the socket is not in libp2p's public interface; where a later version has another, nothing is corked. */
  constructor(connection: Connection) {
    const { maConn } = connection as Connection & { readonly maConn?: { readonly socket?: unknown } };
    this.socket = isCorkable(maConn?.socket) ? maConn.socket : undefined;
  }

  /** Runs `write` with the socket corked. */
  around(write: () => void): void {
    this.socket?.cork();
    try {
      write();
    } finally {
      this.socket?.uncork();
    }
  }
}

function isCorkable(socket: unknown): socket is CorkableSocket {
  const { cork, uncork } = (socket ?? {}) as Partial<CorkableSocket>;
  return typeof cork === 'function' && typeof uncork === 'function';
}
