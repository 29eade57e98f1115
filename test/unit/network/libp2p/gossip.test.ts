import assert from 'node:assert/strict';
import { topicName } from '#network/libp2p/gossip.ts';
import { MAX_GOSSIP_BYTES } from '#network/libp2p/options.ts';
import { Nodes, type TestNode } from '../support/libp2p-nodes.ts';
import { bytesOf } from '../support/samples.ts';

describe('gossip', () => {
  const nodes = new Nodes();
  afterEach(() => nodes.stop());

  /** a - b - c: a and c do not know each other. Ready once subscriptions have travelled. */
  async function line(): Promise<readonly [TestNode, TestNode, TestNode]> {
    const b = await nodes.start();
    const a = await nodes.start({ persistentPeers: [b.address] });
    const c = await nodes.start({ persistentPeers: [b.address] });
    await Promise.all([b.linked(a), b.linked(c), a.linked(b), c.linked(b)]);
    await Promise.all([meshed(a, 1), meshed(b, 2), meshed(c, 1)]);
    return [a, b, c];
  }

  it('travels through a node in the middle, unchanged, once', async () => {
    const [a, b, c] = await line();
    a.transport.publish('tx', bytesOf(300, 1));
    a.transport.publish('tx', bytesOf(300, 1));
    a.transport.publish('evidence', bytesOf(50, 2));
    await c.until(() => c.gossip.length === 2);
    for (const node of [b, c]) {
      assert.deepEqual(node.gossip.map(({ topic, bytes }) => `${topic} ${bytes.length} ${bytes[0]}`).sort(), [
        'evidence 50 2',
        'tx 300 1',
      ]);
    }
    assert.deepEqual(
      c.gossip.map(({ from }) => from),
      [b.id, b.id],
    );
    assert.equal(a.gossip.length, 0);
  });

  it('only what is accepted is forwarded', async () => {
    const [a, b, c] = await line();
    b.onGossip = (bytes) => (bytes[0] === 1 ? 'reject' : bytes[0] === 2 ? 'ignore' : 'accept');
    for (const value of [1, 2, 3]) a.transport.publish('tx', bytesOf(100, value));
    await c.until(() => c.gossip.length > 0);
    await b.until(() => b.gossip.length === 3);
    assert.deepEqual(
      c.gossip.map(({ bytes }) => bytes[0]),
      [3],
    );
  });

  it('the largest message arrives; a larger one is not sent', async () => {
    const [a, b] = await line();
    a.transport.publish('tx', bytesOf(MAX_GOSSIP_BYTES + 1, 1));
    assert.equal(a.count('publish_failed'), 1);
    a.transport.publish('tx', bytesOf(MAX_GOSSIP_BYTES, 2));
    await b.until(() => b.gossip.length === 1);
    assert.equal(b.gossip[0]?.bytes.length, MAX_GOSSIP_BYTES);
  });

  it('publishing alone, or again, throws nothing', async () => {
    const alone = await nodes.start();
    alone.transport.publish('tx', bytesOf(10, 1));
    alone.transport.publish('tx', bytesOf(10, 1));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(alone.count('publish_failed'), 0);
  });

  it('more than ten peers on one address still gossip', async () => {
    const hub = await nodes.start();
    const spokes = await Promise.all(Array.from({ length: 12 }, () => nodes.start({ persistentPeers: [hub.address] })));
    await Promise.all(spokes.map((spoke) => hub.linked(spoke)));
    await Promise.all([meshed(hub, 12), ...spokes.map((spoke) => meshed(spoke, 1))]);
    spokes[0]?.transport.publish('tx', bytesOf(100, 1));
    await Promise.all(spokes.slice(1).map((spoke) => spoke.until(() => spoke.gossip.length === 1)));
  });

  it('a dead gossip stream is noticed and healed by a new link', async () => {
    const [a, b] = await nodes.pair({ heartbeatMs: 50 }, { heartbeatMs: 50 });
    await meshed(a, 1);
    const { streamsOutbound } = pubsubOf(a) as unknown as {
      streamsOutbound: Map<string, { rawStream: { abort(error: Error): void } }>;
    };
    streamsOutbound.get(b.id)?.rawStream.abort(new Error('backlog'));
    await a.event('gossip_dead');
    await a.until(() => a.connects.length === 2);
    await b.linked(a);
    await meshed(a, 1);
    a.transport.publish('tx', bytesOf(100, 1));
    await b.until(() => b.gossip.length === 1);
  });

  it('topics carry chain and genesis', () => {
    const name = topicName('tx', 'chain/1', bytesOf(32, 0xab));
    assert.equal(name, '/bizra/chain%2F1/abababababababab/tx/1');
    assert.notEqual(name, topicName('tx', 'chain/1', bytesOf(32, 0xac)));
  });
});

interface PubSub {
  getSubscribers(topic: string): unknown[];
  getTopics(): string[];
  streamsOutbound: Map<string, unknown>;
  addEventListener(name: string, listener: () => void): void;
  removeEventListener(name: string, listener: () => void): void;
}

function pubsubOf(node: TestNode): PubSub {
  return (node.transport as unknown as { host: { services: { pubsub: PubSub } } }).host.services.pubsub;
}

/** Waits until `count` peers have told that they want every topic, and can be sent to. */
async function meshed(node: TestNode, count: number): Promise<void> {
  const pubsub = pubsubOf(node);
  const ready = () =>
    pubsub.streamsOutbound.size >= count &&
    pubsub.getTopics().every((topic) => pubsub.getSubscribers(topic).length >= count);
  while (!ready()) await new Promise((resolve) => setImmediate(resolve));
}
