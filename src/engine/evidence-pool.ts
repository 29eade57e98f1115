import type { Verifier } from '#crypto/verifier.ts';
import { isRefusal } from '#evidence/errors.ts';
import { evidenceHash } from '#evidence/evidence.ts';
import type { ChainHistory } from '#evidence/history.ts';
import { isAheadOf, verifyEvidence } from '#evidence/verify-evidence.ts';
import type { KeyValue, WriteBatch } from '#ports/key-value.ts';
import type { Logger } from '#telemetry/logger.ts';
import { type Evidence, makeDuplicateVoteEvidence } from '#types/evidence.ts';
import type { Time } from '#types/time.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import type { Vote } from '#types/vote.ts';
import { fromLatin1, toHex, toLatin1 } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import type { ChainState } from './chain-state.ts';
import { committedAt, deletePending, putCommitted, putPending } from './evidence-rows.ts';
import { isPast, type Pending, pendingOf } from './pending-evidence.ts';

/** Conflicts that wait for their height to be decided, one a validator and height. */
const WAITING_MAX = 1_024;
/** Evidence that no block carries yet: one a validator, so honestly never near it. */
const PENDING_MAX = 1_024;
const PENDING_MAX_BYTES = 16 * 1024 * 1024;
/** No height: to be judged at the next one. */
const NEVER_JUDGED = -1;

interface Conflict {
  readonly voteA: Vote;
  readonly voteB: Vote;
}

/** `known`: pending, committed, or about validators of whom enough is known. It is no fault of who brought it. */
export type EvidenceOutcome = 'added' | 'known';

export interface EvidencePoolComponents {
  readonly kv: KeyValue;
  readonly verifier: Verifier;
  readonly logger: Logger;
  /** The chain as it stands now. */
  readonly history: () => ChainHistory;
  /** Whether the ledger has punished this validator: a second time has no effect. */
  readonly isPunished: (address: Uint8Array) => boolean;
  /** There is something new to propose. */
  readonly onPending: () => void;
  /** A fault of this machine: a disk that fails, or a record of the past that is damaged. */
  readonly onFault: (error: unknown) => void;
}

/** What a height changes in the pool. In effect once the height's batch is on the disk. */
export interface StagedEvidence {
  readonly added: readonly Pending[];
  /** Keys; those of the evidence that the block carries are there in any case, since a peer may bring it meanwhile. */
  readonly removed: ReadonlySet<string>;
}

/**
 * Evidence on its way into a block. What a height brings and takes away is part of the height's own batch; what clients
 * and peers bring is on the disk before it is acknowledged. Nothing here decides whether a block is valid.
 */
export class EvidencePool {
  private readonly components: EvidencePoolComponents;
  private readonly pending = new Map<string, Pending>();
  private pendingBytes = 0;
  /** How many pending pieces accuse a validator. */
  private readonly accused = new Map<string, number>();
  private readonly waiting = new Map<string, Conflict>();

  private constructor(components: EvidencePoolComponents) {
    this.components = components;
  }

  /** With what was pending when the node ended. `stored` is `readPending` of the same database. */
  static restore(components: EvidencePoolComponents, stored: readonly Evidence[]): EvidencePool {
    const pool = new EvidencePool(components);
    for (const evidence of stored) {
      const entry = pendingOf(evidence);
      // A client's evidence may have been written after the height that carried it.
      if (pool.committedAt(entry.hash) !== undefined) continue;
      pool.insert(entry, evidence.kind === 'light-client-attack' ? NEVER_JUDGED : undefined);
    }
    return pool;
  }

  get count(): number {
    return this.pending.size;
  }

  /** Height of the block that carried evidence with this hash. */
  committedAt(hash: Uint8Array): number | undefined {
    return committedAt(this.components.kv, hash);
  }

