import { DEFAULT_MAX_BLOCK_BYTES, DEFAULT_MAX_TX_BYTES } from '#network/limits.ts';
import { decodeMessage } from '#network/message-codec.ts';
import type { Message } from '#network/messages.ts';
import type { PeerId } from '#ports/transport.ts';
import { PRECOMMIT, PREVOTE, type VoteType } from '#types/vote.ts';
import { toLatin1 } from '#util/bytes.ts';
import type { Chance } from './chance.ts';
import type { Machine } from './machine.ts';
import type { Loss, SimNetwork } from './network.ts';

const LIMITS = { maxBlockBytes: DEFAULT_MAX_BLOCK_BYTES, maxTxBytes: DEFAULT_MAX_TX_BYTES };
/** Places that machines stand at, and milliseconds between two of them: the way there is not the way back. */
const PLACES = 5;
const FAR_MS = [5, 150] as const;
const ASYMMETRY = [0.7, 1.6] as const;
/** Of the frames of one kind. */
const LOST_SHARES = [0.5, 0.9, 1];

export interface NetworkFaultParts {
  readonly network: SimNetwork;
  readonly machines: readonly Machine[];
  readonly chance: Chance;
}

/** Ends a fault. */
export type Undo = () => void;

/** Machines in several places of the world, some of them together. */
export function latencyMatrix({ network, machines, chance }: NetworkFaultParts): Undo {
  const places = new Map(machines.map(({ name }) => [name, chance.below(PLACES)]));
  const ways = Array.from({ length: PLACES * PLACES }, () => chance.between(...FAR_MS) * chance.between(...ASYMMETRY));
  network.latency = (from, to) => {
    const [a, b] = [places.get(from) ?? 0, places.get(to) ?? 0];
    return a === b ? 0 : (ways[a * PLACES + b] as number);
  };
  return () => {
    network.latency = undefined;
  };
}

/** Round after round passes without a proposal that everybody sees. */
export function lostProposals(parts: NetworkFaultParts): Undo {
  const share = parts.chance.pick(LOST_SHARES);
  return lose(parts, (message) => message.kind === 'proposal' && parts.chance.chance(share));
}

/** Polkas, or decisions, are seen by some and not by others. */
export function lostVotes(parts: NetworkFaultParts, type: VoteType): Undo {
  const share = parts.chance.pick(LOST_SHARES);
  return lose(
    parts,
    (message) =>
      message.kind === 'votes' && message.votes.every((vote) => vote.type === type) && parts.chance.chance(share),
  );
}

/**
 * One machine alone sees a polka and locks; the others see as many votes, but of each quorum one is missing, so they go
 * on to the next round and may agree on something else there.
 */
export function hiddenPolka(parts: NetworkFaultParts): Undo {
  const { machines, chance } = parts;
  const shuffled = shuffle(machines, chance);
  const voters = shuffled.slice(0, Math.floor((2 * machines.length) / 3) + 1);
  const [alone, ...others] = voters;
  const missed = new Map<PeerId, string>();
  for (const { name } of shuffled) {
    const from = others.filter((voter) => voter.name !== name);
    if (name !== alone?.name && from.length > 0) missed.set(name, toLatin1(chance.pick(from).address));
  }
  const proposed = new Set(voters.map(({ name }) => name));
  return lose(parts, (message, to) => {
    if (message.kind === 'proposal') return !proposed.has(to);
    if (message.kind === 'peerClaim') return to !== alone?.name;
    if (message.kind !== 'votes') return false;
    const author = missed.get(to);
    return message.votes.some(
      ({ type, validatorAddress }) => type === PREVOTE && toLatin1(validatorAddress) === author,
    );
  });
}

/** Decisions that one machine alone can make. */
export function hiddenDecision({ network, machines, chance }: NetworkFaultParts): Undo {
  const alone = chance.pick(machines).name;
  return lose(
    { network },
    (message, to) => to !== alone && message.kind === 'votes' && message.votes.some((vote) => vote.type === PRECOMMIT),
  );
}

function lose(
  { network }: Pick<NetworkFaultParts, 'network'>,
  isLost: (message: Message, to: PeerId) => boolean,
): Undo {
  const loss: Loss = (_from, to, frame) => {
    const message = read(frame);
    return message !== undefined && isLost(message, to);
  };
  network.losses.add(loss);
  return () => void network.losses.delete(loss);
}

/** Undefined for what a byzantine machine may send. */
function read(frame: Uint8Array): Message | undefined {
  try {
    return decodeMessage(frame, LIMITS);
  } catch {
    // It arrives, and whoever gets it judges it.
    return undefined;
  }
}

function shuffle<T>(items: readonly T[], chance: Chance): T[] {
  const left = [...items];
  return items.map(() => left.splice(chance.below(left.length), 1)[0] as T);
}
