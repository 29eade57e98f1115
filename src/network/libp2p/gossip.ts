import { type GossipSub, gossipsub, type TopicValidatorFn, type TopicValidatorResult } from '@libp2p/gossipsub';
import type { PeerId } from '@libp2p/interface';
import { sha256 } from '@noble/hashes/sha2.js';
import type { GossipVerdict, Topic } from '#ports/transport.ts';
import { toHex, toLatin1 } from '#util/bytes.ts';
import { copyOf } from '../codec.ts';
import { MAX_GOSSIP_BACKLOG_BYTES, MAX_GOSSIP_BYTES, MAX_GOSSIP_RPC_BYTES } from './options.ts';

const TOPICS: readonly Topic[] = ['tx', 'evidence'];
/** Bytes of a content id: enough that nobody finds two messages with one id. */
const MESSAGE_ID_BYTES = 20;
/** IDONTWANT costs a message a peer; it pays only for large ones. */
const IDONTWANT_MIN_BYTES = 16 * 1_024;
/** Bounds on what one RPC may list: few topics, batches, and control messages for one heartbeat. */
const RPC_LIMITS = {
  maxSubscriptions: 32,
  maxMessages: 512,
  maxIhaveMessageIDs: 5_000,
  maxIwantMessageIDs: 5_000,
  maxIdontwantMessageIDs: 512,
  maxControlMessages: 5_000,
  maxPeerInfos: 16,
};
const MAX_TOPIC_BYTES_PER_PEER = 16 * 1_024;
/** Checks in a row without a gossip stream before the connection is given up: SUBSCRIBE takes a moment after a start. */
const DEAD_CHECKS = 3;

export interface GossipEvents {
  gossip(topic: Topic, bytes: Uint8Array, from: string): GossipVerdict | Promise<GossipVerdict>;
  tooLarge(from: string): void;
  failed(from: string, error: unknown): void;
  publishFailed(error: unknown): void;
}

/** The name carries chain and genesis, so that messages of other networks never mix in. */
export function topicName(topic: Topic, chainId: string, genesisHash: Uint8Array): string {
  return `/bizra/${encodeURIComponent(chainId)}/${toHex(genesisHash.subarray(0, 8))}/${topic}/1`;
}

/** The service for libp2p's configuration. */
export function gossipService(chainId: string, genesisHash: Uint8Array): ReturnType<typeof gossipsub> {
  return gossipsub({
    globalSignaturePolicy: 'StrictNoSign',
    msgIdFn: (message) => sha256(message.data).subarray(0, MESSAGE_ID_BYTES),
    msgIdToStrFn: toLatin1,
    batchPublish: true,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    fallbackToFloodsub: false,
    doPX: false,
    allowedTopics: TOPICS.map((topic) => topicName(topic, chainId, genesisHash)),
    maxTopicBytesPerPeer: MAX_TOPIC_BYTES_PER_PEER,
    maxInboundDataLength: MAX_GOSSIP_RPC_BYTES,
    maxOutboundBufferSize: MAX_GOSSIP_BACKLOG_BYTES,
    decodeRpcLimits: RPC_LIMITS,
    idontwantMinDataSize: IDONTWANT_MIN_BYTES,
    // Devnets have all peers on one address; ten of them would ban each other.
    scoreParams: { IPColocationFactorWeight: 0 },
  });
}

/** Gossip on our topics, above libp2p's service. */
export class Gossip {
  private readonly pubsub: GossipSub;
  private readonly events: GossipEvents;
  private readonly names: ReadonlyMap<Topic, string>;
  /** Peer to the number of checks in a row that found its gossip dead. */
  private readonly deadChecks = new Map<string, number>();

  constructor(pubsub: GossipSub, events: GossipEvents, chainId: string, genesisHash: Uint8Array) {
    this.pubsub = pubsub;
    this.events = events;
    this.names = new Map(TOPICS.map((topic) => [topic, topicName(topic, chainId, genesisHash)]));
  }

  subscribe(): void {
    for (const [topic, name] of this.names) {
      this.pubsub.topicValidators.set(name, this.validator(topic));
      this.pubsub.subscribe(name);
    }
  }

  publish(topic: Topic, bytes: Uint8Array): void {
    const name = this.names.get(topic) as string;
    if (bytes.length > MAX_GOSSIP_BYTES) {
      this.events.publishFailed(new Error(`a gossip message of ${bytes.length} bytes is too large`));
      return;
    }
    this.pubsub.publish(name, bytes).catch((error) => this.events.publishFailed(error));
  }

  /**
   * Of these connected peers, those with which gossip is dead. A gossip stream that ended (backlog, over-size RPC) is
   * not opened again while the connection lives, and nothing throws; only a new connection heals it.
   */
  dead(peers: readonly string[]): string[] {
    const name = this.names.get('tx') as string;
    const subscribers = new Set(this.pubsub.getSubscribers(name).map(String));
    // Not in the public interface; while it exists it also shows our own dead outbound streams.
    const { streamsOutbound } = this.pubsub as GossipSub & { streamsOutbound?: Map<string, unknown> };
    const dead: string[] = [];
    const connected = new Set(peers);
    for (const peer of this.deadChecks.keys()) if (!connected.has(peer)) this.deadChecks.delete(peer);
    for (const peer of peers) {
      const alive = subscribers.has(peer) && (streamsOutbound === undefined || streamsOutbound.has(peer));
      const checks = alive ? 0 : (this.deadChecks.get(peer) ?? 0) + 1;
      this.deadChecks.set(peer, checks);
      if (checks >= DEAD_CHECKS) dead.push(peer);
    }
    return dead;
  }

  private validator(topic: Topic): TopicValidatorFn {
    return async (from: PeerId, message) => {
      const peer = from.toString();
      if (message.data.length > MAX_GOSSIP_BYTES) {
        this.events.tooLarge(peer);
        return verdict('reject');
      }
      try {
        // The array is the receiver's to keep, and gossipsub's shares a buffer with the whole RPC.
        return verdict(await this.events.gossip(topic, copyOf(message.data), peer));
      } catch (error) {
        this.events.failed(peer, error);
        return verdict('ignore');
      }
    };
  }
}

/** The library's enum has exactly these strings. */
function verdict(value: GossipVerdict): TopicValidatorResult {
  return value as TopicValidatorResult;
}
