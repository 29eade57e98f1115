import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { failure } from '#cli/errors.ts';
import { PORTS_PER_NODE } from '#cli/network-builder.ts';

/** p2p, RPC, REST, gRPC. */
const PORTS_USED = 4;
/**
 * Free ports are looked for below the range from which systems take the ports of outgoing connections (32,768 on
 * Linux, 49,152 on macOS): there nobody takes one between our look and the node's start, except another devnet.
 */
const SEARCH_FROM = 10_000;
const SEARCH_TO = 32_000;
const MAX_TRIES = 200;

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

async function firstBusy(base: number, nodes: number): Promise<number | undefined> {
  for (let node = 0; node < nodes; node++) {
    for (let offset = 0; offset < PORTS_USED; offset++) {
      const port = base + PORTS_PER_NODE * node + offset;
      if (!(await isFree(port))) return port;
    }
  }
  return undefined;
}

/** The base port: the given one when all of its ports are free, or a free one for 0. Throws `failed`. */
export async function choosePorts(wanted: number, nodes: number): Promise<number> {
  if (wanted !== 0) {
    const busy = await firstBusy(wanted, nodes);
    if (busy === undefined) return wanted;
    throw failure(`port ${busy} is in use; stop the other program, or give another --base-port (0 takes free ones)`);
  }
  for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
    const base =
      randomInt(SEARCH_FROM / PORTS_PER_NODE, (SEARCH_TO - PORTS_PER_NODE * nodes) / PORTS_PER_NODE) * PORTS_PER_NODE;
    if ((await firstBusy(base, nodes)) === undefined) return base;
  }
  throw failure(`no free ports between ${SEARCH_FROM} and ${SEARCH_TO}; give --base-port`);
}
