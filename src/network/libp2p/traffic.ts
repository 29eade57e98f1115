import type { Connection } from '@libp2p/interface';

/** Bytes on the wire, encryption and libp2p's own protocols included. */
export interface Traffic {
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

interface CountingSocket {
  readonly bytesWritten?: unknown;
  readonly bytesRead?: unknown;
}

/**
 * What a connection has carried, as its socket counts it: nothing has to be counted for each frame. The way to the
 * socket is not in libp2p's public interface; when a later version has another, the answer is undefined.
 */
export function trafficOf(connection: Connection): Traffic | undefined {
  const { maConn } = connection as Connection & { readonly maConn?: { readonly socket?: CountingSocket } };
  const { bytesWritten, bytesRead } = maConn?.socket ?? {};
  if (typeof bytesWritten !== 'number' || typeof bytesRead !== 'number') return undefined;
  return { sentBytes: bytesWritten, receivedBytes: bytesRead };
}
