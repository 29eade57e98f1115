import { identify } from '@libp2p/identify';
import type { ComponentLogger, Logger } from '@libp2p/interface';
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht';
import { noise } from '@libp2p/noise';
import { ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p, type Libp2p } from 'libp2p';
import { gossipService } from './gossip.ts';
import {
  DEFAULT_MAX_INBOUND_PEERS,
  DEFAULT_MAX_OUTBOUND_PEERS,
  type Libp2pOptions,
  MAX_STREAM_WINDOW_BYTES,
  MAX_UNACKNOWLEDGED_BULK_BYTES,
} from './options.ts';

/** Inbound connections a second and address: a whole devnet restarts on one address. */
const INBOUND_CONNECTIONS_PER_SECOND = 50;
const MAX_PENDING_CONNECTIONS = 64;
/** Above our own limits on peers, so that libp2p never prunes a link by its own rules. */
const SPARE_CONNECTIONS = 32;
/** What identify may carry and keep of a peer. */
const MAX_IDENTIFY_BYTES = 16 * 1_024;

/** Who may connect. */
export interface HostGate {
  denyDial(peer: string): boolean;
  /** After the handshake: the peer's id is proven. */
  denyInbound(peer: string): boolean;
  denyConnection(): boolean;
  readonly persistentPeers: number;
}

/** A libp2p node that is not started yet. Everything that another chain could mix with carries the chain id. */
export async function createHost(
  options: Libp2pOptions,
  gate: HostGate,
  { dht }: { readonly dht: boolean },
): Promise<Libp2p> {
  const prefix = `bizra/${encodeURIComponent(options.chainId)}`;
  const inbound = options.maxInboundPeers ?? DEFAULT_MAX_INBOUND_PEERS;
  const outbound = options.maxOutboundPeers ?? DEFAULT_MAX_OUTBOUND_PEERS;
  return createLibp2p({
    start: false,
    privateKey: options.key.privateKey,
    addresses: { listen: [...options.listen], announce: [...(options.announce ?? [])] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        streamOptions: {
          // Must be equal on all nodes: yamux applies it to both directions without telling the other side.
          initialStreamWindowSize: MAX_UNACKNOWLEDGED_BULK_BYTES,
          maxStreamWindowSize: MAX_STREAM_WINDOW_BYTES,
        },
      }),
    ],
    logger: SILENT_LOGGER,
    connectionGater: {
      denyDialPeer: (peer) => gate.denyDial(peer.toString()),
      denyInboundConnection: () => gate.denyConnection(),
      denyInboundEncryptedConnection: (peer) => gate.denyInbound(peer.toString()),
      denyOutboundEncryptedConnection: (peer) => gate.denyDial(peer.toString()),
    },
    connectionManager: {
      maxConnections: inbound + outbound + 2 * gate.persistentPeers + SPARE_CONNECTIONS,
      inboundConnectionThreshold: INBOUND_CONNECTIONS_PER_SECOND,
      maxIncomingPendingConnections: MAX_PENDING_CONNECTIONS,
      // Our own dialler redials; theirs gives up after some tries.
      reconnectRetries: 0,
    },
    // Kills healthy connections under load; our heartbeats watch the links.
    connectionMonitor: { enabled: false },
    services: {
      identify: identify({ protocolPrefix: prefix, maxMessageSize: MAX_IDENTIFY_BYTES }),
      ping: ping({ protocolPrefix: prefix }),
      pubsub: gossipService(options.chainId, options.genesisHash),
      ...(dht
        ? {
            dht: kadDHT({
              protocol: `/${prefix}/kad/1.0.0`,
              clientMode: false,
              // The default mapper hides private addresses: nothing would be found on a LAN.
              peerInfoMapper: passthroughMapper,
            }),
          }
        : {}),
    },
  }) as unknown as Promise<Libp2p>;
}

/** libp2p formats a line for every frame otherwise: 12 % of the CPU of a busy node. Our events tell what matters. */
const SILENT_LOGGER: ComponentLogger = { forComponent: silentLogger };

function silentLogger(): Logger {
  return Object.assign(() => undefined, {
    error: () => undefined,
    trace: () => undefined,
    enabled: false,
    newScope: silentLogger,
  });
}
