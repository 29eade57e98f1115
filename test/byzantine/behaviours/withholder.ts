import type { ProposalMessage, Request } from '#network/messages.ts';
import { encodeAnswer } from '#network/request-codec.ts';
import type { PeerId } from '#ports/transport.ts';
import type { Behaviour, BehaviourKind } from '../behaviour.ts';
import { withoutTxs } from '../carried.ts';
import type { Rig } from '../rig.ts';

/** How a height's body is kept back. */
type Way = 'no block' | 'no transactions' | 'some peers only';

const WAYS: readonly Way[] = ['no block', 'no transactions', 'some peers only'];
/** Of a request that nobody will answer: the asker has long given up. Milliseconds. */
const NEVER_MS = 60_000;
/** Answers that come just before the asker gives up. Milliseconds. */
const SLOW_MS = 900;

/** Proposes, and serves neither its blocks nor the transactions in them, or serves junk. */
export const withholder: BehaviourKind = {
  attacks: 'liveness: a polka, or a decision, for a block that hardly anybody can get; memory and requests without end',
  defence:
    'nil after the propose timeout (L57); a precommit needs the body (L36), so more than 1/3 honest power can serve what ' +
    'was decided; bodies are asked of others, one request a peer, answers compared with the id',
  create: (rig) => behaviour(rig),
};

function behaviour(rig: Rig): Behaviour {
  return {
    outgoing: (peer, message) => {
      if (message.kind !== 'proposal' || !rig.isMyProposal(message.proposal)) return [message];
      return [withheld(rig, peer, message)];
    },
    answer: (_peer, request, honest) => answer(rig, request, honest),
    publishing: (topic) => {
      if (topic !== 'tx' || rig.chance(0.5)) return true;
      rig.note('kept transactions');
      return false;
    },
  };
}

function withheld(rig: Rig, peer: PeerId, message: ProposalMessage): ProposalMessage {
  const { height } = message.proposal;
  const way = WAYS[height % WAYS.length] as Way;
  if (message.block === undefined || (way === 'some peers only' && rig.side(peer, height) === 0)) return message;
  rig.note(`kept back: ${way}`);
  if (way === 'no transactions') return withoutTxs(message);
  return { ...message, block: undefined };
}

/** Of the height under way; decided blocks are served, so that the body is the only thing that is missing. */
async function answer(rig: Rig, request: Request, honest: () => Promise<Uint8Array>): Promise<Uint8Array> {
  const isBody = request.kind === 'getBlockById' || request.kind === 'getTxs';
  if (!isBody || request.height < rig.seen.height) return honest();
  const ways = [
    () => never(rig),
    () => slow(rig, request),
    async () => junk(rig, request),
    async () => nothing(request),
  ];
  rig.note('answered without the body');
  return rig.pick(ways)();
}

async function never(rig: Rig): Promise<Uint8Array> {
  await rig.after(NEVER_MS);
  throw new Error('never');
}

async function slow(rig: Rig, request: BodyRequest): Promise<Uint8Array> {
  await rig.after(SLOW_MS);
  return nothing(request);
}

type BodyRequest = Extract<Request, { kind: 'getBlockById' | 'getTxs' }>;

function nothing(request: BodyRequest): Uint8Array {
  if (request.kind === 'getBlockById') return encodeAnswer('getBlockById', { block: undefined });
  return encodeAnswer('getTxs', { txs: request.indexes.map(() => undefined) });
}

/** Bytes that decode as an answer and are not what was asked. */
function junk(rig: Rig, request: BodyRequest): Uint8Array {
  const bytes = rig.random.bytes(64);
  if (request.kind === 'getBlockById') return encodeAnswer('getBlockById', { block: bytes });
  return encodeAnswer('getTxs', { txs: request.indexes.map(() => bytes) });
}
