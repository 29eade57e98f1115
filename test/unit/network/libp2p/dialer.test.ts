import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { isEd25519PeerId, PersistentDialer, parseTargets } from '#network/libp2p/dialer.ts';
import { checkHello, decodeHello, encodeHello, type Hello } from '#network/libp2p/hello.ts';
import { generateNodeKey, nodeKeyFromBytes } from '#network/libp2p/node-key.ts';
import { MAX_PERSISTENT_REDIAL_MS, MIN_REDIAL_MS } from '#network/libp2p/options.ts';
import { bytesOf } from '../support/samples.ts';

describe('addresses of peers', () => {
  const { peerId } = nodeKeyFromBytes(generateNodeKey());

  it('several addresses of one peer are one target', () => {
    const targets = parseTargets([`/ip4/127.0.0.1/tcp/1/p2p/${peerId}`, `/dns4/example.org/tcp/2/p2p/${peerId}`]);
    assert.equal(targets.length, 1);
    assert.equal(targets[0]?.addresses.length, 2);
  });

  it('a faulty address is named', () => {
    for (const text of [
      '',
      'localhost:26656',
      '/ip4/127.0.0.1/tcp/1',
      '/ip4/300.0.0.1/tcp/1',
      '/ip4/1.2.3.4/tcp/1/p2p/x',
    ]) {
      assert.throws(() => parseTargets([text]), { code: 'bad_config' });
    }
  });

  it('peer-memory-caps: only Ed25519 ids are peers', () => {
    assert.equal(isEd25519PeerId(peerId), true);
    // An RSA id, a secp256k1 id, and no id.
    assert.equal(isEd25519PeerId('QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N'), false);
    assert.equal(isEd25519PeerId('16Uiu2HAm9JnnJaSRqV1Kn3Y1H6RX4sN5mzcGmQKc5bwbEWf8iBZn'), false);
    assert.equal(isEd25519PeerId('nobody'), false);
  });
});

describe('the dialler of configured peers', () => {
  const [self, peer] = [generateNodeKey(), generateNodeKey()].map((key) => nodeKeyFromBytes(key).peerId).sort() as [
    string,
    string,
  ];
  let nowMs: number;

  beforeEach(() => {
    nowMs = 0;
    mock.timers.enable({ apis: ['setTimeout'] });
  });

  afterEach(() => mock.timers.reset());

  async function pass(milliseconds: number): Promise<void> {
    for (let step = 0; step < milliseconds; step += 10) {
      nowMs += 10;
      mock.timers.tick(10);
      // What the timers began goes on in microtasks.
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    }
  }

  function start(dial: () => Promise<void>): PersistentDialer {
    const components = { dial, connected: () => false, bannedFor: () => 0, nowMs: () => nowMs };
    const targets = parseTargets([`/ip4/127.0.0.1/tcp/1/p2p/${peer}`]);
    const dialer = new PersistentDialer(components, { self, fallbackMs: 1_000 }, targets);
    dialer.start();
    return dialer;
  }

  it('a dial that ends by timeout is followed by the next without a further wait', async () => {
    const startsMs: number[] = [];
    const dialer = start(async () => {
      startsMs.push(nowMs);
      await new Promise((_, reject) => setTimeout(() => reject(new Error('timeout')), 5_000));
    });
    await pass(60_000);
    dialer.stop();
    const waits = startsMs.slice(1).map((startMs, index) => startMs - (startsMs[index] as number) - 5_000);
    assert.ok(waits.length >= 10, `${waits.length} further dials`);
    assert.ok(Math.max(...waits) <= MIN_REDIAL_MS + 20, `waits of ${waits.join(', ')} ms`);
  });

  it('dials that are refused at once come at growing distances, below the cap', async () => {
    const startsMs: number[] = [];
    const dialer = start(async () => {
      startsMs.push(nowMs);
      throw new Error('refused');
    });
    await pass(30_000);
    dialer.stop();
    const waits = startsMs.slice(1).map((startMs, index) => startMs - (startsMs[index] as number));
    assert.ok(Math.max(...waits) <= MAX_PERSISTENT_REDIAL_MS + 20, `waits of ${waits.join(', ')} ms`);
    assert.ok(Math.min(...waits.slice(-5)) >= MAX_PERSISTENT_REDIAL_MS / 2, `waits of ${waits.join(', ')} ms`);
  });
});

describe('hello', () => {
  const own: Hello = { version: 1, nonce: bytesOf(8, 1), chainId: 'chain-1', genesisHash: bytesOf(32, 2) };

  it('comes back as it was, and knows its own network', () => {
    const back = decodeHello(encodeHello(own));
    assert.deepEqual(back, own);
    checkHello(own, { ...back, nonce: bytesOf(8, 9) });
  });

  it('tells a foreign chain, genesis and version', () => {
    for (const other of [{ chainId: 'chain-2' }, { genesisHash: bytesOf(32, 3) }, { version: 2 }]) {
      assert.throws(() => checkHello(own, { ...own, ...other }), { code: 'foreign_chain' });
    }
  });

  it('refuses cuts, appended bytes and anything else', () => {
    const bytes = encodeHello(own);
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => decodeHello(bytes.subarray(0, length)), { code: 'malformed' });
    }
    assert.throws(() => decodeHello(Uint8Array.of(...bytes, 0)), { code: 'malformed' });
    assert.throws(() => decodeHello(bytesOf(bytes.length, 0x42)), { code: 'malformed' });
  });
});
