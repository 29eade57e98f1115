import type { PeerId } from '#ports/transport.ts';
import { type Link, otherEnd, type Packet } from '../network/link.ts';
import { SimNetwork } from '../network/network.ts';
import type { SimTransport } from '../network/transport.ts';
import { oneWayMs } from './regions.ts';

/** Added to each way: a share of it, most often little. */
const JITTER = 0.1;
/**
 * Work per frame that comes in, and per byte: a vote of 180 bytes is decoded and its signature verified in some 80 us
 * (docs/performance.md). Frames wait for each other, as on one thread.
 */
const FRAME_MS = 0.01;
const BYTE_MS = 0.0004;

/** Packets take as long as the distance asks for; who has no link to whom needs others to pass things on. */
export class WanNetwork extends SimNetwork {
  /** Frames, by the first byte of their message. */
  readonly frames = new Map<string, number>();
  bytes = 0;
  private readonly busyUntilMs = new Map<PeerId, number>();
  private readonly isLinked: (a: number, b: number) => boolean;

  constructor(components: ConstructorParameters<typeof SimNetwork>[0], isLinked: (a: number, b: number) => boolean) {
    super(components);
    this.isLinked = isLinked;
  }

  protected override mayLink(a: SimTransport, b: SimTransport): boolean {
    return this.isLinked(indexOf(a.self), indexOf(b.self));
  }

  override carry(link: Link, from: SimTransport, packet: Packet, notBeforeMs: number, deliver: () => void): number {
    const { scheduler, chance } = this;
    const to = otherEnd(link, from);
    const way = oneWayMs(indexOf(from.self), indexOf(to.self));
    const jitter = way * JITTER * chance.uniform() ** 2;
    const arrivesMs = Math.max(notBeforeMs, scheduler.nowMs + way + jitter);
    this.bytes += packet.size;
    scheduler.after(arrivesMs - scheduler.nowMs, link.life, () => this.handle(to, packet.size, deliver));
    return arrivesMs;
  }

  /** At once when the machine is idle, else when it has done what came before. */
  private handle(to: SimTransport, size: number, deliver: () => void): void {
    const { nowMs } = this.scheduler;
    const startMs = Math.max(nowMs, this.busyUntilMs.get(to.self) ?? 0);
    this.busyUntilMs.set(to.self, startMs + FRAME_MS + size * BYTE_MS);
    this.delivered++;
    if (startMs <= nowMs) deliver();
    else this.scheduler.after(startMs - nowMs, to.life, deliver);
  }
}

/** Machines are called n0, n1, ... */
export function indexOf(name: PeerId): number {
  return Number(name.slice(1));
}
