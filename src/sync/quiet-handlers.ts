import { NetworkError } from '#network/errors.ts';
import type { NetworkHandlers } from '#network/network.ts';

function nothing(): void {}

async function refused(): Promise<never> {
  throw new NetworkError('overloaded', 'this node has no chain yet');
}

/** A node that only asks: what peers tell it means nothing to it yet, and it has nothing to give. */
export const QUIET_HANDLERS: NetworkHandlers = {
  peerConnected: nothing,
  peerDisconnected: nothing,
  proposal: nothing,
  votes: nothing,
  roundStep: nothing,
  peerClaim: nothing,
  relayWish: nothing,
  txs: () => 'ignore',
  evidence: () => 'ignore',
  getBlocks: refused,
  getTxs: refused,
  getBlockById: refused,
  getStatus: refused,
  getPending: refused,
  getSnapshots: refused,
  getManifest: refused,
  getChunk: refused,
  getLightBlocks: refused,
};
