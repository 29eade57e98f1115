import assert from 'node:assert/strict';
import { isEd25519PeerId, parseTargets } from '#network/libp2p/dialer.ts';
import { checkHello, decodeHello, encodeHello, type Hello } from '#network/libp2p/hello.ts';
import { generateNodeKey, nodeKeyFromBytes } from '#network/libp2p/node-key.ts';
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
