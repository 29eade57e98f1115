import { equalBytes } from '#util/bytes.ts';
import type { Link } from './link.ts';

export interface LinkTableEvents {
  /** The link is the peer's active one from now on. */
  connected(link: Link): void;
  disconnected(link: Link): void;
  duplicate(link: Link): void;
}

/**
 * All links, and of each peer the active one: frames are sent and delivered on that alone.
 * When two links to one peer are ready, the side with the lower peer id closes the newer one, and the other side waits
 * for that (both closing one could close both). When the peer's nonce has changed, it was restarted: the old link is dead.
 */
export class LinkTable {
  private readonly self: string;
  private readonly events: LinkTableEvents;
  private readonly links = new Map<string, Link>();
  private readonly actives = new Map<string, Link>();

  constructor(self: string, events: LinkTableEvents) {
    this.self = self;
    this.events = events;
  }

  add(link: Link): void {
    this.links.set(link.connection.id, link);
  }

  all(): Iterable<Link> {
    return this.links.values();
  }

  active(): Link[] {
    return [...this.actives.values()];
  }

  get(peer: string): Link | undefined {
    return this.actives.get(peer);
  }

  byConnection(id: string): Link | undefined {
    return this.links.get(id);
  }

  hasAny(peer: string): boolean {
    if (this.actives.has(peer)) return true;
    for (const link of this.links.values()) if (link.peer === peer) return true;
    return false;
  }

  ready(link: Link): void {
    const current = this.actives.get(link.peer);
    if (current === undefined) {
      this.activate(link);
    } else if (!sameIncarnation(current, link)) {
      current.close(new Error('the peer was restarted'));
      // Closing the old one has already promoted a waiting link, this one included.
      if (!this.actives.has(link.peer)) this.activate(link);
    } else {
      this.events.duplicate(link);
      if (this.self < link.peer) link.close(new Error('a second link to this peer'));
    }
  }

  closed(link: Link): void {
    this.links.delete(link.connection.id);
    if (this.actives.get(link.peer) !== link) return;
    this.actives.delete(link.peer);
    this.events.disconnected(link);
    for (const other of this.links.values()) {
      if (other.peer === link.peer && other.ready && !other.closed && !this.actives.has(link.peer))
        this.activate(other);
    }
  }

  connectionClosed(id: string): void {
    this.links.get(id)?.close(new Error('the connection was closed'));
  }

  closePeer(peer: string, reason: Error): void {
    const active = this.actives.get(peer);
    // The active one last: otherwise a waiting link would take its place for a moment.
    for (const link of [...this.links.values()]) if (link.peer === peer && link !== active) link.close(reason);
    active?.close(reason);
  }

  closeAll(reason: Error): void {
    for (const { peer } of [...this.links.values()]) this.closePeer(peer, reason);
  }

  private activate(link: Link): void {
    this.actives.set(link.peer, link);
    this.events.connected(link);
  }
}

function sameIncarnation(a: Link, b: Link): boolean {
  return a.hello !== undefined && b.hello !== undefined && equalBytes(a.hello.nonce, b.hello.nonce);
}
