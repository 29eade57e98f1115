import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Bans, MAX_BANS } from './bans.ts';

/** A new peer's score. Penalties take from it, time gives it back; at zero the peer is banned. */
export const FULL_SCORE = 100;
/** One point every this many milliseconds. */
export const SCORE_REGAIN_MS = 10_000;
/** After a ban a peer starts with half of its credit. */
export const SCORE_AFTER_BAN = 50;
export const MAX_BOOK_PEERS = 1_000;
export const MAX_ADDRESSES_PER_PEER = 8;
const MAX_ADDRESS_CHARACTERS = 256;
const MAX_PEER_ID_CHARACTERS = 128;
const MAX_FILE_BYTES = 16 * 1_024 * 1_024;
const FIRST_DIAL_BACKOFF_MS = 1_000;
const MAX_DIAL_BACKOFF_MS = 60_000;

interface Entry {
  addresses: string[];
  lastSeenMs: number;
  failures: number;
  nextDialMs: number;
  score: number;
  scoreAtMs: number;
}

/** What we know of peers across restarts: where they listen, how they behaved, who is banned. Wall-clock times. */
export class AddressBook {
  private readonly entries = new Map<string, Entry>();
  private readonly bans: Bans;
  private readonly path: string | undefined;
  private readonly now: () => number;
  private dirty = false;

  constructor(path: string | undefined, now: () => number = Date.now) {
    this.path = path;
    this.now = now;
    this.bans = new Bans(now);
  }

  /** Reads the file. An unreadable one is ignored, since everything in it can be learned again: returns what was wrong. */
  load(): string | undefined {
    if (this.path === undefined) return undefined;
    try {
      const text = readFileSync(this.path);
      if (text.length > MAX_FILE_BYTES) return `${this.path} is larger than ${MAX_FILE_BYTES} bytes and was ignored`;
      const file: unknown = JSON.parse(text.toString('utf8'));
      const { peers, bans } = (file ?? {}) as { peers?: unknown; bans?: unknown };
      if (!Array.isArray(peers)) return `${this.path} has no list of peers and was ignored`;
      for (const peer of peers.slice(0, MAX_BOOK_PEERS)) this.restore(peer);
      if (Array.isArray(bans)) for (const ban of bans.slice(0, MAX_BANS)) this.restoreBan(ban);
      return undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      return `${this.path} cannot be read and was ignored: ${(error as Error).message}`;
    }
  }

  /** Writes the file if something changed. Returns what went wrong. */
  save(): string | undefined {
    if (this.path === undefined || !this.dirty) return undefined;
    const peers = [...this.entries].map(([id, entry]) => ({ id, ...entry }));
    try {
      mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
      writeFileSync(`${this.path}.new`, `${JSON.stringify({ peers, bans: this.bans.current() }, undefined, 1)}\n`, {
        mode: 0o600,
      });
      renameSync(`${this.path}.new`, this.path);
      this.dirty = false;
      return undefined;
    } catch (error) {
      return `${this.path} cannot be written: ${(error as Error).message}`;
    }
  }

  get size(): number {
    return this.entries.size;
  }

  addresses(peer: string): readonly string[] {
    return this.entries.get(peer)?.addresses ?? [];
  }

  /** Notes where a peer listens. Counts and lengths are bounded. */
  learn(peer: string, addresses: readonly string[]): void {
    const usable = addresses.filter((address) => address.length <= MAX_ADDRESS_CHARACTERS);
    if (usable.length === 0) return;
    const entry = this.entry(peer);
    if (entry === undefined) return;
    entry.addresses = [...new Set([...usable, ...entry.addresses])].slice(0, MAX_ADDRESSES_PER_PEER);
    this.dirty = true;
  }

  connected(peer: string): void {
    const entry = this.entry(peer);
    if (entry === undefined) return;
    entry.lastSeenMs = this.now();
    entry.failures = 0;
    entry.nextDialMs = 0;
    this.dirty = true;
  }

  dialFailed(peer: string): void {
    const entry = this.entries.get(peer);
    if (entry === undefined) return;
    entry.failures++;
    entry.nextDialMs =
      this.now() + Math.min(MAX_DIAL_BACKOFF_MS, FIRST_DIAL_BACKOFF_MS * 2 ** Math.min(entry.failures, 10));
    this.dirty = true;
  }

