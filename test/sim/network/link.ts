import type { PeerId } from '#ports/transport.ts';
import type { Life } from '../time/scheduler.ts';
import type { SimTransport } from './transport.ts';

export interface Link {
  /** Open on both sides; frames of a link that was closed are never delivered. */
  readonly life: Life;
  readonly a: SimTransport;
  readonly b: SimTransport;
  silentSinceMs: number | undefined;
  /** Latest arrival of all packets of each way. */
  readonly latestMs: [number, number];
}

export interface Packet {
  readonly size: number;
  /** Absent for requests, answers and gossip. */
  readonly frame?: Uint8Array;
}

export function linkKey(a: PeerId, b: PeerId): string {
  return a < b ? `${a}|${b}` : `${b}|${a}`;
}

export function otherEnd(link: Link, end: SimTransport): SimTransport {
  return link.a === end ? link.b : link.a;
}