  /**
   * Two conflicting votes whose signatures were verified. Evidence bears the time of the votes' block, so they wait
   * until their height is decided (regressions evidence-time-source, evidence-once-and-in-time).
   */
  found({ voteA, voteB }: Conflict): void {
    const key = `${voteA.height}/${toLatin1(voteA.validatorAddress)}`;
    if (this.waiting.size < WAITING_MAX && !this.waiting.has(key)) this.waiting.set(key, { voteA, voteB });
  }

  /**
   * Takes evidence that a client or a peer brings. Resolves when it is on the disk. Throws a BizraError with an
   * EvidenceErrorCode, or `evidence_too_large`, `evidence_pool_full`. `offeredMs`: when it was gossiped, if it was.
   */
  async add(evidence: Evidence, offeredMs?: number): Promise<EvidenceOutcome> {
    const { kv, verifier, history, onPending } = this.components;
    const entry = pendingOf(evidence);
    if (!this.isNews(entry)) return 'known';
    const before = history();
    this.checkRoom(entry, before.params.maxBytes);
    await verifyEvidence(verifier, before, evidence);
    if (!this.isNews(entry)) return 'known';
    this.insert({ ...entry, offeredMs }, isAheadOf(before, evidence) ? before.height : undefined);
    const batch = kv.batch();
    putPending(batch, entry.hash, entry.encoded);
    await batch.write({ sync: true });
    onPending();
    return 'added';
  }

  /** What a block on top of the head may carry now, of at most this many bytes as the block counts them. */
  reap(maxBytes: number): Evidence[] {
    const list: Evidence[] = [];
    let bytes = 0;
    for (const { evidence, framed } of this.ready()) {
      if (bytes + framed > maxBytes) continue;
      bytes += framed;
      list.push(evidence);
    }
    return list;
  }

  /** Whether `reap` would return something. */
  hasWork(maxBytes: number): boolean {
    for (const { framed } of this.ready()) if (framed <= maxBytes) return true;
    return false;
  }

  /** What was not gossiped within `everyMs`: all of it once, and again for those who came later. */
  takeForGossip(nowMs: number, everyMs: number): Evidence[] {
    const due = [...this.pending.values()].filter(
      ({ offeredMs }) => offeredMs === undefined || nowMs - offeredMs >= everyMs,
    );
    for (const entry of due) entry.offeredMs = nowMs;
    return due.map(({ evidence }) => evidence);
  }

  /**
   * Adds to the batch of `next.height` what it changes: marks of the evidence that its block carries, evidence of
   * conflicts that can be named now, and the end of what is of no more use.
   */
  async stage(batch: WriteBatch, next: ChainState, carried: readonly Evidence[]): Promise<StagedEvidence> {
    for (const evidence of carried) putCommitted(batch, next.height, evidence);
    const convicted = new Set(carried.flatMap((evidence) => pendingOf(evidence).accused));
    const committed = new Set(carried.map((evidence) => toLatin1(evidenceHash(evidence))));
    const isMoot = ({ accused }: Pending): boolean =>
      accused.length > 0 && accused.every((key) => convicted.has(key) || this.isPunished(key));
    const removed = new Set(committed);
    for (const [key, entry] of this.pending) {
      if (!committed.has(key) && !isMoot(entry) && !isPast(next, entry.evidence)) continue;
      deletePending(batch, entry.hash);
      removed.add(key);
    }
    const named = await this.nameConflicts(next);
    const added = named.filter((entry) => this.isNews(entry) && !isMoot(entry) && !isPast(next, entry.evidence));
    for (const { hash, encoded } of added) putPending(batch, hash, encoded);
    return { added, removed };
  }

  /** The height of `staged` is on the disk and is the head. Returns the evidence that is new with it. */
  publish({ added, removed }: StagedEvidence): Evidence[] {
    for (const key of removed) this.remove(key);
    const fresh = added.filter((entry) => this.isNews(entry));
    for (const entry of fresh) this.insert(entry, undefined);
    this.judgeAgain();
    return fresh.map(({ evidence }) => evidence);
  }

