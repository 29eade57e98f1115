import type { SnapshotOffer } from '#network/state-sync-messages.ts';
import type { PeerId } from '#ports/transport.ts';
import { equalBytes, toHex } from '#util/bytes.ts';
import type { SnapshotName, StateSyncPeers } from './state-sync-peers.ts';

/** A peer is asked again after this long: it may have made one since, or dropped one. */
const ASK_AGAIN_MS = 10_000;

interface Answer {
  readonly atMs: number;
  readonly offers: readonly SnapshotOffer[];
}

/** A snapshot, and who says to have it. */
export interface Candidate extends SnapshotName {
  readonly peers: readonly PeerId[];
  /** Tries that came to nothing, of whatever the one among them offered who failed least. */
  readonly failures: number;
}

/** What peers offer. Offers are claims: they say what to try first, and nothing else. */
export class SnapshotOffers {
  private readonly peers: StateSyncPeers;
  private readonly asking = new Set<PeerId>();
  private readonly answers = new Map<PeerId, Answer>();
  private readonly failures = new Map<PeerId, number>();

  constructor(peers: StateSyncPeers) {
    this.peers = peers;
  }

  /** Asks whoever was not asked of late. Does not wait for the answers. */
  refresh(onFatal: (error: unknown) => void): void {
    const now = this.peers.clock.monotonicMs();
    const usable = this.peers.usable();
    for (const peer of this.answers.keys()) if (!usable.includes(peer)) this.answers.delete(peer);
    for (const peer of usable) {
      const asked = this.answers.get(peer)?.atMs;
      if (this.asking.has(peer) || (asked !== undefined && now - asked < ASK_AGAIN_MS)) continue;
      this.ask(peer).catch(onFatal);
    }
  }

  /**
   * Snapshots that can be tried: first of those whose offers did not fail yet, else a few peers that keep for themselves
   * what they offer would be asked in turn for ever. Then those that several peers offer, then the newest. Whoever
   * offers what nobody else has may be alone with it for a reason.
   */
  candidates(): Candidate[] {
    const all = new Map<string, SnapshotName & { peers: PeerId[] }>();
    for (const [peer, { offers }] of this.answers) {
      if (!this.peers.isUsable(peer)) continue;
      for (const { height, id } of offers) {
        const key = `${height}/${toHex(id)}`;
        const known = all.get(key);
        if (known === undefined) all.set(key, { height, id, peers: [peer] });
        else if (!known.peers.includes(peer)) known.peers.push(peer);
      }
    }
    const isShared = ({ peers }: Candidate): number => (peers.length > 1 ? 1 : 0);
    return [...all.values()]
      .map((one) => ({ ...one, failures: Math.min(...one.peers.map((peer) => this.failures.get(peer) ?? 0)) }))
      .sort((a, b) => a.failures - b.failures || isShared(b) - isShared(a) || b.height - a.height);
  }

  /** What these peers offered could not be had or verified. */
  failed({ peers }: Candidate): void {
    for (const peer of peers) this.failures.set(peer, (this.failures.get(peer) ?? 0) + 1);
  }

  /** Who has this snapshot, as far as it is known now. */
  havers(name: SnapshotName): readonly PeerId[] {
    const found = this.candidates().find(({ height, id }) => height === name.height && equalBytes(id, name.id));
    return found?.peers ?? [];
  }

  /** Whether something else is offered by peers whose offers did not fail yet. */
  hasOthers(name: SnapshotName): boolean {
    const havers = this.havers(name);
    return this.candidates().some(
      ({ failures, peers, height, id }) =>
        failures === 0 &&
        !(height === name.height && equalBytes(id, name.id)) &&
        peers.some((peer) => !havers.includes(peer) && !this.failures.has(peer)),
    );
  }

  /** The peer has it no longer. */
  gone(peer: PeerId, name: SnapshotName): void {
    const answer = this.answers.get(peer);
    if (answer === undefined) return;
    const offers = answer.offers.filter(({ height, id }) => height !== name.height || !equalBytes(id, name.id));
    this.answers.set(peer, { ...answer, offers });
  }

  private async ask(peer: PeerId): Promise<void> {
    this.asking.add(peer);
    let offers: readonly SnapshotOffer[] = [];
    try {
      offers = await this.peers.offers(peer);
    } catch (error) {
      this.peers.isSilence(error);
    } finally {
      this.asking.delete(peer);
    }
    this.answers.set(peer, { atMs: this.peers.clock.monotonicMs(), offers });
  }
}
