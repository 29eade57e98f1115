import type { Libp2pTransport } from '#network/libp2p/libp2p-transport.ts';
import type { NodeKey } from '#network/libp2p/node-key.ts';
import { nodeIdOfPeer } from '#network/libp2p/node-key.ts';
import type { NetInfo, NodeInfo, PeerStatus } from '#rpc/node-api.ts';
import { BLOCK_PROTOCOL } from '#types/limits.ts';
import type { PublicKey } from '#types/validator-set.ts';
import { ipOf } from './addresses.ts';
import type { Node } from './node.ts';
import { STEP_NUMBERS } from './round-steps.ts';
import type { NodeDescription } from './rpc-api.ts';
import type { NodeSettings } from './settings.ts';
import { COMETBFT_VERSION, NODE_VERSION, P2P_PROTOCOL } from './version.ts';

const NANOSECONDS_PER_MILLISECOND = 1_000_000;

/** What the daemon tells of itself and its peers. */
export class DaemonDescription implements NodeDescription {
  readonly validator: { readonly address: Uint8Array; readonly pubKey: PublicKey };
  private readonly node_: Node;
  private readonly transport: Libp2pTransport;
  private readonly key: NodeKey;
  private readonly settings: NodeSettings;

  constructor(
    components: { node: Node; transport: Libp2pTransport; key: NodeKey; settings: NodeSettings },
    validator: { readonly address: Uint8Array; readonly pubKey: PublicKey },
  ) {
    this.node_ = components.node;
    this.transport = components.transport;
    this.key = components.key;
    this.settings = components.settings;
    this.validator = validator;
  }

  node(): NodeInfo {
    return {
      ...this.protocols(),
      id: this.key.nodeId,
      listenAddress: this.settings.p2p.laddr,
      moniker: this.settings.moniker,
      other: {
        tx_index: 'on',
        rpc_address: this.settings.rpc.laddr,
        peer_id: this.key.peerId,
        bizra_version: NODE_VERSION,
      },
    };
  }

  netInfo(): NetInfo {
    return {
      listening: true,
      listeners: this.transport.addresses(),
      peers: this.transport.peers().map((peer): PeerStatus => {
        const connectedMs = this.node_.ports.clock.monotonicMs() - peer.connectedAtMs;
        const connectedForNs = BigInt(Math.max(0, Math.round(connectedMs * NANOSECONDS_PER_MILLISECOND)));
        const progress = this.node_.exchange.peers.get(peer.id);
        return {
          node: {
            ...this.protocols(),
            id: nodeIdOfPeer(peer.id),
            listenAddress: peer.address,
            moniker: peer.id,
            other: { peer_id: peer.id },
          },
          outbound: peer.outbound,
          remoteIp: ipOf(peer.address),
          connectedAt: this.node_.ports.clock.now() - connectedForNs,
          connectedForNs,
          sentBytes: BigInt(peer.sentBytes ?? 0),
          receivedBytes: BigInt(peer.receivedBytes ?? 0),
          progress:
            progress === undefined
              ? undefined
              : { height: progress.height, round: progress.round, step: STEP_NUMBERS[progress.step] },
        };
      }),
    };
  }

  private protocols() {
    const { app } = this.node_.chain.state.params.version;
    return {
      network: this.node_.genesis.chainId,
      version: COMETBFT_VERSION,
      protocol: { p2p: P2P_PROTOCOL, block: BLOCK_PROTOCOL, app },
    };
  }
}
