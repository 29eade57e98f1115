/** Bans at a time. Keys cost nothing, so whoever is banned may come back under another anyway. */
export const MAX_BANS = 1_000;

export interface Ban {
  readonly id: string;
  readonly sinceMs: number;
  readonly untilMs: number;
}

/**
 * Who is banned, apart from the peers that a node may want to dial: however many strangers are banned, they take no
 * place in the address book. Wall-clock times.
 */
export class Bans {
  private readonly bans = new Map<string, Ban>();
  private readonly now: () => number;

  constructor(now: () => number) {
    this.now = now;
  }

  get size(): number {
    return this.bans.size;
  }

  /** The last ban of this peer that is remembered, also after its end. */
  get(peer: string): Ban | undefined {
    return this.bans.get(peer);
  }

  /** A ban that ends later stays. When there are too many, the one that ends first goes. */
  add(ban: Ban): void {
    const before = this.bans.get(ban.id);
    this.bans.set(ban.id, { ...ban, untilMs: Math.max(ban.untilMs, before?.untilMs ?? 0) });
    if (this.bans.size > MAX_BANS) this.forgetFirst();
  }

  /** Milliseconds until the ban ends; 0 when there is none. */
  remaining(peer: string): number {
    return Math.max(0, (this.bans.get(peer)?.untilMs ?? 0) - this.now());
  }

  /** Those that have not ended. */
  current(): Ban[] {
    return [...this.bans.values()].filter(({ untilMs }) => untilMs > this.now());
  }

  private forgetFirst(): void {
    let first: Ban | undefined;
    for (const ban of this.bans.values()) if (first === undefined || ban.untilMs < first.untilMs) first = ban;
    if (first !== undefined) this.bans.delete(first.id);
  }
}
