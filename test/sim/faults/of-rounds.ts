import { DEFAULT_MAX_BLOCK_BYTES, DEFAULT_MAX_TX_BYTES } from '#network/limits.ts';
import { decodeMessage } from '#network/message-codec.ts';
import type { Message } from '#network/messages.ts';
import type { PeerId } from '#ports/transport.ts';
import { PRECOMMIT, PREVOTE, type VoteType } from '#types/vote.ts';
import { toLatin1 } from '#util/bytes.ts';

import type { Loss } from '../network/network.ts';
import type { Chance } from '../time/chance.ts';
import type { FaultParts, FaultTable, Spell } from './spell.ts';

const LIMITS = { maxBlockBytes: DEFAULT_MAX_BLOCK_BYTES, maxTxBytes: DEFAULT_MAX_TX_BYTES };
/** Places that machines stand at, and milliseconds between two of them: the way there is not the way back. */
const PLACES = 5;
const FAR_MS = [5, 150] as const;
const ASYMMETRY = [0.7, 1.6] as const;
/** Of the frames of one kind. */
const LOST_SHARES = [0.5, 0.9, 1];
/** Rounds take about a second: what is to spoil several of them is not scaled. */
const ROUNDS_MS = [500, 6_000] as const;

type Parts = Pick<FaultParts, 'network' | 'machines' | 'chance'>;

/** Ends a fault. */
type Undo = () => void;

/** What brings consensus into its rare states. */
export function roundFaults(spell: Spell): FaultTable {
  return {
    'latency matrix': () => spoil(spell, 'latency matrix', latencyMatrix),
    'lost proposals': () => spoil(spell, 'lost proposals', lostProposals),
    'lost prevotes': () => spoil(spell, 'lost prevotes', (parts) => lostVotes(parts, PREVOTE)),
    'lost precommits': () => spoil(spell, 'lost precommits', (parts) => lostVotes(parts, PRECOMMIT)),
    'hidden polka': () => spoil(spell, 'hidden polka', hiddenPolka),
    'hidden decision': () => spoil(spell, 'hidden decision', hiddenDecision),
  };
}

function spoil(spell: Spell, name: string, begin: (parts: Parts) => Undo): void {
  const { chance, say } = spell.parts;
  const undo = begin(spell.parts);
  const forMs = chance.between(...ROUNDS_MS);
  say('world', `${name} for ${forMs.toFixed(0)} ms`);
  spell.lasts(forMs, undo);
}

/** Machines in several places of the world, some of them together. */
function latencyMatrix({ network, machines, chance }: Parts): Undo {
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
function lostProposals(parts: Parts): Undo {
  const share = parts.chance.pick(LOST_SHARES);
  return lose(parts, (message) => message.kind === 'proposal' && parts.chance.chance(share));
}

/** Polkas, or decisions, are seen by some and not by others. */
function lostVotes(parts: Parts, type: VoteType): Undo {
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
function hiddenPolka(parts: Parts): Undo {
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
function hiddenDecision({ network, machines, chance }: Parts): Undo {
  const alone = chance.pick(machines).name;
  return lose(
    { network },
    (message, to) => to !== alone && message.kind === 'votes' && message.votes.some((vote) => vote.type === PRECOMMIT),
  );
}

function lose({ network }: Pick<Parts, 'network'>, isLost: (message: Message, to: PeerId) => boolean): Undo {
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
