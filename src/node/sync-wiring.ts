import type { Ledger } from '#app/ledger.ts';
import type { Verifier } from '#crypto/verifier.ts';
import { BlockPreparation } from '#engine/block-preparation.ts';
import type { Chain } from '#engine/chain.ts';
import type { Engine } from '#engine/engine.ts';
import type { Exchange } from '#engine/exchange.ts';
import type { Network } from '#network/network.ts';
import type { State } from '#state/state.ts';
import type { BlockStore } from '#storage/block-store.ts';
import { BlockSync } from '#sync/block-sync.ts';
import { BlockRepair } from './block-repair.ts';
import type { NodePorts } from './node-ports.ts';
import { EngineSyncChain, type FetchedBody, NetworkSyncPeers, warnOutOfReach } from './sync-adapter.ts';

// What fetches decided blocks from peers: those that are still missing, and those that were damaged here.

interface BlockSources {
  readonly chain: Chain;
  readonly network: Network;
  readonly exchange: Exchange;
}

export function makeRepair(
  { kv, verifier, clock, logger, onFatal }: NodePorts,
  { chain, network, exchange, blockStore }: BlockSources & { readonly blockStore: BlockStore },
): BlockRepair {
  const peers = new NetworkSyncPeers({ network, exchange, clock });
  return new BlockRepair({ kv, chain, blockStore, peers, verifier, clock, logger: logger.child('store'), onFatal });
}

export interface SyncWiring extends BlockSources {
  readonly engine: Engine;
  readonly ledger: Ledger;
  readonly state: State;
  /** For commits, whose signatures come more than once. */
  readonly verifier: Verifier;
  readonly onCatchingUp: (catchingUp: boolean) => void;
}

export function makeSync(
  { clock, logger, onFatal, onFarBehind }: NodePorts,
  { chain, network, exchange, engine, ledger, state, verifier, onCatchingUp }: SyncWiring,
): BlockSync<FetchedBody> {
  const preparation = new BlockPreparation({ chain, ledger, state, verifier, clock });
  return new BlockSync({
    chain: new EngineSyncChain({ chain, engine, verifier, preparation }),
    peers: new NetworkSyncPeers({ network, exchange, clock }),
    clock,
    onFatal,
    onCatchingUp,
    onFarBehind: (farBehind) => onFarBehind?.(farBehind),
    onOutOfReach: (next, lowest) => warnOutOfReach(logger, next, lowest),
  });
}
