import type { Connection } from '@libp2p/interface';

/** The part of a TCP socket that is used here. */
interface CorkableSocket {
  cork(): void;
  uncork(): void;
  prependListener(event: 'data', listener: () => void): void;
}

/**
 * libp2p writes a frame to the socket in four to six pieces, and answers each frame with a window update in as many.
 * Corked, the pieces of one turn leave in one system call: half of a quick height's writes went away by it.
 */
export class CorkedSocket {
  private readonly socket: CorkableSocket | undefined;

  /** The way to the socket is not in libp2p's public interface; where a later version has another, nothing is corked. */
  constructor(connection: Connection) {
    const { maConn } = connection as Connection & { readonly maConn?: { readonly socket?: unknown } };
    this.socket = isCorkable(maConn?.socket) ? maConn.socket : undefined;
    // Before libp2p's own listener, which answers within the event.
    this.socket?.prependListener('data', () => this.corkUntilNextTick());
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

  private corkUntilNextTick(): void {
    this.socket?.cork();
    process.nextTick(() => this.socket?.uncork());
  }
}

function isCorkable(socket: unknown): socket is CorkableSocket {
  const { cork, uncork, prependListener } = (socket ?? {}) as Partial<CorkableSocket>;
  return typeof cork === 'function' && typeof uncork === 'function' && typeof prependListener === 'function';
}
