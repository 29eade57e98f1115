import { encodeTxBatch, MAX_BATCH_TXS } from '#network/gossip-codec.ts';
import type { BehaviourKind } from '../behaviour.ts';
import type { Rig } from '../rig.ts';

const KEPT = 32;
/** Share of batches that decode and are not worth it; the rest costs points. */
const WELL_FORMED = 0.8;

/** Gossips transactions that nobody can use: old ones, altered ones, and bytes that are none. */
export const txSpammer: BehaviourKind = {
  attacks: 'the mempool and the processor time of every peer; the place of honest transactions',
  defence:
    'decoded and checked once, remembered when refused; not canonical or too large costs points, a wrong signature nothing ' +
    'but the transaction (mempool-heap-amplification)',
  create: (rig) => {
    const seen: Uint8Array[] = [];
    return {
      gossiped: (topic, bytes) => {
        if (topic !== 'tx') return;
        seen.push(bytes);
        if (seen.length > KEPT) seen.shift();
      },
      tick: () => {
        const batch = rig.chance(WELL_FORMED) ? altered(rig, seen) : undefined;
        rig.note(batch === undefined ? 'spammed junk' : 'spammed an altered batch');
        rig.publish('tx', batch ?? junk(rig));
      },
    };
  },
};

/** A batch that was gossiped, again, with a byte of one transaction changed; undefined before there was one. */
function altered(rig: Rig, seen: readonly Uint8Array[]): Uint8Array | undefined {
  const batch = seen.length === 0 ? undefined : rig.pick(seen).slice();
  if (batch === undefined) return undefined;
  const at = batch.length - 1 - rig.below(Math.min(64, batch.length - 4));
  batch[at] = (batch[at] as number) ^ (1 << rig.below(8));
  return batch;
}

function junk(rig: Rig): Uint8Array {
  return rig.pick([
    () => encodeTxBatch([rig.random.bytes(200)]),
    () => encodeTxBatch(Array.from({ length: MAX_BATCH_TXS }, () => rig.random.bytes(3))),
    () => encodeTxBatch([rig.random.bytes(8), new Uint8Array(0)]),
    () => new Uint8Array(4 * MAX_BATCH_TXS),
  ])();
}