  /** Conflicts of heights that are decided with `next`, as evidence. */
  private async nameConflicts(next: ChainState): Promise<Pending[]> {
    const history = this.components.history();
    const entries: Pending[] = [];
    for (const [key, { voteA, voteB }] of this.waiting) {
      const { height } = voteA;
      if (height > next.height) continue;
      this.waiting.delete(key);
      const isNewest = height === next.height;
      const validators = isNewest ? next.lastValidators : await history.validators(height);
      const time = isNewest ? next.lastBlockTime : history.header(height)?.time;
      if (validators === undefined || time === undefined) continue;
      const entry = this.nameConflict({ voteA, voteB }, validators, time);
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  }

  /** Two votes that are no offence after all must not stop a height. */
  private nameConflict({ voteA, voteB }: Conflict, validators: ValidatorSet, time: Time): Pending | undefined {
    try {
      return pendingOf(makeDuplicateVoteEvidence(voteA, voteB, validators, time));
    } catch (error) {
      if (!(error instanceof BizraError)) throw error;
      this.components.logger.error('a conflict of votes is no evidence', { reason: error.message });
      return undefined;
    }
  }

  private *ready(): Iterable<Pending> {
    const { height } = this.components.history();
    for (const entry of this.pending.values()) {
      if (entry.judgedAt === undefined || entry.judgedAt === height) yield entry;
    }
  }

  /** Evidence about a conflicting block above our own is compared with another block at each height. */
  private judgeAgain(): void {
    const { verifier, logger, onPending, onFault } = this.components;
    const history = this.components.history();
    for (const [key, entry] of this.pending) {
      if (entry.judgedAt === undefined) continue;
      verifyEvidence(verifier, history, entry.evidence)
        .then(() => {
          entry.judgedAt = isAheadOf(history, entry.evidence) ? history.height : undefined;
          onPending();
        })
        .catch((error: unknown) => {
          if (!isRefusal(error)) return onFault(error);
          logger.info('pending evidence does not fit the chain', {
            evidence: toHex(entry.hash),
            reason: error.message,
          });
          if (error.code === 'evidence_forged') this.remove(key);
        });
    }
  }

  /** Not pending, not committed, and says something that is not known: one proof a validator is enough. */
  private isNews({ hash, accused }: Pending): boolean {
    if (this.pending.has(toLatin1(hash)) || this.committedAt(hash) !== undefined) return false;
    return accused.length === 0 || accused.some((key) => !this.accused.has(key) && !this.isPunished(key));
  }

  private isPunished(key: string): boolean {
    return this.components.isPunished(fromLatin1(key));
  }

  private checkRoom({ framed, encoded }: Pending, maxBytes: number): void {
    if (framed > maxBytes) {
      throw new BizraError('evidence_too_large', `evidence takes ${framed} bytes, a block has room for ${maxBytes}`);
    }
    if (this.pending.size >= PENDING_MAX || this.pendingBytes + encoded.length > PENDING_MAX_BYTES) {
      throw new BizraError('evidence_pool_full', `${this.pending.size} pieces of evidence are pending already`);
    }
  }

  private insert(entry: Pending, judgedAt: number | undefined): void {
    entry.judgedAt = judgedAt;
    this.pending.set(toLatin1(entry.hash), entry);
    this.pendingBytes += entry.encoded.length;
    for (const key of entry.accused) this.accused.set(key, (this.accused.get(key) ?? 0) + 1);
  }

  private remove(key: string): void {
    const entry = this.pending.get(key);
    if (entry === undefined) return;
    this.pending.delete(key);
    this.pendingBytes -= entry.encoded.length;
    for (const accused of entry.accused) {
      const left = (this.accused.get(accused) ?? 0) - 1;
      if (left > 0) this.accused.set(accused, left);
      else this.accused.delete(accused);
    }
  }
}
