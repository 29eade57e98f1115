import type { SyncVerifier } from '#crypto/verifier.ts';
import { compareSigned, quietUntil, type SignedPlace } from '#signer/last-signed.ts';
import { type FileSigner, missingRecord } from '#signer/signer.ts';
import type { Logger } from '#telemetry/logger.ts';
import type { NodeMetrics } from '#telemetry/node-metrics.ts';
import type { Commit } from '#types/commit.ts';
import { type Proposal, proposalSignBytes } from '#types/proposal.ts';
import { type Vote, voteSignBytes } from '#types/vote.ts';
import { equalBytes } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import {
  LOOK_BACK_HEIGHTS,
  lastSignedInLog,
  lastSignedOnChain,
  placeOfCommit,
  placeOfVote,
  QUIET_HEIGHTS,
  signatureIn,
} from './look-back.ts';

export interface KeyGuardComponents {
  readonly signer: FileSigner;
  readonly verifier: SyncVerifier;
  readonly chainId: string;
  readonly logger: Logger;
  readonly metrics?: NodeMetrics | undefined;
  /** A record that cannot be written ends the process. */
  readonly onFatal: (error: unknown) => void;
}

/** What a node knows of its key's past when it starts, beside the signing record. */
export interface KeyPast {
  /** Last decided height. */
  readonly head: number;
  /** Whether the key is among the validators of the next heights. */
  readonly isValidator: boolean;
  readonly commitAt: (height: number) => Commit | undefined;
  /** The consensus log. */
  readonly records: readonly Uint8Array[];
}

export interface KeyGuardOptions {
  /** The operator knows that the record is missing or old, and that no other process has the key. */
  readonly recoverRecord?: boolean | undefined;
}

/**
 * Keeps a key from signing where it may have signed before without this node's knowledge: when the signing record is
 * missing or older than what the chain shows (R16), and when another process signs with the same key (R17).
 *
 * The rule for a record that had to be recovered: with B the highest of the head at start, the newest own signature on
 * chain or in the log, and any height since that was caught up on or is older than the process, nothing is signed up to
 * B + QUIET_HEIGHTS; each own signature that shows up meanwhile moves B there. The first height signed is B + QUIET_HEIGHTS + 1.
 */
export class KeyGuard {
  private readonly components: KeyGuardComponents;
  /** In memory: a restart during the quiet time begins it anew. */
  private quietUntil = 0;
  private conflict = false;

  constructor(components: KeyGuardComponents) {
    this.components = components;
  }

  /**
   * Looks back, before anything is signed. Throws BizraError 'bad_state_file' where the record is missing or older than
   * what the key signed, unless told to recover; and 'io_failed' where a recovered record cannot be written.
   */
  async lookBack(past: KeyPast, { recoverRecord }: KeyGuardOptions = {}): Promise<void> {
    const { signer, logger } = this.components;
    const { recordMissing } = signer;
    const shown = this.shownBy(past);
    if (recordMissing && past.isValidator && recoverRecord !== true) throw missingRecord(signer.recordPath);
    // A quiet record is one that is being recovered: the operator has said it once, whatever is found since.
    const isKnown = !recordMissing && !signer.isQuiet;
    if (isKnown && shown !== undefined && recoverRecord !== true) throw oldRecord(signer, shown);
    if (!recordMissing && shown === undefined && !signer.isQuiet) return;
    await this.keepQuiet(Math.max(past.head, shown?.height ?? 0) + QUIET_HEIGHTS);
    const { mutedHeight } = this;
    logger.warn('what this key signed before is not known: it signs nothing up to this height', { mutedHeight });
  }

  /** Nothing may be signed up to this height. */
  get mutedHeight(): number {
    return Math.max(this.quietUntil, this.components.signer.mutedHeight);
  }

  /**
   * A height was decided, by the first of these commits; another may be of the height before. `reached`: while the node
   * sees the past, a height that the chain has come to for certain.
   */
  applied(commits: readonly Commit[], reached: number | undefined): void {
    const { signer } = this.components;
    if (this.conflict) return;
    const own = commits.flatMap((commit) => {
      const entry = signatureIn(commit, signer.address);
      return entry === undefined ? [] : [{ place: placeOfCommit(commit), signature: entry.signature }];
    });
    if (signer.isQuiet) this.quietApplied(own[0]?.place, reached);
    else for (const { place, signature } of own) this.compare(place, signature, 'a commit');
  }

