import type { PeerId } from '#ports/transport.ts';

/** Another peer takes over when it was earlier by this much: less is jitter. Milliseconds. */
const HEAD_START_MS = 5;
/** A choice is left alone until what was asked for can have arrived, from the other side of the world. Milliseconds. */
const SETTLE_MS = 1_000;
/** Heights between two trials: more and more, while no peer of a whole turn was better than what is there. */
const TRIAL_EVERY_MIN = 1;
const TRIAL_EVERY_MAX = 64;
/** Validators that a peer brings on average; with fewer, most messages come from their authors. */
const BROUGHT_BY_ONE = 1.2;

interface Parent {
  readonly peer: PeerId;
  readonly sinceMs: number;
}

interface First {
  readonly validator: number;
  readonly peer: PeerId;
  readonly atMs: number;
}

/**
 * From whom this node has each validator's messages first: the author itself where they are linked, else the neighbour
 * that is asked to pass them on. One for each validator, so that every message comes once; together they make each
 * author's broadcast tree (after Plumtree, Leitão et al. 2007). What counts is who brought a message, never who says
 * that it has one. Now and then a peer is on trial: it passes on everything, and keeps what it brings first.
 */
export class RelayParents {
  private readonly parents = new Map<number, Parent>();
  /** Messages that another than the parent brought first. */
  private readonly firsts = new Map<string, First>();
  private readonly changed = new Set<PeerId>();
  private trial: PeerId | undefined;
  private everyHeights = TRIAL_EVERY_MIN;
  private heightsUntilTrial = 0;
  private turn = 0;
  private inVain = 0;

  /** The first copy of a message came from `peer`. */
  arrived(key: string, validator: number, peer: PeerId, nowMs: number): void {
    const parent = this.parents.get(validator);
    if (parent === undefined) this.choose(validator, peer, nowMs);
    else if (parent.peer !== peer) this.firsts.set(key, { validator, peer, atMs: nowMs });
  }

  /** Another copy. When it comes from the parent, it shows how much earlier the first one was. */
  repeated(key: string, peer: PeerId, nowMs: number): void {
    const first = this.firsts.get(key);
    if (first === undefined || this.parents.get(first.validator)?.peer !== peer) return;
    this.firsts.delete(key);
    if (nowMs - first.atMs >= HEAD_START_MS) this.choose(first.validator, first.peer, nowMs);
  }

  /** What parents have not brought by now, they do not bring. */
  heightStarted(peers: readonly PeerId[], nowMs: number): void {
    for (const { validator, peer } of this.firsts.values()) {
      const parent = this.parents.get(validator);
      if (parent !== undefined && nowMs - parent.sinceMs >= SETTLE_MS) this.choose(validator, peer, nowMs);
    }
    this.firsts.clear();
    this.nextTrial(peers);
  }

  /** Positions mean other validators now. */
  validatorsChanged(): void {
    this.parents.clear();
    this.firsts.clear();
    this.changed.clear();
    this.everyHeights = TRIAL_EVERY_MIN;
  }

  forget(peer: PeerId): void {
    for (const [validator, parent] of this.parents) if (parent.peer === peer) this.parents.delete(validator);
    if (this.trial === peer) this.trial = undefined;
    this.changed.delete(peer);
    this.everyHeights = TRIAL_EVERY_MIN;
  }

  /** Peers whose wish is no longer what they were told, each with the validators that it is to pass on, of `size`. */
  takeChanged(size: number): { readonly peer: PeerId; readonly validators: readonly number[] }[] {
    const peers = [...this.changed];
    this.changed.clear();
    const all = Array.from({ length: size }, (_, validator) => validator);
    return peers.map((peer) => ({
      peer,
      validators: peer === this.trial ? all : all.filter((validator) => this.parents.get(validator)?.peer === peer),
    }));
  }

  private choose(validator: number, peer: PeerId, nowMs: number): void {
    const before = this.parents.get(validator);
    this.parents.set(validator, { peer, sinceMs: nowMs });
    this.changed.add(peer);
    if (before !== undefined) this.changed.add(before.peer);
    if (peer !== this.trial) return;
    this.inVain = 0;
    this.everyHeights = TRIAL_EVERY_MIN;
  }

  /** In a full mesh each peer brings what it signed itself, and there is nothing to try. */
  private restsOnOthers(): boolean {
    const bringing = new Set([...this.parents.values()].map(({ peer }) => peer));
    return this.parents.size > BROUGHT_BY_ONE * bringing.size;
  }

  private nextTrial(peers: readonly PeerId[]): void {
    if (this.trial !== undefined) this.changed.add(this.trial);
    this.trial = undefined;
    if (peers.length < 2 || !this.restsOnOthers() || --this.heightsUntilTrial > 0) return;
    this.heightsUntilTrial = this.everyHeights;
    this.trial = peers[this.turn++ % peers.length] as PeerId;
    this.changed.add(this.trial);
    if (++this.inVain <= peers.length) return;
    this.inVain = 0;
    this.everyHeights = Math.min(2 * this.everyHeights, TRIAL_EVERY_MAX);
  }
}
