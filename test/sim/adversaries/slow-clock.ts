import { DEFAULT_MAX_BLOCK_BYTES, DEFAULT_MAX_TX_BYTES } from '#network/limits.ts';
import { decodeMessage } from '#network/message-codec.ts';
import type { Message } from '#network/messages.ts';
import type { PeerId } from '#ports/transport.ts';
import { PREVOTE } from '#types/vote.ts';
import { bootAll, reach, type Script } from './script.ts';

const LIMITS = { maxBlockBytes: DEFAULT_MAX_BLOCK_BYTES, maxTxBytes: DEFAULT_MAX_TX_BYTES };
const TRAP_HEIGHT = 4;

/** Clocks of the four machines: for the first, every block is from the future. */
export const SLOW_CLOCKS_MS = [-600_000, 0, 0, 0];

/**
 * The machine with the slow clock prevotes nil, as the clock guard asks; three others make a polka. Then one of those
 * is heard no more and hears no more. The block can be decided by the three that are left, if the slow one follows the
 * polka: what +2/3 found timely is not its to judge.
 */
export const slowClock: Script = async (world) => {
  const { machines, network } = world;
  bootAll(world);
  await reach(world, TRAP_HEIGHT - 1, machines);
  const gone = machines.at(-1)?.name as PeerId;
  network.filter = (from, to, bytes) => {
    if (bytes === undefined || (from !== gone && to !== gone)) return true;
    const message = decodeMessage(bytes, LIMITS);
    return to === gone ? !hasVotes(message) : isEarly(message);
  };
  await reach(world, TRAP_HEIGHT, machines.slice(0, -1));
  network.filter = undefined;
  await reach(world, TRAP_HEIGHT + 1, machines);
};

function hasVotes(message: Message): boolean {
  return message.kind === 'votes' && message.votes.some(({ height }) => height === TRAP_HEIGHT);
}

/** What it sends until its prevote is out. */
function isEarly(message: Message): boolean {
  if (message.kind === 'proposal') return message.proposal.height < TRAP_HEIGHT || message.proposal.round === 0;
  if (message.kind !== 'votes') return true;
  return message.votes.every(
    ({ height, round, type }) => height < TRAP_HEIGHT || (height === TRAP_HEIGHT && round === 0 && type === PREVOTE),
  );
}
