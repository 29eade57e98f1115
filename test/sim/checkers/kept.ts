import type { Node } from '#node/node.ts';
import type { NodeSettings } from '#node/settings.ts';
import type { Coverage } from '../world/coverage.ts';
import { Violation } from './checkers.ts';

/**
 * After a start: a node keeps what its settings say, never less, and its oldest state still adds up. `highest` is the
 * highest decided height: a machine that went back had more before. One that began with a snapshot has nothing of before
 * `begunAt`.
 */
export async function checkKept(
  machine: string,
  node: Node,
  settings: NodeSettings,
  highest: number,
  coverage: Coverage,
  begunAt: number,
): Promise<void> {
  const { blockStore, state, ledger } = node;
  const { initialHeight } = node.chain.state;
  const height = Math.max(node.chain.state.height, highest);
  const { retainBlocks, undoHeights } = settings.storage;
  const first = Math.max(initialHeight, begunAt + 1);
  const blocks = retainBlocks === 0 ? first : Math.max(first, height - retainBlocks + 1);
  if (blockStore.head > 0 && blockStore.base > blocks)
    throw new Violation('kept', `${machine} at ${height} has blocks from ${blockStore.base} on, not from ${blocks}`);
  const states = Math.max(first - 1, height - undoHeights);
  if (state.base > states)
    throw new Violation('kept', `${machine} at ${height} has the state from ${state.base} on, not from ${states}`);
  if (blockStore.base > first) coverage.hit('blocks pruned');
  if (blockStore.pruner().nextBlock !== undefined) coverage.hit('went on pruning after a crash');
  if (state.base === state.height) return;
  const view = state.view(state.base);
  try {
    const faults = await ledger.invariants(view);
    if (faults.length > 0) throw new Violation('kept', `${machine} at old height ${view.height}: ${faults.join('; ')}`);
  } finally {
    await view.release();
  }
}
