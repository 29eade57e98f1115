import { sha256 } from '#crypto/hash.ts';
import type { KeyValue } from '#ports/key-value.ts';
import { withChecksum } from '#storage/checksummed.ts';
import { KEY_SPACE } from '#storage/key-space.ts';
import type { DuplicateVoteEvidence } from '#types/evidence.ts';
import { encodeEvidence, makeDuplicateVoteEvidence } from '#types/evidence.ts';
import type { Time } from '#types/time.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import type { Vote } from '#types/vote.ts';

/** Conflicts that wait for their height to be decided: one a validator is the rule, so this is never reached honestly. */
const WAITING_MAX = 256;
/** Second byte of the keys: evidence that no block carries yet. */
const PENDING = 0x70;

interface Conflict {
  readonly voteA: Vote;
  readonly voteB: Vote;
}

/**
 * Keeps proof of validators that signed two votes. Its time is that of the votes' block, so a conflict waits until its
 * height is decided (regressions: evidence-time-source, evidence-once-and-in-time).
 */
export class EvidenceStore {
  private readonly kv: KeyValue;
  private waiting: Conflict[] = [];

  constructor(kv: KeyValue) {
    this.kv = kv;
  }

  /** Two conflicting votes whose signatures were verified. */
  found(conflict: Conflict): void {
    if (this.waiting.length < WAITING_MAX) this.waiting.push(conflict);
  }

  /** A height was decided: writes what was found of it, and returns it. */
  async heightDecided(height: number, blockTime: Time, validators: ValidatorSet): Promise<DuplicateVoteEvidence[]> {
    const ready = this.waiting.filter(({ voteA }) => voteA.height === height);
    if (ready.length === 0) return [];
    this.waiting = this.waiting.filter(({ voteA }) => voteA.height > height);
    const evidence = ready.map(({ voteA, voteB }) => makeDuplicateVoteEvidence(voteA, voteB, validators, blockTime));
    const batch = this.kv.batch();
    for (const item of evidence) {
      const bytes = encodeEvidence(item);
      batch.put(pendingKey(bytes), withChecksum(bytes));
    }
    await batch.write({ sync: true });
    return evidence;
  }
}

function pendingKey(evidence: Uint8Array): Uint8Array {
  const key = new Uint8Array(34);
  key[0] = KEY_SPACE.evidence;
  key[1] = PENDING;
  key.set(sha256(evidence), 2);
  return key;
}
