import assert from 'node:assert/strict';
import { HandoverTransport } from '#network/handover.ts';
import type { TransportHandlers } from '#ports/transport.ts';
import { FakeTransport } from '../engine/bench.ts';

function handlersOf(name: string, log: string[]): TransportHandlers {
  return {
    peerConnected: ({ id }) => void log.push(`${name} +${id}`),
    peerDisconnected: (peer) => void log.push(`${name} -${peer}`),
    frame: (peer) => void log.push(`${name} frame of ${peer}`),
    request: async () => new TextEncoder().encode(name),
    gossip: () => 'ignore',
  };
}

describe('a transport that is handed on', () => {
  it('tells its next owner of the peers that are there, and gives it all that comes from then on', async () => {
    const inner = new FakeTransport();
    const transport = new HandoverTransport(inner);
    const log: string[] = [];
    await transport.start(handlersOf('first', log));
    inner.connect('a');
    inner.handlers?.frame('a', 'consensus', Uint8Array.of(1));
    await transport.start(handlersOf('second', log));
    inner.connect('b');
    inner.handlers?.frame('a', 'consensus', Uint8Array.of(1));
    assert.deepEqual(log, ['first +a', 'first frame of a', 'second +a', 'second +b', 'second frame of a']);
    assert.equal(new TextDecoder().decode(await inner.handlers?.request('a', Uint8Array.of(1))), 'second');
  });

  it('does not stop what was never started', async () => {
    const inner = new FakeTransport();
    let stops = 0;
    inner.stop = async () => void stops++;
    const transport = new HandoverTransport(inner);
    await transport.stop();
    assert.equal(stops, 0);
    await transport.start(handlersOf('first', []));
    await transport.stop();
    assert.equal(stops, 1);
  });
});