  /** Peers that may be dialled now, best score first. */
  candidates(): string[] {
    const now = this.now();
    const usable = [...this.entries].filter(
      ([id, entry]) => entry.addresses.length > 0 && entry.nextDialMs <= now && this.bannedFor(id) === 0,
    );
    return usable.sort(([, a], [, b]) => a.failures - b.failures || b.score - a.score).map(([id]) => id);
  }

  score(peer: string): number {
    return this.currentScore(this.entries.get(peer) ?? this.firstScore(peer));
  }

  /** Takes points; true when none are left. */
  penalize(peer: string, points: number): boolean {
    const entry = this.entry(peer);
    if (entry === undefined) return false;
    entry.score = this.currentScore(entry) - points;
    entry.scoreAtMs = this.now();
    this.dirty = true;
    return entry.score <= 0;
  }

  ban(peer: string, durationMs: number): void {
    if (peer.length > MAX_PEER_ID_CHARACTERS) return;
    const sinceMs = this.now();
    this.bans.add({ id: peer, sinceMs, untilMs: sinceMs + durationMs });
    const entry = this.entries.get(peer);
    if (entry !== undefined) Object.assign(entry, this.firstScore(peer));
    this.dirty = true;
  }

  /** Milliseconds until the ban ends; 0 when there is none. */
  bannedFor(peer: string): number {
    return this.bans.remaining(peer);
  }

  private currentScore({ score, scoreAtMs }: Pick<Entry, 'score' | 'scoreAtMs'>): number {
    const regained = Math.max(0, this.now() - scoreAtMs) / SCORE_REGAIN_MS;
    return Math.min(FULL_SCORE, score + regained);
  }

  /** Of a peer of which nothing is known but, perhaps, a ban. */
  private firstScore(peer: string): Pick<Entry, 'score' | 'scoreAtMs'> {
    const ban = this.bans.get(peer);
    if (ban === undefined) return { score: FULL_SCORE, scoreAtMs: this.now() };
    return { score: SCORE_AFTER_BAN, scoreAtMs: ban.sinceMs };
  }

  /** The peer's entry, made if there is none; the one that is worth least makes room. */
  private entry(peer: string): Entry | undefined {
    const known = this.entries.get(peer);
    if (known !== undefined) return known;
    if (peer.length > MAX_PEER_ID_CHARACTERS) return undefined;
    if (this.entries.size >= MAX_BOOK_PEERS) this.forgetOne();
    const entry: Entry = {
      addresses: [],
      lastSeenMs: 0,
      failures: 0,
      nextDialMs: 0,
      ...this.firstScore(peer),
    };
    this.entries.set(peer, entry);
    return entry;
  }

  /** Banned peers first, then those never connected with, then the least recently seen: anybody can name strangers. */
  private forgetOne(): void {
    let least: string | undefined;
    let leastSeenMs = Number.POSITIVE_INFINITY;
    for (const [id, { lastSeenMs }] of this.entries) {
      const seenMs = this.bannedFor(id) > 0 ? -1 : lastSeenMs;
      if (seenMs < leastSeenMs) {
        least = id;
        leastSeenMs = seenMs;
      }
    }
    if (least !== undefined) this.entries.delete(least);
  }

  private restore(peer: unknown): void {
    const file = peer as Record<string, unknown> | null;
    const id = file?.id;
    if (typeof id !== 'string' || id.length > MAX_PEER_ID_CHARACTERS) return;
    const number = (key: string, fallback: number): number => {
      const value = file?.[key];
      return typeof value === 'number' && Number.isFinite(value) ? value : fallback;
    };
    const listed = Array.isArray(file?.addresses) ? file.addresses : [];
    const addresses = listed.filter(
      (address): address is string => typeof address === 'string' && address.length <= MAX_ADDRESS_CHARACTERS,
    );
    this.entries.set(id, {
      addresses: addresses.slice(0, MAX_ADDRESSES_PER_PEER),
      lastSeenMs: number('lastSeenMs', 0),
      failures: 0,
      nextDialMs: 0,
      score: Math.min(FULL_SCORE, number('score', FULL_SCORE)),
      scoreAtMs: Math.min(this.now(), number('scoreAtMs', this.now())),
    });
  }

  private restoreBan(ban: unknown): void {
    const file = ban as Record<string, unknown> | null;
    const { id, sinceMs, untilMs } = file ?? {};
    if (typeof id !== 'string' || id.length > MAX_PEER_ID_CHARACTERS) return;
    if (typeof sinceMs !== 'number' || typeof untilMs !== 'number' || !Number.isFinite(untilMs)) return;
    this.bans.add({ id, sinceMs: Math.min(this.now(), sinceMs), untilMs });
  }
}
