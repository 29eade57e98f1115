import type { Connection, Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import type { Libp2p } from 'libp2p';
import { encodeHello, PROTOCOL_VERSION } from '#network/libp2p/hello.ts';
import { createHost } from '#network/libp2p/host.ts';
import { generateNodeKey, nodeKeyFromBytes } from '#network/libp2p/node-key.ts';
import { LINK_CLASSES, type LinkClass } from '#network/libp2p/options.ts';
import { CHAIN_ID, GENESIS_HASH } from './libp2p-nodes.ts';

/** A libp2p node without our transport: it says what a test wants it to say. */
export class RawPeer {
  readonly host: Libp2p;
  readonly id: string;
  private connection: Connection | undefined;

  private constructor(host: Libp2p) {
    this.host = host;
    this.id = host.peerId.toString();
  }

  static async start(chainId: string = CHAIN_ID): Promise<RawPeer> {
    const key = nodeKeyFromBytes(generateNodeKey());
    const options = { key, listen: [], persistentPeers: [], chainId, genesisHash: GENESIS_HASH };
    const gate = {
      denyDial: () => false,
      denyInbound: () => false,
      denyConnection: () => false,
      persistentPeers: 0,
    };
    const host = await createHost(options, gate, { dht: false });
    for (const kind of LINK_CLASSES) await host.handle(protocol(kind, chainId), (stream) => swallow(stream));
    await host.start();
    return new RawPeer(host);
  }

  async dial(address: string): Promise<void> {
    this.connection = await this.host.dial(multiaddr(address));
  }

  open(kind: LinkClass, chainId: string = CHAIN_ID): Promise<Stream> {
    return this.openProtocol(protocol(kind, chainId));
  }

  async openProtocol(name: string): Promise<Stream> {
    if (this.connection === undefined) throw new Error('not dialled');
    const stream = await this.connection.newStream(name);
    swallow(stream);
    return stream;
  }

  /** All three streams, each with a correct hello. */
  async greet(genesisHash: Uint8Array = GENESIS_HASH): Promise<Record<LinkClass, Stream>> {
    const streams = new Map<LinkClass, Stream>();
    for (const kind of LINK_CLASSES) {
      const stream = await this.open(kind);
      stream.send(frame(hello(genesisHash)));
      streams.set(kind, stream);
    }
    return Object.fromEntries(streams) as Record<LinkClass, Stream>;
  }

  async stop(): Promise<void> {
    await this.host.stop();
  }
}

export function hello(genesisHash: Uint8Array = GENESIS_HASH): Uint8Array {
  return encodeHello({ version: PROTOCOL_VERSION, nonce: new Uint8Array(8).fill(1), chainId: CHAIN_ID, genesisHash });
}

export function frame(bytes: Uint8Array): Uint8Array {
  return Uint8Array.of(...lengthOf(bytes.length), ...bytes);
}

export function lengthOf(length: number): Uint8Array {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, length);
  return out;
}

function protocol(kind: LinkClass, chainId: string): string {
  return `/bizra/${chainId}/${kind}/1`;
}

function swallow(stream: Stream): void {
  stream.addEventListener('message', () => undefined);
}
