import assert from 'node:assert/strict';
import { isLoopback, isMultiaddr, parseTcpAddress, toMultiaddr } from '#config/address.ts';

describe('addresses', () => {
  it('takes tcp and http addresses apart', () => {
    assert.deepEqual(parseTcpAddress('tcp://127.0.0.1:26657'), { host: '127.0.0.1', port: 26657 });
    assert.deepEqual(parseTcpAddress('tcp://[::1]:0'), { host: '::1', port: 0 });
    assert.deepEqual(parseTcpAddress('http://node.example:80/'), { host: 'node.example', port: 80 });
    for (const text of [
      '',
      '127.0.0.1:1',
      'tcp://:1',
      'tcp://h',
      'tcp://h:65536',
      'tcp://h:1:2',
      'tcp://h:1/x',
      'udp://h:1',
    ]) {
      assert.equal(parseTcpAddress(text), undefined, text);
    }
  });

  it('makes multiaddrs of them', () => {
    assert.equal(toMultiaddr('tcp://0.0.0.0:1'), '/ip4/0.0.0.0/tcp/1');
    assert.equal(toMultiaddr('tcp://[::]:1'), '/ip6/::/tcp/1');
    assert.equal(toMultiaddr('tcp://node.example:1'), '/dns4/node.example/tcp/1');
    assert.equal(toMultiaddr('/ip4/1.2.3.4/tcp/5'), '/ip4/1.2.3.4/tcp/5');
  });

  it('knows multiaddrs with and without a peer', () => {
    const peer = '12D3KooWLH3BDbVHnXABmSEp8unb9DdEzr5GdNVAcXoaPmhtt1nj';
    assert.equal(isMultiaddr('/ip4/1.2.3.4/tcp/5', false), true);
    assert.equal(isMultiaddr(`/ip4/1.2.3.4/tcp/5/p2p/${peer}`, true), true);
    assert.equal(isMultiaddr('/ip4/1.2.3.4/tcp/5', true), false);
    assert.equal(isMultiaddr(`/ip4/1.2.3.4/tcp/5/p2p/${peer}`, false), false);
    for (const text of ['', 'x', '/ip4/1.2.3.4', '/ip4/300.1.1.1/tcp/1', '/ip4/1.2.3.4/tcp/5/p2p/abc']) {
      assert.equal(isMultiaddr(text, true), false, text);
    }
  });

  it('knows loopback', () => {
    for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost']) assert.equal(isLoopback(host), true, host);
    for (const host of ['0.0.0.0', '10.0.0.1', '::', 'localhost.example']) assert.equal(isLoopback(host), false, host);
  });
});
