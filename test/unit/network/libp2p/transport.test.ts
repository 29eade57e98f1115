import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { generateNodeKey, nodeKeyFromBytes } from '#network/libp2p/node-key.ts';
import { Nodes } from '../support/libp2p-nodes.ts';
import { bytesOf } from '../support/samples.ts';

describe('libp2p transport', () => {
  const nodes = new Nodes();
  afterEach(() => nodes.stop());

  it('two nodes find each other and know who is who', async () => {
    const [a, b] = await nodes.pair();
    const [atA] = a.transport.peers();
    const [atB] = b.transport.peers();
    assert.equal(atA?.id, b.id);
    assert.equal(atB?.id, a.id);
    assert.equal(atA?.outbound, false);
    assert.equal(atB?.outbound, true);
    assert.match(a.address, new RegExp(`/p2p/${a.id}$`));
    assert.equal(a.connects.length, 1);
  });

  it('frames arrive in order, both ways, on both classes, exactly as given', async () => {
    const [a, b] = await nodes.pair();
    const count = 2_000;
    const frame = (i: number) => bytesOf(1 + (i % 400), i & 255);
    for (let i = 0; i < count; i++) {
      for (const stream of ['consensus', 'bulk'] as const) {
        assert.equal(a.transport.send(b.id, stream, frame(i)), true);
        assert.equal(b.transport.send(a.id, stream, frame(i)), true);
      }
    }
    await Promise.all([a, b].map((node) => node.until(() => node.frames.length === 2 * count)));
    for (const node of [a, b]) {
      for (const stream of ['consensus', 'bulk']) {
        const got = node.frames.filter((received) => received.stream === stream).map(({ bytes }) => bytes);
        assert.deepEqual(
          got,
          Array.from({ length: count }, (_, i) => frame(i)),
        );
      }
    }
  });

  it('a frame of many megabytes arrives whole', async () => {
    const [a, b] = await nodes.pair();
    const large = new Uint8Array(20_000_000);
    for (let i = 0; i < large.length; i += 997) large[i] = i & 255;
    assert.equal(a.transport.send(b.id, 'consensus', large), true);
    await b.until(() => b.frames.length === 1);
    assert.deepEqual(b.frames[0]?.bytes, large);
  });

  it('tells what each connection has carried, and keeps the sum when it is closed', async () => {
    const [a, b] = await nodes.pair();
    assert.equal(a.transport.send(b.id, 'bulk', bytesOf(50_000, 1)), true);
    await b.until(() => b.frames.length === 1);
    const [atA] = a.transport.peers();
    const [atB] = b.transport.peers();
    assert.ok(Number(atA?.sentBytes) > 50_000 && Number(atB?.receivedBytes) > 50_000);
    assert.ok(Number(atB?.sentBytes) > 0 && Number(atB?.sentBytes) < 50_000);
    const before = a.transport.traffic();
    await b.transport.stop();
    await a.unlinked(b.id);
    assert.ok(a.transport.traffic().sentBytes >= before.sentBytes && before.sentBytes > 50_000);
    assert.ok(a.transport.traffic().receivedBytes >= before.receivedBytes);
  });

  it('frames sent from the connect handler reach a peer that is not connected yet', async () => {
    const a = await nodes.start();
    const { transport } = a;
    const greet = a
      .until(() => transport.peers().length === 1)
      .then(() => {
        transport.send((transport.peers()[0] as { id: string }).id, 'consensus', bytesOf(5, 1));
      });
    const b = await nodes.start({ persistentPeers: [a.address] });
    await greet;
    await b.until(() => b.frames.length === 1);
    assert.equal(b.connects.length, 1);
  });

  it('a full queue says false, memory stays bounded, and what was taken arrives', async () => {
    const [a, b] = await nodes.pair({ queueBytes: 1_000_000 });
    let taken = 0;
    // One synchronous run: nothing can leave meanwhile.
    for (let i = 0; i < 100; i++) if (a.transport.send(b.id, 'bulk', bytesOf(100_000, i))) taken++;
    assert.equal(taken, 9);
    assert.equal(a.transport.stats.framesDropped, 91);
    await b.until(() => b.frames.length === taken);
    assert.equal(a.transport.send(b.id, 'bulk', bytesOf(100_000, 1)), true);
    await b.until(() => b.frames.length === taken + 1);
    assert.equal(a.transport.send(b.id, 'bulk', bytesOf(5_000_000, 1)), false, 'over the frame limit');
    assert.equal(a.transport.send('nobody', 'bulk', bytesOf(1, 1)), false);
  });

  it('consensus frames overtake bulk that is waiting', async () => {
    const [a, b] = await nodes.pair();
    for (let i = 0; i < 30; i++) assert.equal(a.transport.send(b.id, 'bulk', bytesOf(200_000, 1)), true);
    await b.until(() => b.frames.length >= 1);
    a.transport.send(b.id, 'consensus', bytesOf(200, 2));
    await b.until(() => b.frames.length === 31);
    const position = b.frames.findIndex(({ stream }) => stream === 'consensus');
    assert.ok(position < 20, `the vote came as number ${position} of 31`);
  });

  it('of one tick consensus frames leave first', async () => {
    const [a, b] = await nodes.pair();
    a.transport.send(b.id, 'bulk', bytesOf(100, 1));
    a.transport.send(b.id, 'consensus', bytesOf(100, 2));
    await b.until(() => b.frames.length === 2);
    assert.deepEqual(
      b.frames.map(({ stream }) => stream),
      ['consensus', 'bulk'],
    );
  });

  it('requests are answered concurrently, and errors, timeouts and limits reject', async () => {
    const [a, b] = await nodes.pair();
    b.onRequest = async (peer, bytes) => {
      assert.equal(peer, a.id);
      if (bytes[0] === 255) throw new Error('no such thing');
      if (bytes[0] === 254) return new Promise(() => undefined);
      return bytesOf(bytes[0] as number, 1);
    };
    const sizes = [1, 50, 200];
    const answers = await Promise.all(sizes.map((size) => a.transport.request(b.id, Uint8Array.of(size), 5_000)));
    assert.deepEqual(
      answers.map(({ length }) => length),
      sizes,
    );
    await assert.rejects(a.transport.request(b.id, Uint8Array.of(255), 5_000), { code: 'peer_error' });
    await assert.rejects(a.transport.request(b.id, Uint8Array.of(254), 20), { code: 'timeout' });
    await assert.rejects(a.transport.request('nobody', Uint8Array.of(1), 20), { code: 'disconnected' });
  });

  it('an answer of many megabytes arrives', async () => {
    const [a, b] = await nodes.pair();
    b.onRequest = async () => bytesOf(15_000_000, 3);
    const answer = await a.transport.request(b.id, Uint8Array.of(1), 20_000);
    assert.deepEqual(answer, bytesOf(15_000_000, 3));
  });

  it('a peer that disappears in the middle of a request rejects it', async () => {
    const [a, b] = await nodes.pair();
    const { promise: asked, resolve } = Promise.withResolvers<void>();
    b.onRequest = () => {
      resolve();
      return new Promise(() => undefined);
    };
    const answer = a.transport.request(b.id, Uint8Array.of(1), 60_000);
    const rejected = assert.rejects(answer, { code: 'disconnected' });
    await asked;
    await b.transport.stop();
    await rejected;
    await a.unlinked(b.id);
    assert.deepEqual(a.disconnects, [b.id]);
  });

  it('handler-throw-contained: throwing handlers cost points and nothing else', async () => {
    const [a, b] = await nodes.pair();
    b.onFrame = () => {
      throw new TypeError('broken handler');
    };
    b.onGossip = () => {
      throw new TypeError('broken handler');
    };
    a.transport.send(b.id, 'consensus', bytesOf(3, 1));
    await b.event('handler_failed');
    assert.ok(b.transport.standing(a.id).score < 100);
    b.onFrame = () => undefined;
    a.transport.send(b.id, 'consensus', bytesOf(3, 2));
    await b.until(() => b.frames.length === 2);
    assert.equal(b.transport.peers().length, 1);
  });

  it('a port in use is said in one line', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    try {
      await assert.rejects(nodes.start({ listen: [`/ip4/127.0.0.1/tcp/${port}`] }), {
        code: 'bad_config',
        message: new RegExp(`cannot listen on /ip4/127.0.0.1/tcp/${port}`),
      });
    } finally {
      server.close();
    }
  });

  it('stop leaves nothing that keeps the process alive', async () => {
    const script = new URL('../support/start-and-stop.ts', import.meta.url);
    const child = spawn(process.execPath, [fileURLToPath(script)], { stdio: 'inherit' });
    const code = await new Promise((resolve) => void child.on('exit', resolve));
    assert.equal(code, 0, 'the process was still alive five seconds after stop');
  });

  it('after stop nothing is sent, and stop can be called again', async () => {
    const [a, b] = await nodes.pair();
    await a.transport.stop();
    assert.equal(a.transport.send(b.id, 'consensus', bytesOf(1, 1)), false);
    a.transport.publish('tx', bytesOf(1, 1));
    a.transport.ban(b.id, 1_000, 'late');
    await assert.rejects(a.transport.request(b.id, Uint8Array.of(1), 1_000), { code: 'disconnected' });
    await a.transport.stop();
  });

  it('identity comes from the node key', async () => {
    const key = nodeKeyFromBytes(generateNodeKey());
    const node = await nodes.start({ key });
    assert.equal(node.id, key.peerId);
  });
});
