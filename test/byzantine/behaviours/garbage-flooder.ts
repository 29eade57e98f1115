import { encodeMessage } from '#network/message-codec.ts';
import type { PeerId } from '#ports/transport.ts';
import { PREVOTE } from '#types/vote.ts';
import type { BehaviourKind } from '../behaviour.ts';
import type { Rig } from '../rig.ts';

const MAX_U32 = 0xffff_ffff;
/** Of a request that is none. Milliseconds. */
const REQUEST_TIMEOUT_MS = 1_000;

/** Frames, requests and gossip that are no messages, or claim sizes that nobody has. */
export const garbageFlooder: BehaviourKind = {
  attacks: 'the process: a throw in a decoder, memory taken for a claimed length, an index out of range',
  defence:
    'every length and count is compared with its limit and the bytes that are there before memory is taken; malformed ' +
    'costs points and then a ban (bitarray-elems-mismatch, submessage-absent, wire-lengths-and-tags)',
  create: (rig) => ({
    tick: () => {
      for (const peer of rig.peers) one(rig, peer);
    },
  }),
};

function one(rig: Rig, peer: PeerId): void {
  rig.note('sent garbage');
  const send = (bytes: Uint8Array): void => rig.sendBytes(peer, 'consensus', bytes);
  rig.pick([
    () => send(rig.random.bytes(rig.below(2_000))),
    () => send(new Uint8Array(0)),
    () => send(cutShort(rig)),
    () => send(flipped(rig)),
    () => send(withCount(2, MAX_U32)),
    () => send(withCount(2, 1_000)),
    () => send(Uint8Array.of(200, 1, 2, 3)),
    () => rig.sendBytes(peer, 'bulk', real(rig)),
    () => send(wrongBitmaps(rig)),
    () => rig.requestBytes(peer, rig.random.bytes(rig.below(200)), REQUEST_TIMEOUT_MS),
    () => rig.requestBytes(peer, withCount(2, MAX_U32), REQUEST_TIMEOUT_MS),
    () => rig.publish('tx', rig.random.bytes(rig.below(200))),
    () => rig.publish('evidence', rig.random.bytes(rig.below(200))),
  ])();
}

/** A true message of the present height. */
function real(rig: Rig): Uint8Array {
  const votes = rig.seen.votes.slice(-4);
  if (votes.length > 0) return encodeMessage({ kind: 'votes', votes });
  return encodeMessage({
    kind: 'peerClaim',
    height: Math.max(1, rig.seen.height),
    round: 0,
    type: PREVOTE,
    blockId: { hash: rig.random.bytes(32), partSetHeader: { total: 1, hash: rig.random.bytes(32) } },
  });
}

function cutShort(rig: Rig): Uint8Array {
  const bytes = real(rig);
  return bytes.slice(0, rig.below(bytes.length));
}

function flipped(rig: Rig): Uint8Array {
  const bytes = real(rig).slice();
  const at = rig.below(bytes.length);
  bytes[at] = (bytes[at] as number) ^ (1 << rig.below(8));
  return bytes;
}

/** A tag, and a list of so many entries with nothing behind it. */
function withCount(tag: number, count: number): Uint8Array {
  const bytes = new Uint8Array(5);
  bytes[0] = tag;
  new DataView(bytes.buffer).setUint32(1, count);
  return bytes;
}

/** A report whose bitmaps have all lengths but the right one. */
function wrongBitmaps(rig: Rig): Uint8Array {
  const { height, round } = rig.seen;
  const bitmap = (): Uint8Array => new Uint8Array(rig.pick([0, 2, 1_250])).fill(0xff);
  return encodeMessage({
    kind: 'roundStep',
    height,
    round,
    step: 'prevote',
    hasProposal: true,
    hasBlocks: [],
    votes: Array.from({ length: 32 }, (_, index) => ({ round: index, type: PREVOTE, bitmap: bitmap() })),
    lastCommit: { round: 0, bitmap: bitmap() },
    headHeight: 0,
    baseHeight: 0,
  });
}
