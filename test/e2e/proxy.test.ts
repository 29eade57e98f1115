import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Mesh } from './support/proxy.ts';

/** Two ends of connections through a mesh of two nodes, of which only node 1 listens. */
describe('the proxies of the fault tests', () => {
  let server: Server;
  let mesh: Mesh;
  let dialler: Socket;
  let listener: Socket;

  beforeEach(async () => {
    server = createServer({ noDelay: true });
    server.listen({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    mesh = await Mesh.open([1, (server.address() as AddressInfo).port]);
    dialler = connect({ host: '127.0.0.1', port: mesh.port(0, 1), noDelay: true });
    [listener] = (await once(server, 'connection')) as [Socket];
    for (const socket of [dialler, listener]) socket.on('error', () => {});
  });

  afterEach(async () => {
    dialler.destroy();
    listener.destroy();
    await mesh.close();
    server.close();
  });

  /** The next `size` bytes that arrive. */
  async function bytesOf(socket: Socket, size: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let length = 0;
    socket.resume();
    while (length < size) {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) await once(socket, 'readable');
      else {
        chunks.push(chunk);
        length += chunk.length;
      }
    }
    return Buffer.concat(chunks);
  }

  function pattern(size: number): Buffer {
    return Buffer.from(Uint8Array.from({ length: size }, (_, index) => (index * 31 + (index >> 8)) & 0xff));
  }

  /** Long enough for anything that has nothing to wait for: many round trips over sockets of its own. */
  async function roundTrips(): Promise<void> {
    const echo = createServer((socket) => socket.pipe(socket));
    echo.listen({ host: '127.0.0.1', port: 0 });
    await once(echo, 'listening');
    const socket = connect({ host: '127.0.0.1', port: (echo.address() as AddressInfo).port });
    for (let trip = 0; trip < 50; trip++) {
      socket.write('x');
      await once(socket, 'data');
    }
    socket.destroy();
    echo.close();
  }

  it('bytes arrive as they were sent, both ways', async () => {
    const sent = pattern(300_000);
    dialler.write(sent);
    listener.write(sent);
    assert.deepEqual(await bytesOf(listener, sent.length), sent);
    assert.deepEqual(await bytesOf(dialler, sent.length), sent);
  });

  it('losses and delays change no byte and no order', async () => {
    mesh.impair({ delayMs: 5, jitterMs: 20, loss: 0.02 });
    const sent = pattern(100_000);
    dialler.write(sent);
    assert.deepEqual(await bytesOf(listener, sent.length), sent);
  });

  it('a direction that is cut carries nothing until it is healed, while the other carries a window', async () => {
    mesh.cut(0, 1);
    const sent = pattern(1_000);
    dialler.write(sent);
    listener.write(pattern(100));
    await bytesOf(dialler, 100);
    assert.equal(listener.bytesRead, 0);
    listener.write(pattern(1_000_000));
    await bytesOf(dialler, 10_000);
    // Ten segments and no acknowledgement: the sender has to stop.
    assert.ok(dialler.bytesRead <= 10 * 1_448, `${dialler.bytesRead} bytes`);
    mesh.heal();
    assert.deepEqual(await bytesOf(listener, sent.length), sent);
    dialler.resume();
    while (dialler.bytesRead < 1_000_100) await once(dialler, 'data');
  });

  it('a connection that is made during a cut is heard of after the heal only', async () => {
    mesh.cut(1, 0);
    let heard = 0;
    server.on('connection', () => heard++);
    const second = connect({ host: '127.0.0.1', port: mesh.port(0, 1) });
    second.on('error', () => {});
    await once(second, 'connect');
    await roundTrips();
    assert.equal(heard, 0);
    mesh.heal();
    await once(server, 'connection');
    second.destroy();
  });

  it('the end of a peer is heard of, and during a cut after the heal only', async () => {
    mesh.cut(0, 1);
    dialler.destroy();
    const closed = once(listener.resume(), 'close');
    let isClosed = false;
    void closed.then(() => {
      isClosed = true;
    });
    await roundTrips();
    assert.equal(isClosed, false);
    mesh.heal();
    await closed;
  });

  it('a node that is down refuses', async () => {
    const refused = connect({ host: '127.0.0.1', port: mesh.port(1, 0) });
    const error = once(refused, 'error');
    refused.resume();
    await error;
  });
});
