import assert from 'node:assert/strict';
import { BinaryWriter } from 'cosmjs-types/binary';
import { topicName } from '#network/libp2p/gossip.ts';
import { linkLimits } from '#network/libp2p/options.ts';
import { CHAIN_ID, GENESIS_HASH, Nodes, type TestNode } from '../support/libp2p-nodes.ts';
import { frame, hello, lengthOf, RawPeer } from '../support/raw-peer.ts';
import { bytesOf } from '../support/samples.ts';

const MESHSUB = '/meshsub/1.1.0';

describe('hostile peers', () => {
  const nodes = new Nodes();
  let raw: RawPeer;
  let node: TestNode;

  beforeEach(async () => {
    node = await nodes.start();
    raw = await RawPeer.start();
    await raw.dial(node.address);
  });
  afterEach(async () => {
    await raw.stop();
    await nodes.stop();
  });

  const gone = () => node.until(() => node.count('bad_frame') + node.count('foreign_chain') > 0);
  /** After whatever the peer did: the node still takes others. */
  const alive = async () => {
    const friend = await nodes.start({ persistentPeers: [node.address] });
    await Promise.all([node.linked(friend), friend.linked(node)]);
    friend.transport.send(node.id, 'consensus', bytesOf(4, 4));
    await node.until(() => node.frames.some(({ peer }) => peer === friend.id));
  };

  it('stream-limit-per-protocol: the largest frame passes, one byte more disconnects and costs points', async () => {
    const limit = linkLimits({
      key: { privateKey: undefined as never, peerId: '', nodeId: '', bytes: new Uint8Array(0) },
      listen: [],
      persistentPeers: [],
      chainId: '',
      genesisHash: GENESIS_HASH,
    }).maxFrameBytes.bulk;
    const streams = await raw.greet();
    await node.until(() => node.connects.length === 1);
    streams.bulk.send(lengthOf(limit));
    for (let sent = 0; sent < limit; ) {
      const chunk = bytesOf(Math.min(65_536, limit - sent), 1);
      sent += chunk.length;
      if (!streams.bulk.send(chunk)) await new Promise((resolve) => streams.bulk.addEventListener('drain', resolve));
    }
    await node.until(() => node.frames.length === 1);
    assert.equal(node.frames[0]?.bytes.length, limit);
    streams.bulk.send(lengthOf(limit + 1));
    await node.unlinked(raw.id);
    assert.equal(node.count('bad_frame'), 1);
    assert.ok(node.transport.standing(raw.id).score <= 51);
    await alive();
  });

  it('garbage instead of a hello disconnects before anybody hears of the peer', async () => {
    const stream = await raw.open('consensus');
    stream.send(frame(bytesOf(40, 0xee)));
    await gone();
    assert.equal(node.connects.length, 0);
    await alive();
  });

  it('a first frame longer than a hello can be is refused at its length', async () => {
    const stream = await raw.open('consensus');
    stream.send(lengthOf(300));
    await gone();
    assert.equal(node.connects.length, 0);
  });

  it('another genesis is refused and banned for a while', async () => {
    const stream = await raw.open('consensus');
    stream.send(frame(hello(bytesOf(32, 9))));
    await gone();
    assert.equal(node.count('foreign_chain'), 1);
    assert.ok(node.transport.standing(raw.id).bannedForMs > 0);
    assert.equal(node.connects.length, 0);
    await assert.rejects(async () => {
      await raw.dial(node.address);
      await raw.greet();
    });
  });

  it('another chain id: no stream can be opened, and whoever notices first ends it', async () => {
    const dialling = await nodes.start({ chainId: 'other-chain', persistentPeers: [node.address] });
    await Promise.race([dialling.event('foreign_chain'), node.event('foreign_chain')]);
    const stranger = await RawPeer.start('third-chain');
    await stranger.dial(node.address);
    await node.until(() => node.transport.standing(stranger.id).bannedForMs > 30_000);
    await stranger.stop();
    assert.equal(dialling.connects.length + node.connects.length, 0);
  });

  it('a second stream of a class disconnects', async () => {
    await raw.greet();
    await node.until(() => node.connects.length === 1);
    await raw.open('consensus');
    await node.unlinked(raw.id);
    await alive();
  });

  it('an empty frame is a heartbeat on the consensus stream and an offence elsewhere', async () => {
    const { consensus, bulk } = await raw.greet();
    await node.until(() => node.connects.length === 1);
    consensus.send(lengthOf(0));
    consensus.send(frame(Uint8Array.of(5)));
    await node.until(() => node.frames.length === 1);
    assert.deepEqual(node.frames[0]?.bytes, Uint8Array.of(5));
    bulk.send(lengthOf(0));
    await node.unlinked(raw.id);
    assert.equal(node.count('bad_frame'), 1);
  });

  it('frames that come before the link is complete wait for peerConnected', async () => {
    const early = await raw.open('consensus');
    early.send(Uint8Array.of(...frame(hello()), ...frame(Uint8Array.of(1))));
    for (const kind of ['request', 'bulk'] as const) {
      // Long enough for the early frame to have come: several round trips of other streams.
      const stream = await raw.open(kind);
      assert.equal(node.frames.length, 0);
      assert.equal(node.connects.length, 0);
      stream.send(frame(hello()));
    }
    await node.until(() => node.frames.length === 1);
    assert.equal(node.connects.length, 1);
    early.send(frame(Uint8Array.of(2)));
    await node.until(() => node.frames.length === 2);
  });

  it('a request frame that is cut disconnects', async () => {
    const { request } = await raw.greet();
    await node.until(() => node.connects.length === 1);
    request.send(frame(Uint8Array.of(0, 1)));
    await node.unlinked(raw.id);
    assert.equal(node.count('bad_frame'), 1);
  });

  it('more requests at a time than allowed are refused one by one, not all worked on', async () => {
    let working = 0;
    node.onRequest = () => {
      working++;
      return new Promise(() => undefined);
    };
    const { request, consensus } = await raw.greet();
    await node.until(() => node.connects.length === 1);
    for (let id = 0; id < 500; id++) request.send(frame(Uint8Array.of(0, ...lengthOf(id), 1)));
    consensus.send(frame(Uint8Array.of(7)));
    await node.until(() => node.frames.length === 1);
    // A round trip of the same stream: everything before it has been read.
    request.send(frame(Uint8Array.of(9, 0, 0, 0, 0)));
    await node.unlinked(raw.id);
    assert.equal(working, 16);
  });

  it('a connection that never greets is closed', async () => {
    const strict = await nodes.start({ handshakeTimeoutMs: 100, heartbeatMs: 50 });
    await raw.dial(strict.address);
    await strict.event('handshake_failed');
    assert.equal(strict.transport.peers().length, 0);
  });

  it('a peer that never reads costs a bounded queue', async () => {
    const strict = await nodes.start({ queueBytes: 300_000 });
    await raw.stop();
    raw = await RawPeer.start();
    for (const kind of ['consensus', 'request', 'bulk']) {
      const name = `/bizra/${CHAIN_ID}/${kind}/1`;
      await raw.host.unhandle(name);
      await raw.host.handle(name, (stream) => stream.pause());
    }
    await raw.dial(strict.address);
    await raw.greet();
    await strict.until(() => strict.connects.length === 1);
    let refused = 0;
    for (let i = 0; i < 500 && refused < 3; i++) {
      if (!strict.transport.send(raw.id, 'bulk', bytesOf(50_000, 1))) refused++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(refused, 3);
    const taken = strict.transport.stats.bytesSent;
    // Own queue, the yamux window, and what one send may overhang.
    assert.ok(taken < 300_000 + 2 * 262_144 + 100_000, `took ${taken} bytes`);
  });

  it('gossip-subscribe-flood: thousands of topics in a frame are not kept', async () => {
    const stream = await raw.openProtocol(MESHSUB);
    const flood = (topics: number, round: number) =>
      rpc((writer) => {
        for (let i = 0; i < topics; i++) {
          const subscription = new BinaryWriter()
            .uint32(8)
            .bool(true)
            .uint32(18)
            .string(`topic-${round}-${i}`)
            .finish();
          writer.uint32(10).bytes(subscription);
        }
      });
    // Few enough to pass the bound of one message, then far too many.
    for (const topics of [20, 40_000]) {
      for (let round = 0; round < 10 && stream.status === 'open'; round++) {
        if (stream.send(flood(topics, round)) || stream.status !== 'open') continue;
        // The node may hang up instead of reading on.
        await new Promise((resolve) => {
          for (const event of ['drain', 'close'] as const) stream.addEventListener(event, resolve, { once: true });
        });
      }
    }
    await alive();
    const { topics } = (
      node.transport as unknown as { host: { services: { pubsub: { topics: Map<string, unknown> } } } }
    ).host.services.pubsub;
    assert.ok(topics.size <= 2, `${topics.size} topics kept`);
  });

  it('control-numbers: the largest PRUNE backoff makes no timer that fires at once', async () => {
    const topic = topicName('tx', CHAIN_ID, GENESIS_HASH);
    const stream = await raw.openProtocol(MESHSUB);
    const subscribe = new BinaryWriter().uint32(8).bool(true).uint32(18).string(topic).finish();
    const prune = new BinaryWriter()
      .uint32(10)
      .string(topic)
      .uint32(24)
      .uint64(2n ** 64n - 1n)
      .finish();
    const control = new BinaryWriter().uint32(34).bytes(prune).finish();
    stream.send(rpc((writer) => writer.uint32(10).bytes(subscribe).uint32(26).bytes(control)));
    const warnings: string[] = [];
    const warn = (warning: Error): void => void warnings.push(warning.name);
    process.on('warning', warn);
    await alive();
    process.off('warning', warn);
    assert.deepEqual(warnings, [], 'TimeoutOverflowWarning means a timer of one millisecond');
  });

  it('gossip that is no protobuf harms nobody', async () => {
    const stream = await raw.openProtocol(MESHSUB);
    stream.send(Uint8Array.of(200, 1, ...bytesOf(200, 0xff)));
    await alive();
  });
});

/** A gossipsub RPC with its varint length. */
function rpc(fill: (writer: BinaryWriter) => void): Uint8Array {
  const writer = new BinaryWriter();
  fill(writer);
  const body = writer.finish();
  const head = new BinaryWriter().uint32(body.length).finish();
  const out = new Uint8Array(head.length + body.length);
  out.set(head);
  out.set(body, head.length);
  return out;
}
