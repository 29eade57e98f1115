import assert from 'node:assert/strict';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { seededRandom } from '../../support/seeded-random.ts';
import { CLEAR, type Impairment, Pipe, SYN_RETRANSMISSION_MS, Wire } from './wire.ts';

const HOST = '127.0.0.1';

/**
 * A proxy for each ordered pair of nodes, in this process. Node i knows node j by the proxy's address alone, so
 * everything between them passes two wires, one for each direction, whoever dialled.
 */
export class Mesh {
  private readonly wires: readonly (readonly Wire[])[];
  private readonly servers: Server[] = [];
  private readonly sockets = new Set<Socket>();
  private readonly pending = new Set<NodeJS.Timeout>();
  private readonly ports: readonly number[];
  private readonly proxies = new Map<string, number>();

  /** The seed decides which segments are lost. `ports`: where the nodes listen. */
  private constructor(ports: readonly number[], seed: number) {
    const random = seededRandom(seed);
    this.ports = ports;
    this.wires = ports.map(() => ports.map(() => new Wire(random)));
  }

  static async open(ports: readonly number[], seed = 1): Promise<Mesh> {
    const mesh = new Mesh(ports, seed);
    for (const [from, to] of mesh.pairs()) await mesh.listen(from, to);
    return mesh;
  }

  /** Where node `from` reaches node `to`. */
  port(from: number, to: number): number {
    const port = this.proxies.get(`${from}/${to}`);
    assert(port !== undefined, `there is no way from ${from} to ${to}`);
    return port;
  }

  /** One direction only. */
  cut(from: number, to: number): void {
    this.wire(from, to).cut();
  }

  /** Nothing passes between the groups, in either direction. */
  partition(...groups: readonly (readonly number[])[]): void {
    const groupOf = (node: number): number => groups.findIndex((group) => group.includes(node));
    for (const [from, to] of this.pairs()) if (groupOf(from) !== groupOf(to)) this.cut(from, to);
  }

  /** All wires. */
  impair(impairment: Impairment): void {
    for (const [from, to] of this.pairs()) this.wire(from, to).impairment = impairment;
  }

  /** Ends cuts and impairments. */
  heal(): void {
    this.impair(CLEAR);
    for (const [from, to] of this.pairs()) this.wire(from, to).heal();
  }

  async close(): Promise<void> {
    for (const timer of this.pending) clearTimeout(timer);
    const closed = this.servers.map((server) => new Promise((resolve) => server.close(resolve)));
    for (const socket of this.sockets) socket.destroy();
    await Promise.all(closed);
  }

  private pairs(): [number, number][] {
    const nodes = [...this.ports.keys()];
    return nodes.flatMap((from) => nodes.filter((to) => to !== from).map((to): [number, number] => [from, to]));
  }

  private wire(from: number, to: number): Wire {
    const wire = this.wires[from]?.[to];
    assert(wire !== undefined && from !== to, `there is no way from ${from} to ${to}`);
    return wire;
  }

  private async listen(from: number, to: number): Promise<void> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) =>
      this.dialled(from, to, socket),
    );
    this.servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: HOST, port: 0 }, resolve);
    });
    const address = server.address();
    assert(address !== null && typeof address === 'object');
    this.proxies.set(`${from}/${to}`, address.port);
  }

  /** The dialler's SYN arrives after the way there; while a direction is cut it is repeated, and nobody hears it. */
  private dialled(from: number, to: number, socket: Socket): void {
    this.track(socket);
    const attempt = (timeoutMs: number): void => {
      if (socket.destroyed) return;
      if (this.wire(from, to).isCut || this.wire(to, from).isCut) this.later(timeoutMs, () => attempt(2 * timeoutMs));
      else this.join(from, to, socket);
    };
    this.later(this.wire(from, to).synMs(), () => attempt(SYN_RETRANSMISSION_MS));
  }

  private join(from: number, to: number, dialler: Socket): void {
    const there = this.wire(from, to);
    const back = this.wire(to, from);
    const target = connect({ host: HOST, port: this.ports[to] as number, allowHalfOpen: true, noDelay: true });
    this.track(target);
    // Nobody listens: the node is down.
    const refused = (): void => void dialler.resetAndDestroy();
    target.once('close', refused);
    target.once('connect', () => {
      target.off('close', refused);
      // The answer to the SYN has to travel back before the dialler may send.
      const opensAtMs = performance.now() + there.impairment.delayMs + back.impairment.delayMs;
      new Pipe({ source: dialler, target, wire: there, back, opensAtMs });
      new Pipe({ source: target, target: dialler, wire: back, back: there, opensAtMs: 0 });
      dialler.resume();
    });
  }

  private track(socket: Socket): void {
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
    // A reset is a close for us; without a listener it would end this process.
    socket.on('error', () => {});
  }

  private later(delayMs: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.pending.delete(timer);
      action();
    }, delayMs);
    this.pending.add(timer);
  }
}
