import type { StreamClass } from '#ports/transport.ts';
import { DEFAULT_MAX_BLOCK_BYTES, maxMessageBytes } from '../limits.ts';
import type { NodeKey } from './node-key.ts';

/** The streams of a link: the port's classes and the one for requests and answers. */
export type LinkClass = StreamClass | 'request';
/** Also the order in which they are flushed: votes never wait behind bulk of the same tick. */
export const LINK_CLASSES: readonly LinkClass[] = ['consensus', 'request', 'bulk'];

const KIB = 1_024;
const MIB = 1_024 * KIB;

/** Bulk frames are batches and announcements; whatever is larger is asked for instead. */
export const MAX_BULK_FRAME_BYTES = 4 * MIB;
/** One gossip message: a batch with one transaction of CometBFT's largest size (1 MiB) fits. libp2p's bound is 4 MiB an RPC. */
export const MAX_GOSSIP_BYTES = 1 * MIB + 64 * KIB;
export const MAX_GOSSIP_RPC_BYTES = 2 * MIB;
/** Over it gossipsub's stream to a slow peer is dropped (and the watchdog reconnects): its buffer has quadratic cost. */
export const MAX_GOSSIP_BACKLOG_BYTES = 8 * MIB;
/** Bulk and answers on their way to a peer: more would delay the votes that share the connection. */
export const MAX_UNACKNOWLEDGED_BULK_BYTES = 256 * KIB;
/** Below libp2p's read buffer bound (4 MiB), else a paused reader is aborted. */
export const MAX_STREAM_WINDOW_BYTES = 2 * MIB;

/** A vote has about 250 bytes and a height of 100 validators 200 of them: far more than a healthy peer ever lags. */
export const DEFAULT_QUEUE_FRAMES = 16_384;
/** CometBFT's numbers of peers. */
export const DEFAULT_MAX_INBOUND_PEERS = 40;
export const DEFAULT_MAX_OUTBOUND_PEERS = 10;
/** Requests to one peer that wait for an answer, and a peer's requests that we work on. Equal: honest peers are never refused. */
export const MAX_REQUESTS_IN_FLIGHT = 16;

export const HEARTBEAT_MS = 1_000;
/** TCP alone would sleep through a healed cut for minutes. */
export const SILENCE_LIMIT_MS = 3_000;
/** From the connection to hellos on all six streams; covers several round trips and a busy peer. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

export const MIN_REDIAL_MS = 100;
/** A validator that comes back must be reached within a round. */
export const MAX_PERSISTENT_REDIAL_MS = 2_000;
/** The side with the higher id dials too, this much later: the lower one may not know it or may not reach it. */
export const DEFAULT_FALLBACK_DIAL_MS = 1_000;
export const DIAL_TIMEOUT_MS = 5_000;

/** Wrong chain, wrong genesis, wrong version: an operator's mistake that will be mended, or a stranger. */
export const FOREIGN_BAN_MS = 60_000;
/** For configured peers: the mistake may be a start that is not complete yet, and the chain may wait for them. */
export const PERSISTENT_FOREIGN_BAN_MS = 5_000;
export const SCORE_BAN_MS = 10 * 60_000;
/** Configured peers are the operator's choice, and the chain may need them: their bans are short. */
export const MAX_PERSISTENT_BAN_MS = 30_000;
/** Points for what the frame layer itself finds (100 are a ban). */
export const PENALTY_BROKEN_FRAMES = 50;
export const PENALTY_HANDLER_FAILED = 10;

/** Something worth a log line or a counter. `kind` is bounded. */
export interface TransportEvent {
  readonly kind:
    | 'connected'
    | 'disconnected'
    | 'foreign_chain'
    | 'handshake_failed'
    | 'bad_frame'
    | 'silent'
    | 'duplicate_link'
    | 'dial_failed'
    | 'penalty'
    | 'ban'
    | 'refused'
    | 'handler_failed'
    | 'gossip_dead'
    | 'publish_failed'
    | 'address_book';
  readonly peer?: string;
  readonly detail?: string;
  readonly error?: unknown;
}

export interface Libp2pOptions {
  readonly key: NodeKey;
  /** Multiaddrs, such as `/ip4/0.0.0.0/tcp/26656`; port 0 takes a free one. */
  readonly listen: readonly string[];
  /** Multiaddrs to tell others instead of the listening ones. */
  readonly announce?: readonly string[];
  /** Multiaddrs with `/p2p/ID`: re-dialled for ever, exempt from the limits on peers. */
  readonly persistentPeers: readonly string[];
  /** Multiaddrs with `/p2p/ID`: where to find others. */
  readonly bootstrapPeers?: readonly string[];
  readonly chainId: string;
  /** 32 bytes: nodes with different genesis files never talk. */
  readonly genesisHash: Uint8Array;
  /** Default: on when there are bootstrap peers. A bootstrap node itself wants it on. */
  readonly dht?: boolean;
  /** File for addresses, scores and bans; absent: kept in memory only. */
  readonly addressBookPath?: string;
  /** Default DEFAULT_MAX_BLOCK_BYTES. The largest block decides the largest frame. */
  readonly maxBlockBytes?: number;
  readonly maxInboundPeers?: number;
  readonly maxOutboundPeers?: number;
  readonly fallbackDialMs?: number;
  /** Heartbeat period; silence of three of them ends a link. Default HEARTBEAT_MS. */
  readonly heartbeatMs?: number;
  /** Default HANDSHAKE_TIMEOUT_MS. */
  readonly handshakeTimeoutMs?: number;
  /** Frames that one stream's queue holds at most. */
  readonly queueFrames?: number;
  /** Bytes that one stream's queue holds at most. Default: twice the largest frame of the class. */
  readonly queueBytes?: number;
  readonly observe?: (event: TransportEvent) => void;
}

/** Limits of the frame layer, derived from the options. */
export interface LinkLimits {
  readonly maxFrameBytes: Readonly<Record<LinkClass, number>>;
  readonly queueFrames: number;
  readonly queueBytes: Readonly<Record<LinkClass, number>>;
}

export function linkLimits(options: Libp2pOptions): LinkLimits {
  const block = maxMessageBytes(options.maxBlockBytes ?? DEFAULT_MAX_BLOCK_BYTES);
  const maxFrameBytes = { consensus: block, request: block, bulk: MAX_BULK_FRAME_BYTES };
  const queue = (frame: number): number => options.queueBytes ?? 2 * frame;
  return {
    maxFrameBytes,
    queueFrames: options.queueFrames ?? DEFAULT_QUEUE_FRAMES,
    queueBytes: { consensus: queue(block), request: queue(block), bulk: queue(MAX_BULK_FRAME_BYTES) },
  };
}