  /**
   * Looks at a vote from a peer, its signature not yet verified. 'forged': it bears this node's address and not its
   * signature, which no honest peer passes on.
   */
  vote(vote: Vote): 'ok' | 'forged' {
    const { signer, verifier } = this.components;
    if (this.conflict || !equalBytes(vote.validatorAddress, signer.address)) return 'ok';
    const place = placeOfVote(vote);
    // What is known already costs no verification, however often it is sent.
    if (signer.isQuiet ? this.covers(vote.height) : signer.mayHaveMade(place, vote.signature)) return 'ok';
    const message = voteSignBytes(this.components.chainId, vote);
    const { type, bytes: publicKey } = signer.publicKey;
    if (!verifier.verifySync({ type, publicKey, message, signature: vote.signature })) return 'forged';
    if (signer.isQuiet) this.seenWhileQuiet(place);
    else this.compare(place, vote.signature, 'a vote');
    return 'ok';
  }

  private shownBy({ head, commitAt, records }: KeyPast): SignedPlace | undefined {
    const { signer } = this.components;
    const last = signer.lastSigned;
    const onChain = lastSignedOnChain(commitAt, signer.address, {
      head,
      // A commit of the record's own height can be of a later round.
      after: last.height - 1,
      count: LOOK_BACK_HEIGHTS,
    });
    const after = onChain !== undefined && compareSigned(onChain, last) > 0 ? onChain : last;
    const inLog = lastSignedInLog(records, signer.address, after, (proposal) => this.isOwn(proposal));
    return inLog ?? (after === last ? undefined : onChain);
  }

  private isOwn(proposal: Proposal): boolean {
    const { signer, verifier } = this.components;
    const { type, bytes: publicKey } = signer.publicKey;
    const message = proposalSignBytes(this.components.chainId, proposal);
    return verifier.verifySync({ type, publicKey, message, signature: proposal.signature });
  }

  private quietApplied(own: SignedPlace | undefined, reached: number | undefined): void {
    // What the key signed before this node had caught up is its past. Quiet time begins where the chain stands now.
    if (reached !== undefined) this.quietUntil = Math.max(this.quietUntil, reached + QUIET_HEIGHTS);
    else if (own !== undefined) this.seenWhileQuiet(own);
  }

  private seenWhileQuiet(place: SignedPlace): void {
    if (this.covers(place.height)) return;
    this.components.logger.error('another process signs with this key: keeping quiet for longer', { ...place });
    this.components.metrics?.consensus.foreignSignatures.add();
    this.keepQuiet(place.height + QUIET_HEIGHTS).catch(this.components.onFatal);
  }

  private covers(height: number): boolean {
    return height + QUIET_HEIGHTS <= this.mutedHeight;
  }

  private keepQuiet(height: number): Promise<void> {
    this.quietUntil = Math.max(this.quietUntil, height);
    return this.components.signer.raise(quietUntil(height));
  }

  private compare(place: SignedPlace, signature: Uint8Array, where: string): void {
    const { signer, logger, metrics } = this.components;
    if (this.conflict || signer.mayHaveMade(place, signature)) return;
    this.conflict = true;
    signer.mute('a signature of this key was seen that this process did not make');
    metrics?.consensus.foreignSignatures.add();
    logger.error(
      'ANOTHER PROCESS SIGNS WITH THIS KEY, or the signing record is an old copy: this node signs nothing more; stop one of them, then start again',
      { where, ...place, lastSigned: slotText(signer.lastSigned) },
    );
  }
}

function oldRecord({ recordPath, lastSigned }: FileSigner, shown: SignedPlace): BizraError<'bad_state_file'> {
  return new BizraError(
    'bad_state_file',
    `the signing record ${recordPath} ends at height/round/step ${slotText(lastSigned)}, but this key has signed ${slotText(shown)}: it is an old copy, or another process signs with this key; put the newest record back, or start once with --recover-signing-record`,
  );
}

function slotText({ height, round, step }: SignedPlace): string {
  return `${height}/${round}/${step}`;
}
