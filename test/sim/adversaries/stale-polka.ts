import { DEFAULT_MAX_BLOCK_BYTES, DEFAULT_MAX_TX_BYTES } from '#network/limits.ts';
import { decodeMessage } from '#network/message-codec.ts';
import type { PeerId } from '#ports/transport.ts';
import { PRECOMMIT } from '#types/vote.ts';
import type { Machine } from '../machine/machine.ts';
import { bootAll, reach, type Script } from './script.ts';

const LIMITS = { maxBlockBytes: DEFAULT_MAX_BLOCK_BYTES, maxTxBytes: DEFAULT_MAX_TX_BYTES };
const TRAP_HEIGHT = 4;

/**
 * Round 0 of a height has a polka and ends without a decision: one machine gets no proposal and precommits nil, the
 * precommit of another is lost on all its ways. In round 1 all know the old polka, which is reason to propose its block
 * again and none to precommit it before there is a new one.
 */
export const stalePolka: Script = async (world) => {
  const { machines, network } = world;
  bootAll(world);
  await reach(world, TRAP_HEIGHT - 1, machines);
  const [blind, unheard] = machines as [Machine, Machine];
  const index = unheard.node?.chain.state.validators.indexOf(unheard.address) ?? -1;
  network.filter = (from, to, bytes) => {
    if (bytes === undefined) return from !== blind.name && to !== blind.name;
    return passes(to, bytes, { blind: blind.name, unheard: unheard.name, index });
  };
  await reach(world, TRAP_HEIGHT, machines.slice(2));
  network.filter = undefined;
  await reach(world, TRAP_HEIGHT + 1, machines);
};

function passes(
  to: PeerId,
  bytes: Uint8Array,
  trap: { readonly blind: PeerId; readonly unheard: PeerId; readonly index: number },
): boolean {
  const message = decodeMessage(bytes, LIMITS);
  if (message.kind === 'proposal') {
    const { height, round } = message.proposal;
    return to !== trap.blind || height !== TRAP_HEIGHT || round > 0;
  }
  if (message.kind !== 'votes') return true;
  return !message.votes.some(
    ({ height, round, type, validatorIndex }) =>
      height === TRAP_HEIGHT &&
      round === 0 &&
      type === PRECOMMIT &&
      (to === trap.unheard || validatorIndex === trap.index),
  );
}
