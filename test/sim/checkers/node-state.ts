import { accusedBy } from '#evidence/evidence.ts';
import type { Node } from '#node/node.ts';
import type { Block } from '#types/block.ts';
import { SIM_SETTINGS } from '../chain/settings.ts';
import { Violation } from './checkers.ts';

const BODIES_MAX = 16;
const MEMPOOL_MAX = SIM_SETTINGS.mempool.size;

/** What a node holds stays bounded. */
export function checkQueues(machine: string, node: Node): void {
  const bodies = node.engine.bodyIds().length;
  if (bodies > BODIES_MAX) throw new Violation('queues', `${machine} holds ${bodies} bodies`);
  if (node.mempool.count > MEMPOOL_MAX)
    throw new Violation('queues', `${machine} holds ${node.mempool.count} transactions`);
}

/** No coin appears or is lost. Walks all accounts. */
export async function checkSupply(machine: string, node: Node): Promise<void> {
  const view = node.state.view();
  try {
    const faults = await node.ledger.invariants(view);
    if (faults.length > 0) throw new Violation('supply', `${machine} at height ${view.height}: ${faults.join('; ')}`);
  } finally {
    await view.release();
  }
}

/** The block is applied: whoever its evidence accuses is out for good. */
export function punishesSomebody({ evidence }: Block, node: Node): boolean {
  return evidence.some((item) => accusedBy(item).some(({ address }) => node.ledger.isTombstoned(address)));
}
