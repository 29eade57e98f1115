import { evidenceHeight } from '#evidence/evidence.ts';
import type { Offence } from '#network/consequences.ts';
import type { Clock } from '#ports/clock.ts';
import type { GossipVerdict, PeerId } from '#ports/transport.ts';
import { type Evidence, encodeEvidence } from '#types/evidence.ts';
import { BizraError } from '#util/errors.ts';
import type { EvidencePool } from './evidence-pool.ts';

/** Pieces that a peer may bring at once: an honest one forwards what a third of a large set has done. */
const BURST = 256;
/** And how fast it may go on. Old and known evidence is free of blame, so only its amount can be. */
const PER_SECOND = 16;
/** Undecided work of one peer, in bytes of evidence. */
const BACKLOG_BYTES = 4 * 1024 * 1024;
/** Evidence of a height that a peer has applied and this node is about to. */
const EARLY_HEIGHTS = 2;
const EARLY_MAX = 64;
const EARLY_MAX_PER_PEER = 16;

/** Why a piece is not taken although nobody is at fault. */
const REFUSALS: ReadonlySet<string> = new Set([
  'evidence_expired',
  'evidence_early',
  'evidence_unknown_height',
  'evidence_too_large',
  'evidence_pool_full',
]);

interface Sender {
  tokens: number;
  atMs: number;
  backlogBytes: number;
  /** The end of what it brought so far: one piece at a time. */
  tail: Promise<unknown>;
}

interface Early {
  readonly peer: PeerId;
  readonly height: number;
  readonly retry: () => void;
  readonly drop: () => void;
}

export interface EvidenceIntakeComponents {
  readonly pool: Pick<EvidencePool, 'add'>;
  readonly clock: Clock;
  /** Last applied height. */
  readonly head: () => number;
  readonly report: (peer: PeerId, offence: Offence) => void;
  /** A fault of this machine: a disk that fails, or a record of the height that is damaged. */
  readonly onFault: (error: unknown) => void;
}

/**
 * Evidence from peers. A forged piece costs its sender points, which soon end in a ban; one that is known, expired or
 * ahead of this node costs nothing but a share of what a peer may send, since honest peers send such things, too.
 */
export class EvidenceIntake {
  private readonly components: EvidenceIntakeComponents;
  private readonly senders = new Map<PeerId, Sender>();
  private early: Early[] = [];

  constructor(components: EvidenceIntakeComponents) {
    this.components = components;
  }

  /** What becomes of a gossip message: `accept` means that it was new and is true. */
  async take(peer: PeerId, list: readonly Evidence[]): Promise<GossipVerdict> {
    let verdict: GossipVerdict = 'ignore';
    for (const evidence of list) {
      const one = await this.takeOne(peer, evidence);
      if (one === 'reject') return one;
      if (one === 'accept') verdict = one;
    }
    return verdict;
  }

  /** A height was applied: what was early may be due. */
  heightApplied(): void {
    const head = this.components.head();
    const due = this.early.filter(({ height }) => height <= head);
    this.early = this.early.filter(({ height }) => height > head);
    for (const { retry } of due) retry();
  }

  forget(peer: PeerId): void {
    this.senders.delete(peer);
    this.dropEarly((early) => early.peer === peer);
  }

  stop(): void {
    this.dropEarly(() => true);
  }

  private async takeOne(peer: PeerId, evidence: Evidence): Promise<GossipVerdict> {
    const sender = this.sender(peer);
    if (sender.tokens < 1) {
      this.components.report(peer, 'flood');
      return 'ignore';
    }
    sender.tokens--;
    const bytes = encodeEvidence(evidence).length;
    if (sender.backlogBytes + bytes > BACKLOG_BYTES) return 'ignore';
    sender.backlogBytes += bytes;
    const judged = sender.tail.then(() => this.judge(peer, evidence));
    sender.tail = judged.catch(() => undefined);
    try {
      const verdict = await judged;
      return verdict === 'early' ? await this.judgeLater(peer, evidence) : verdict;
    } finally {
      sender.backlogBytes -= bytes;
    }
  }

  private async judge(peer: PeerId, evidence: Evidence): Promise<GossipVerdict | 'early'> {
    const { pool, clock, report } = this.components;
    try {
      return (await pool.add(evidence, clock.monotonicMs())) === 'added' ? 'accept' : 'ignore';
    } catch (error) {
      const code = error instanceof BizraError ? error.code : '';
      if (code === 'evidence_forged') {
        report(peer, 'invalid_evidence');
        return 'reject';
      }
      // Not the peer's doing, though it chose the height.
      if (!REFUSALS.has(code)) this.components.onFault(error);
      return code === 'evidence_early' ? 'early' : 'ignore';
    }
  }

  /** Peers apply a height moments before or after this node, and tell of what it brought at once. */
  private judgeLater(peer: PeerId, evidence: Evidence): GossipVerdict | Promise<GossipVerdict> {
    const head = this.components.head();
    // An attack needs the commit of its common height as well: that is in the block above.
    const height = evidenceHeight(evidence) + (evidence.kind === 'duplicate-vote' ? 0 : 1);
    const waiting = this.early.filter((early) => early.peer === peer).length;
    if (height <= head || height > head + EARLY_HEIGHTS) return 'ignore';
    if (waiting >= EARLY_MAX_PER_PEER || this.early.length >= EARLY_MAX) return 'ignore';
    return new Promise((resolve) => {
      const settle = (verdict: GossipVerdict | 'early'): void => resolve(verdict === 'early' ? 'ignore' : verdict);
      this.early.push({
        peer,
        height,
        retry: () => void this.judge(peer, evidence).then(settle, () => settle('ignore')),
        drop: () => settle('ignore'),
      });
    });
  }

  private dropEarly(isDropped: (early: Early) => boolean): void {
    const dropped = this.early.filter(isDropped);
    this.early = this.early.filter((early) => !isDropped(early));
    for (const { drop } of dropped) drop();
  }

  private sender(peer: PeerId): Sender {
    const nowMs = this.components.clock.monotonicMs();
    const sender = this.senders.get(peer) ?? { tokens: BURST, atMs: nowMs, backlogBytes: 0, tail: Promise.resolve() };
    sender.tokens = Math.min(BURST, sender.tokens + ((nowMs - sender.atMs) / 1_000) * PER_SECOND);
    sender.atMs = nowMs;
    this.senders.set(peer, sender);
    return sender;
  }
}
