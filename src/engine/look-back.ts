import type { SignedMessage } from '#consensus/input.ts';
import { compareSigned, SIGNER_STEP, type SignedPlace } from '#signer/last-signed.ts';
import { type Commit, type CommitSig, FLAG_ABSENT } from '#types/commit.ts';
import type { Proposal } from '#types/proposal.ts';
import { PREVOTE, type Vote } from '#types/vote.ts';
import { equalBytes } from '#util/bytes.ts';
import {
  decodeWalRecord,
  isSignatureRecord,
  type LoggedInput,
  type MuteRecord,
  startsHeightOrMutes,
} from './wal-record.ts';

/**
 * Decided heights that are searched for signatures of this node's key when it starts, the head included. Only heights
 * above its signing record are read, so that a node whose record is whole reads none.
 */
export const LOOK_BACK_HEIGHTS = 1_000;
/** A key whose past is not known signs nothing until the chain has moved so many heights on without its signature. */
export const QUIET_HEIGHTS = 10;

/** The entry of a validator in a commit, if it signed it, for the block or for nil. */
export function signatureIn(commit: Commit, address: Uint8Array): CommitSig | undefined {
  return commit.signatures.find(
    ({ flag, validatorAddress }) => flag !== FLAG_ABSENT && equalBytes(validatorAddress, address),
  );
}

export function placeOfCommit({ height, round }: Commit): SignedPlace {
  return { height, round, step: SIGNER_STEP.precommit };
}

export function placeOfVote({ height, round, type }: Vote): SignedPlace {
  return { height, round, step: type === PREVOTE ? SIGNER_STEP.prevote : SIGNER_STEP.precommit };
}

export function placeOfProposal({ height, round }: Proposal): SignedPlace {
  return { height, round, step: SIGNER_STEP.proposal };
}

/** The newest commit that `address` signed among `count` decided heights, from `head` down and above `after`. */
export function lastSignedOnChain(
  commitAt: (height: number) => Commit | undefined,
  address: Uint8Array,
  range: { readonly head: number; readonly after: number; readonly count: number },
): SignedPlace | undefined {
  for (let height = range.head; height > range.after && height > range.head - range.count; height--) {
    const commit = commitAt(height);
    if (commit === undefined) return undefined;
    if (signatureIn(commit, address) !== undefined) return placeOfCommit(commit);
  }
  return undefined;
}

/**
 * The last place after `after` in a log that the key of `address` signed, whether the message is this node's own or came
 * from a peer: both were verified before they were logged. A proposal names no signer, so `isOwn` checks its signature.
 * Throws BizraError `damaged_wal`.
 */
export function lastSignedInLog(
  records: readonly Uint8Array[],
  address: Uint8Array,
  after: SignedPlace,
  isOwn: (proposal: Proposal) => boolean,
): SignedPlace | undefined {
  let last: SignedPlace | undefined;
  const note = (place: SignedPlace, signed: () => boolean): void => {
    if (compareSigned(place, last ?? after) > 0 && signed()) last = place;
  };
  let reached = false;
  for (const record of records) {
    if (startsHeightOrMutes(record)) reached ||= isAtLeast(record, after.height);
    // Heights that the signing record covers are passed over unread: the log may hold many of them.
    if (!reached || !isSignatureRecord(record)) continue;
    const message = messageIn(decodeWalRecord(record));
    if (message?.kind === 'vote') {
      const { vote } = message;
      note(placeOfVote(vote), () => equalBytes(vote.validatorAddress, address));
    } else if (message?.kind === 'proposal') {
      const { proposal } = message;
      note(placeOfProposal(proposal), () => isOwn(proposal));
    }
  }
  return last;
}

function isAtLeast(record: Uint8Array, height: number): boolean {
  const start = decodeWalRecord(record);
  return start.kind === 'newHeight' && start.height >= height;
}

function messageIn(input: LoggedInput | MuteRecord): SignedMessage | undefined {
  if (input.kind === 'vote') return { kind: 'vote', vote: input.vote };
  return input.kind === 'signed' ? input.message : undefined;
}
