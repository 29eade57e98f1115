import assert from 'node:assert/strict';
import {
  formatNodeKeyFile,
  generateNodeKey,
  nodeIdOfPeer,
  nodeKeyFromBytes,
  parseNodeKeyFile,
} from '#network/libp2p/node-key.ts';
import { fromHex, toHex } from '#util/bytes.ts';

// RFC 8032, 7.1, test 1.
const SEED = fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60');
const PUBLIC = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';

describe('node key', () => {
  it('a 32-byte seed becomes an Ed25519 key, not the secp256k1 key that libp2p would make of it', () => {
    const key = nodeKeyFromBytes(SEED);
    assert.equal(key.privateKey.type, 'Ed25519');
    assert.equal(toHex(key.privateKey.publicKey.raw), PUBLIC);
    assert.equal(toHex(key.bytes), toHex(SEED) + PUBLIC);
    assert.match(key.peerId, /^12D3KooW/);
    // sha256 of the public key, first 20 bytes, as CometBFT.
    assert.equal(key.nodeId, '21fe31dfa154a261626bf854046fd2271b7bed4b');
    assert.equal(nodeIdOfPeer(key.peerId), key.nodeId);
  });

  it('seed and public key together give the same key; a foreign public half is refused', () => {
    const { bytes, peerId } = nodeKeyFromBytes(SEED);
    assert.equal(nodeKeyFromBytes(bytes).peerId, peerId);
    const foreign = bytes.slice();
    foreign[40] = (foreign[40] as number) ^ 1;
    assert.throws(() => nodeKeyFromBytes(foreign), { code: 'bad_config', message: /public half/ });
    assert.throws(() => nodeKeyFromBytes(bytes.subarray(1)), { code: 'bad_config', message: /63/ });
  });

  it('the file has the shape of CometBFT and comes back', () => {
    const bytes = generateNodeKey();
    const text = formatNodeKeyFile(bytes);
    const file = JSON.parse(text);
    assert.deepEqual(Object.keys(file), ['priv_key']);
    assert.equal(file.priv_key.type, 'tendermint/PrivKeyEd25519');
    assert.deepEqual(parseNodeKeyFile(text), bytes);
  });

  it('a broken file is refused with the name of the field', () => {
    const text = formatNodeKeyFile(generateNodeKey());
    const cases: [string, RegExp][] = [
      ['', /JSON/],
      ['null', /priv_key/],
      ['{"priv_key":1}', /priv_key/],
      [text.replace('Ed25519', 'Secp256k1'), /priv_key\.type/],
      [text.replace('=="', '"'), /priv_key\.value/],
      [text.replace(/"value":"..../, '"value":"AAAA'), /public half/],
    ];
    for (const [broken, message] of cases) {
      assert.throws(() => parseNodeKeyFile(broken), { code: 'bad_config', message });
    }
  });
});
