import type { PeerId } from '#ports/transport.ts';
import type { Chance } from '../time/chance.ts';
import type { Life, Scheduler } from '../time/scheduler.ts';
import type { Coverage } from '../world/coverage.ts';
import { type Link, linkKey, otherEnd, type Packet } from './link.ts';
import { Standing } from './standing.ts';
import type { SimTransport } from './transport.ts';

/** Looking for links to open and close. Milliseconds. */
const DIAL_EVERY_MS = 250;
/** Silence after which a link is given up, as the transport's heartbeats would. */
const SILENCE_MS = 3_000;
/** Until the other side notices that a process died. */
const RESET_MS = [1, 50] as const;

export interface Weather {
  /** One way, milliseconds. */
  minDelayMs: number;
  maxDelayMs: number;
  /** Of each frame, request and gossip message. */
  loss: number;
  duplication: number;
}

export const FAIR_WEATHER: Weather = { minDelayMs: 0.2, maxDelayMs: 3, loss: 0, duplication: 0 };

export type Loss = (from: PeerId, to: PeerId, frame: Uint8Array) => boolean;

/** The packets between all nodes: delayed, lost, doubled, cut. Frames of one stream keep their order, as in a stream. */
export class SimNetwork {
  weather: Weather = { ...FAIR_WEATHER };
  /** `from>to` pairs between which nothing passes. */
  readonly cuts = new Set<string>();
  /** An adversary's choice of what passes; `bytes` of a frame, undefined for all else. */
  filter: ((from: PeerId, to: PeerId, bytes: Uint8Array | undefined) => boolean) | undefined;
  /** Frames that are lost for their contents. */
  readonly losses = new Set<Loss>();
  /** Milliseconds of each direction of each link, added to the weather's. */
  latency: ((from: PeerId, to: PeerId) => number) | undefined;
  /** Rolling digest of all deliveries. */
  digest = 0x811c9dc5;
  delivered = 0;
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly onPunished: (by: PeerId, peer: PeerId, reason: string) => void;
  private readonly coverage: Coverage | undefined;
  private readonly world: Life = { alive: true };
  private readonly up = new Map<PeerId, SimTransport>();
  private readonly links = new Map<string, Link>();
  /** When a pair's last link ended: both sides notice before there is a new one. */
  private readonly closedMs = new Map<string, number>();
  private readonly standing = new Standing();

  constructor(components: {
    scheduler: Scheduler;
    chance: Chance;
    onPunished: (by: PeerId, peer: PeerId, reason: string) => void;
    coverage?: Coverage;
  }) {
    this.coverage = components.coverage;
    this.scheduler = components.scheduler;
    this.chance = components.chance;
    this.onPunished = components.onPunished;
    this.tend();
  }

  join(transport: SimTransport): void {
    this.up.set(transport.self, transport);
  }

  /** Its links end; the others notice a little later. */
  leave(transport: SimTransport): void {
    if (this.up.get(transport.self) !== transport) return;
    this.up.delete(transport.self);
    for (const link of [...this.links.values()]) if (link.a === transport || link.b === transport) this.close(link);
  }

  /** Takes points from a peer; who has none left is banned. */
  penalize(by: SimTransport, peer: PeerId, points: number, reason: string): void {
    this.onPunished(by.self, peer, reason);
    if (this.standing.penalize(by.self, peer, points, this.scheduler.nowMs)) this.part(by, peer);
  }

  ban(by: SimTransport, peer: PeerId, durationMs: number, reason: string): void {
    this.onPunished(by.self, peer, reason);
    this.standing.ban(by.self, peer, durationMs, this.scheduler.nowMs);
    this.part(by, peer);
  }

  private part(by: SimTransport, peer: PeerId): void {
    const link = this.linked(by, peer);
    if (link !== undefined) this.close(link);
  }

  linked(from: SimTransport, to: PeerId): Link | undefined {
    return this.links.get(linkKey(from.self, to));
  }

  peersOf(transport: SimTransport): SimTransport[] {
    const peers: SimTransport[] = [];
    for (const { a, b } of this.links.values()) {
      if (a === transport) peers.push(b);
      else if (b === transport) peers.push(a);
    }
    return peers;
  }

