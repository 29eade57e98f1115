import type { Consensus } from '#consensus/consensus.ts';
import { MAX_KNOWN_BLOCKS } from '#network/message-codec.ts';
import type { RoundStepMessage } from '#network/messages.ts';
import { PRECOMMIT, PREVOTE } from '#types/vote.ts';
import type { Engine } from './engine.ts';
import { relevantRounds } from './relevant-rounds.ts';
import type { BlockArchive } from './request-answers.ts';

/** What this node tells peers of itself: where it stands and what it holds, so that they send what it lacks. */
export function roundStepMessage(
  consensus: Consensus,
  engine: Pick<Engine, 'bodyIds'>,
  archive: Pick<BlockArchive, 'head' | 'base'>,
): RoundStepMessage {
  const round = Math.max(consensus.round, 0);
  return {
    kind: 'roundStep',
    height: consensus.height,
    round,
    step: consensus.step,
    hasProposal: consensus.proposal(round) !== undefined,
    hasBlocks: engine.bodyIds().slice(-MAX_KNOWN_BLOCKS),
    votes: heldVotes(consensus),
    lastCommit: heldLastCommit(consensus),
    headHeight: archive.head(),
    baseHeight: archive.base(),
  };
}

function heldVotes(consensus: Consensus): RoundStepMessage['votes'] {
  return relevantRounds(consensus).flatMap((round) =>
    ([PREVOTE, PRECOMMIT] as const).flatMap((type) => {
      const bitmap = consensus.voteBitmap(consensus.height, round, type);
      return bitmap === undefined ? [] : [{ round, type, bitmap }];
    }),
  );
}

function heldLastCommit(consensus: Consensus): RoundStepMessage['lastCommit'] {
  const { height, lastCommitRound: round } = consensus;
  const bitmap = round === undefined ? undefined : consensus.voteBitmap(height - 1, round, PRECOMMIT);
  return round === undefined || bitmap === undefined ? undefined : { round, bitmap };
}
