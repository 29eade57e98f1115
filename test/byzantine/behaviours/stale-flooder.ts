import type { Message } from '#network/messages.ts';
import type { BlockId } from '#types/block-id.ts';
import { NIL_BLOCK_ID } from '#types/block-id.ts';
import { PRECOMMIT, PREVOTE, type Vote } from '#types/vote.ts';
import type { BehaviourKind } from '../behaviour.ts';
import type { Rig } from '../rig.ts';

/** The last round and the last height that can be written. */
const MAX_ROUND = 0x7fff_ffff;
/** Votes in one burst of ever higher rounds. */
const BURST = 64;

/** Well-formed, well-signed messages of heights and rounds that are over, or that nobody will ever reach. */
export const staleFlooder: BehaviourKind = {
  attacks: 'memory and processor time of every peer, and their place in the rounds',
  defence:
    'only votes and proposals that would change something are verified and logged; one future round a validator is ' +
    'kept; claims are heard once a peer, round and type (height-arithmetic, vote-index-bounds)',
  create: (rig) => ({ tick: () => flood(rig) }),
};

function flood(rig: Rig): void {
  const { seen } = rig;
  if (rig.index === undefined) return;
  rig.note('flooded');
  for (const message of [...oldVotes(rig), farVotes(rig), risingVotes(rig), ...claims(rig), ...replays(rig)])
    rig.sendAll(message);
  const proposal = seen.proposals[0];
  if (proposal !== undefined) rig.sendAll({ kind: 'proposal', proposal, block: undefined });
}

function vote(rig: Rig, place: { height: number; round: number }, type: typeof PREVOTE | typeof PRECOMMIT): Vote {
  return rig.sign({
    ...place,
    type,
    blockId: NIL_BLOCK_ID,
    timestamp: rig.means.clock.now(),
    validatorAddress: rig.pen.address,
    validatorIndex: rig.index ?? 0,
  });
}

function oldVotes(rig: Rig): Message[] {
  const heights = [rig.seen.height - 1, rig.seen.height - 2, 1].filter((height) => height > 0);
  return heights.map((height) => ({ kind: 'votes', votes: [vote(rig, { height, round: rig.below(4) }, PRECOMMIT)] }));
}

function farVotes(rig: Rig): Message {
  const { height } = rig.seen;
  const heights = [height + 1, height + 2, height + 1_000, Number.MAX_SAFE_INTEGER];
  const votes = heights.flatMap((far) => [
    vote(rig, { height: far, round: rig.below(8) }, PREVOTE),
    vote(rig, { height: far, round: MAX_ROUND }, PRECOMMIT),
  ]);
  return { kind: 'votes', votes: [...votes, vote(rig, { height, round: MAX_ROUND }, PREVOTE)] };
}

/** Each is for a higher round than the last, so each replaces what was kept of this validator. */
function risingVotes(rig: Rig): Message {
  const { height, round } = rig.seen;
  const start = round + 1 + rig.below(1_000);
  const votes = Array.from({ length: BURST }, (_, step) => vote(rig, { height, round: start + step }, PREVOTE));
  return { kind: 'votes', votes };
}

function claims(rig: Rig): Message[] {
  const { height, round } = rig.seen;
  const blockId: BlockId = { hash: rig.random.bytes(32), partSetHeader: { total: 1, hash: rig.random.bytes(32) } };
  const places = [
    { height, round },
    { height, round: MAX_ROUND },
    { height: height + 1, round: 0 },
    { height: Number.MAX_SAFE_INTEGER, round },
  ];
  return places.map((place) => ({ kind: 'peerClaim', ...place, type: PREVOTE, blockId }));
}

/** What others said, again. */
function replays(rig: Rig): Message[] {
  const { votes } = rig.seen;
  return votes.length === 0 ? [] : [{ kind: 'votes', votes: [...votes] }];
}