  /** Moves one packet; `deliver` runs at the other side, perhaps never, perhaps twice. */
  carry(link: Link, from: SimTransport, packet: Packet, notBeforeMs: number, deliver: () => void): number {
    const { weather, chance, scheduler } = this;
    const to = otherEnd(link, from);
    const wayMs = chance.between(weather.minDelayMs, weather.maxDelayMs) + (this.latency?.(from.self, to.self) ?? 0);
    let arrivesMs = Math.max(notBeforeMs, scheduler.nowMs + wayMs);
    if (this.isLost(from.self, to.self, packet)) return arrivesMs;
    this.noteOrder(link, link.a === from ? 0 : 1, arrivesMs);
    const copies = chance.chance(weather.duplication) ? 2 : 1;
    if (copies > 1) this.coverage?.hit('duplication');
    for (let copy = 0; copy < copies; copy++) {
      // An event of the machine: one that is stopped does not see it.
      scheduler.at(arrivesMs, to.life, () => {
        if (!link.life.alive) return;
        this.note(from.self, to.self, packet.size);
        deliver();
      });
      arrivesMs += 0.001;
    }
    return arrivesMs;
  }

  /** Streams, requests and gossip pass each other. */
  private noteOrder(link: Link, way: 0 | 1, arrivesMs: number): void {
    if (arrivesMs < link.latestMs[way]) this.coverage?.hit('reordering');
    else link.latestMs[way] = arrivesMs;
  }

  private isLost(from: PeerId, to: PeerId, { frame }: Packet): boolean {
    if (this.cuts.has(`${from}>${to}`)) return true;
    if (this.chance.chance(this.weather.loss)) {
      this.coverage?.hit('loss');
      return true;
    }
    if (frame !== undefined) for (const loss of this.losses) if (loss(from, to, frame)) return true;
    return this.filter?.(from, to, frame) === false;
  }

  private note(from: PeerId, to: PeerId, size: number): void {
    this.delivered++;
    this.mix(from.charCodeAt(from.length - 1) * 256 + to.charCodeAt(to.length - 1));
    this.mix(size);
    this.mix(Math.floor(this.scheduler.nowMs * 1_000) | 0);
  }

  private mix(word: number): void {
    this.digest = Math.imul(this.digest ^ word, 0x01000193) >>> 0;
    this.digest = (this.digest ^ (this.digest >>> 15)) >>> 0;
  }

  /** Opens links between those that can hear each other, closes those that have been silent for long. */
  private tend(): void {
    const all = [...this.up.values()].sort((a, b) => (a.self < b.self ? -1 : 1));
    for (const [index, a] of all.entries()) for (const b of all.slice(index + 1)) this.tendPair(a, b);
    this.scheduler.after(DIAL_EVERY_MS, this.world, () => this.tend());
  }

  private tendPair(a: SimTransport, b: SimTransport): void {
    const isStopped = a.life.frozen !== undefined || b.life.frozen !== undefined;
    const isCut = isStopped || this.cuts.has(`${a.self}>${b.self}`) || this.cuts.has(`${b.self}>${a.self}`);
    const link = this.links.get(linkKey(a.self, b.self));
    const { nowMs } = this.scheduler;
    if (link === undefined) {
      if (!this.mayLink(a, b) || this.standing.isApart(a.self, b.self, nowMs)) return;
      const closedMs = this.closedMs.get(linkKey(a.self, b.self)) ?? Number.NEGATIVE_INFINITY;
      if (!isCut && nowMs - closedMs > RESET_MS[1]) this.open(a, b);
    } else if (!isCut) link.silentSinceMs = undefined;
    else {
      link.silentSinceMs ??= nowMs;
      if (nowMs - link.silentSinceMs >= SILENCE_MS) this.close(link);
    }
  }

  /** Whether the two ever dial each other. */
  protected mayLink(_a: SimTransport, _b: SimTransport): boolean {
    return true;
  }

  private open(a: SimTransport, b: SimTransport): void {
    const link: Link = { life: { alive: true }, a, b, silentSinceMs: undefined, latestMs: [0, 0] };
    this.links.set(linkKey(a.self, b.self), link);
    for (const [one, other] of [[a, b] as const, [b, a] as const]) {
      this.scheduler.after(this.chance.between(0, 1), one.life, () => {
        if (link.life.alive) one.connected(other.self);
      });
    }
  }

  private close(link: Link): void {
    const key = linkKey(link.a.self, link.b.self);
    link.life.alive = false;
    this.links.delete(key);
    this.closedMs.set(key, this.scheduler.nowMs);
    for (const [one, other] of [[link.a, link.b] as const, [link.b, link.a] as const]) {
      this.scheduler.after(this.chance.between(...RESET_MS), one.life, () => one.disconnected(other.self));
    }
  }
}
