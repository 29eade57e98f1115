import { type BlockId, blockIdKey, equalBlockIds, isNilBlockId } from '#types/block-id.ts';
import { type Commit, FLAG_COMMIT } from '#types/commit.ts';
import { PREVOTE, type UnsignedVote } from '#types/vote.ts';
import type { Lock, TwinsProcess } from './process.ts';

/** What can go wrong, by name: a run counts them apart. */
export type Violation = 'agreement' | 'lock' | 'validity' | 'double sign' | 'termination';

export class TwinsFailure extends Error {
  readonly violation: Violation;

  constructor(violation: Violation, message: string) {
    super(`${violation}: ${message}`);
    this.violation = violation;
  }
}

const VALIDATORS = 4;
/** More than two thirds of four equal validators, counted here on its own. */
const QUORUM = 3;

/** Judges what the honest processes sign and decide, by the messages alone. */
export class TwinsChecks {
  /** Ids of blocks that some process built. */
  readonly built = new Set<string>();
  private readonly signedVotes = new Map<string, string>();
  /** Validators that signed a precommit for a block in a round. */
  private readonly precommits = new Map<string, Set<number>>();
  private readonly only: Violation | undefined;
  private chosen: { readonly by: string; readonly key: string } | undefined;

  /** `only`: judge nothing else, to see how far a broken rule gets. */
  constructor(only?: Violation) {
    this.only = only;
  }

  signs(process: TwinsProcess, vote: UnsignedVote, locked: Lock | undefined): void {
    const { round, type, blockId } = vote;
    if (type !== PREVOTE) this.remember(process.index, round, blockId);
    if (!process.honest) return;
    const place = `${process.name}/${round}/${type}`;
    const key = blockIdKey(blockId);
    const before = this.signedVotes.get(place);
    if (before !== undefined && before !== key) this.fail('double sign', `${place} for two values`);
    this.signedVotes.set(place, key);
    if (isNilBlockId(blockId)) return;
    if (type === PREVOTE) this.checkPrevote(process, round, blockId, locked);
    else if (!hasPolka(process, round, blockId))
      this.fail('lock', `${process.name} precommits in round ${round} without a polka there`);
  }

  decided(process: TwinsProcess, blockId: BlockId, commit: Commit): void {
    const key = blockIdKey(blockId);
    if (!this.built.has(key)) this.fail('validity', `${process.name} decides what nobody built`);
    this.checkCommit(process, commit);
    if (!process.honest) return;
    this.chosen ??= { by: process.name, key };
    if (this.chosen.key !== key) this.fail('agreement', `${this.chosen.by} and ${process.name} decide differently`);
  }

  /** Each entry was signed by its validator, and more than two thirds are for the block. */
  private checkCommit({ name }: TwinsProcess, { round, blockId, signatures }: Commit): void {
    if (signatures.length !== VALIDATORS) this.fail('validity', `${name}: a commit of another size`);
    const signers = this.precommits.get(placeOf(round, blockId));
    let votes = 0;
    for (const [index, { flag }] of signatures.entries()) {
      if (flag !== FLAG_COMMIT) continue;
      if (signers?.has(index) !== true) this.fail('validity', `${name}: validator ${index} did not sign`);
      votes++;
    }
    if (votes < QUORUM) this.fail('validity', `${name} decides with ${votes} of ${VALIDATORS} votes`);
  }

  /** L23 and L29: against a lock only with a polka that is not older than it. */
  private checkPrevote(process: TwinsProcess, round: number, blockId: BlockId, locked: Lock | undefined): void {
    if (locked === undefined || equalBlockIds(locked.blockId, blockId)) return;
    for (let polka = locked.round; polka < round; polka++) if (hasPolka(process, polka, blockId)) return;
    this.fail('lock', `${process.name} prevotes in round ${round} against its lock of round ${locked.round}`);
  }

  private fail(violation: Violation, message: string): void {
    if (this.only === undefined || this.only === violation) throw new TwinsFailure(violation, message);
  }

  private remember(index: number, round: number, blockId: BlockId): void {
    const place = placeOf(round, blockId);
    const signers = this.precommits.get(place) ?? new Set();
    this.precommits.set(place, signers.add(index));
  }
}

function placeOf(round: number, blockId: BlockId): string {
  return `${round}/${blockIdKey(blockId)}`;
}

function hasPolka({ core }: TwinsProcess, round: number, blockId: BlockId): boolean {
  return core.votesFor(round, PREVOTE, blockId).length >= QUORUM;
}
