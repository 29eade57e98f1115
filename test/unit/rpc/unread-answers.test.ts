import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { StoredBlock } from '#rpc/node-api.ts';
import type { RpcOptions } from '#rpc/options.ts';
import { RpcServer } from '#rpc/server.ts';
import { RecordedChain } from '../../support/recorded-chain.ts';
import { RecordedNode } from '../../support/recorded-node.ts';

/** More than the system's own buffers of a connection hold. */
const BLOCK_BYTES = 16 * 1024 * 1024;

describe('rpc answers that nobody reads', () => {
  const chain = new RecordedChain();
  const { block, blockId } = chain.blocks.get(50)!;
  const large: StoredBlock = { block: { ...block, txs: [new Uint8Array(BLOCK_BYTES)] }, blockId };
  let node: RecordedNode;
  let server: RpcServer;
  let sockets: { destroy(): void }[] = [];
  /** Calls of `block`. */
  let reads: number;

  async function started(options: Partial<RpcOptions> = {}): Promise<void> {
    await server?.stop();
    node = await RecordedNode.create(chain);
    reads = 0;
    node.block = async () => {
      reads += 1;
      return large;
    };
    server = new RpcServer({ node }, { port: 0, ...options });
    await server.start();
  }

  beforeEach(() => started());
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    sockets = [];
    await server.stop();
  });

  /** Asks until something holds: each answer comes a turn of the server's event loop later. */
  async function until(holds: () => boolean): Promise<void> {
    while (!holds()) await (await fetch(`${server.url}/health`)).text();
  }

  async function connected(): Promise<Socket> {
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    sockets.push(socket);
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  }

  async function webSocket(): Promise<WebSocket> {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/websocket`);
    sockets.push({ destroy: () => socket.terminate() });
    socket.on('error', () => {});
    await once(socket, 'open');
    return socket;
  }

  const ask = (path: string, count: number): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(count);
  const request = (method: string, id: number): string => JSON.stringify({ jsonrpc: '2.0', id, method });

  describe('over HTTP', () => {
    it('requests of one connection are served one after the other, and all of them in order', async () => {
      const heights = [...Array(20).keys()].map((i) => i + 1);
      const first = Promise.withResolvers<void>();
      const asked: number[] = [];
      node.block = async (height) => {
        asked.push(height);
        await first.promise;
        return chain.blocks.get(height);
      };
      const socket = await connected();
      socket.write(heights.map((height) => ask(`/block?height=${height}`, 1)).join(''));
      await until(() => asked.length > 0);
      assert.deepEqual(asked, [1]);
      first.resolve();
      let text = '';
      for await (const chunk of socket) {
        text += chunk;
        if (text.split('"block_id":{"hash"').length > 40 && text.endsWith('}}}')) break;
      }
      const answered = [...text.matchAll(/"chain_id":"[^"]*","height":"([0-9]+)"/g)].map(([, height]) =>
        Number(height),
      );
      assert.deepEqual(answered, heights);
      assert.deepEqual(asked, heights);
    });

    it('a connection that sends far ahead of its answers is ended', async () => {
      const socket = await connected();
      const closed = once(socket, 'close');
      socket.resume();
      node.block = () => new Promise(() => {});
      socket.write(ask('/block', 100));
      await closed;
      await until(() => server.unsentBytes === 0);
    });

    it('a client that does not read one answer is dropped, and what waited for it is forgotten', async () => {
      await started({ writeTimeoutMs: 300 });
      const socket = await connected();
      socket.pause();
      socket.write(ask('/block', 30));
      await until(() => server.unsentBytes > BLOCK_BYTES);
      await until(() => server.unsentBytes === 0);
      assert.equal(reads, 1);
      const closed = once(socket, 'close');
      socket.resume();
      await closed;
    });
  });

  describe('over WebSocket', () => {
    it('the next requests wait for what the client has not read, and it is dropped in the end', async () => {
      await started({ writeTimeoutMs: 300 });
      const socket = await webSocket();
      socket.pause();
      for (let id = 0; id < 600; id++) socket.send(request('block', id));
      await until(() => server.unsentBytes > BLOCK_BYTES);
      await until(() => server.webSocketCount === 0);
      assert.equal(server.unsentBytes, 0);
      assert.equal(reads, 1);
    });

    it('a client that reads late has all its answers, in order', async () => {
      const socket = await webSocket();
      socket.pause();
      for (let id = 0; id < 100; id++) socket.send(request(id % 20 === 0 ? 'block' : 'health', id));
      await until(() => server.unsentBytes > BLOCK_BYTES);
      const ids: number[] = [];
      const all = new Promise<void>((resolve) => {
        socket.on('message', (data) => {
          ids.push(Number(/"id":([0-9]+)/.exec(String(data).slice(0, 100))?.[1]));
          if (ids.length === 100) resolve();
        });
      });
      socket.resume();
      await all;
      assert.deepEqual(ids, [...Array(100).keys()]);
      await until(() => server.unsentBytes === 0);
    });
  });

  it('whole blocks are rendered in turns of the event loop, so that others are served in between', async () => {
    let turns = 0;
    const turnsOfReads: number[] = [];
    node.block = async (height) => {
      turnsOfReads.push(turns);
      setImmediate(() => {
        turns += 1;
      });
      return chain.blocks.get(height);
    };
    const headers = { 'content-type': 'application/json' };
    const batch = [1, 2, 3, 4].map((id) => ({ jsonrpc: '2.0', id, method: 'block', params: { height: String(id) } }));
    await (await fetch(server.url, { method: 'POST', headers, body: JSON.stringify(batch) })).text();
    assert.deepEqual(turnsOfReads, [0, 1, 2, 3]);
  });

  it('one client that does not read makes room for others when there is none left', async () => {
    await started({ maxUnsentBytes: BLOCK_BYTES * 2 });
    const stalled = await webSocket();
    stalled.pause();
    stalled.send(request('block', 1));
    await until(() => server.unsentBytes > BLOCK_BYTES);
    // Refused while the first might be reading still.
    let text = '';
    while (!text.includes('"result"')) {
      text = await (await fetch(`${server.url}/block`)).text();
      assert.match(text.slice(0, 1000), /"result"|too many answers wait for clients that do not read them/);
    }
    await until(() => server.webSocketCount === 0);
  });
});
