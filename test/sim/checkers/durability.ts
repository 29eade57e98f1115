import type { Node } from '#node/node.ts';
import type { NodeEvent } from '#rpc/node-api.ts';
import { encodeBlock } from '#types/block.ts';
import { equalBlockIds } from '#types/block-id.ts';
import { equalBytes, toHex } from '#util/bytes.ts';
import type { Chance } from '../time/chance.ts';
import { Violation } from './checkers.ts';

/** Heights that are looked at after each start: the newest, and some of all others. */
const NEWEST = 3;
const SAMPLE = 2;

export type BlockEvent = Extract<NodeEvent, { kind: 'block' }>;

/**
 * What a machine told about a height is what it says ever after: block, commit, results, and where its transactions are
 * found. Heights are compared with what the first machine told of them, so that all say the same.
 */
export class Durability {
  private readonly told = new Map<number, BlockEvent>();
  /** Highest height that each machine told of. */
  private readonly reported = new Map<string, number>();

  tell(machine: string, event: BlockEvent): void {
    const { height } = event.results;
    if (!this.told.has(height)) this.told.set(height, event);
    this.reported.set(machine, height);
  }

  /** The machine was given an empty disk: others keep what it told. */
  forget(machine: string): void {
    this.reported.delete(machine);
  }

  /** Throws a Violation, or what the node throws when it finds its records damaged. */
  async check(machine: string, node: Node, chance: Chance): Promise<void> {
    const head = this.reported.get(machine) ?? 0;
    if (node.chain.state.height < head)
      throw new Violation(
        'durability',
        `${machine} told of height ${head} and came back at ${node.chain.state.height}`,
      );
    const heights = new Set<number>();
    for (let height = head; height > Math.max(0, head - NEWEST); height--) heights.add(height);
    for (let i = 0; i < SAMPLE && head > NEWEST; i++) heights.add(1 + chance.below(head));
    for (const height of heights) {
      const event = this.told.get(height);
      if (event === undefined) continue;
      // What is pruned is not told any more; what may be pruned is another checker's (kept.ts).
      const isWhole = height >= node.blockStore.base;
      const fault = isWhole
        ? ((await faultIn(node, event)) ?? faultyTransaction(node, event))
        : await faultInHeader(node, event);
      if (fault !== undefined) throw new Violation('durability', `${machine} at height ${height}: ${fault}`);
    }
  }
}

/** Header rows, which stay for as long as evidence of their height counts. */
async function faultInHeader(
  { blockStore }: Node,
  { block, blockId, results }: BlockEvent,
): Promise<string | undefined> {
  const { height, appHash } = results;
  const meta = blockStore.meta(height);
  const commit = blockStore.commit(height);
  if (blockStore.blockBytes(height) !== undefined) return 'its block is told though it is below the base';
  if (meta === undefined || commit === undefined) return 'its header is gone';
  if (!equalBlockIds(meta.blockId, blockId) || !equalBytes(meta.appHash, appHash)) return 'it is another block';
  if (!equalBlockIds(commit.blockId, blockId)) return 'its commit is for another block';
  const signers = await blockStore.signers(height);
  return equalBytes(signers.hash(), block.header.validatorsHash) ? undefined : 'its validators are others';
}

async function faultIn({ blockStore }: Node, { block, blockId, results }: BlockEvent): Promise<string | undefined> {
  const { height, appHash, txResults, blockEvents, validatorUpdates } = results;
  const meta = blockStore.meta(height);
  const bytes = blockStore.blockBytes(height);
  const commit = blockStore.commit(height);
  if (meta === undefined || bytes === undefined || commit === undefined) return 'its block is gone';
  if (!equalBlockIds(meta.blockId, blockId) || !equalBytes(bytes, encodeBlock(block))) return 'it is another block';
  if (!equalBytes(meta.appHash, appHash)) return 'it has another app hash';
  if (!equalBlockIds(commit.blockId, blockId)) return 'its commit is for another block';
  if (blockStore.heightOf(blockId.hash) !== height) return 'its block is not found by its hash';
  const stored = blockStore.results(height);
  if (stored === undefined) return 'its results are gone';
  const told = [txResults, blockEvents, validatorUpdates];
  if (plain([stored.txResults, stored.blockEvents, stored.validatorUpdates]) !== plain(told))
    return 'its results are others';
  const next = await blockStore.validators(height + 1);
  return equalBytes(next.hash(), block.header.nextValidatorsHash) ? undefined : 'its next validators are others';
}

/** Text of a value, whatever classes its parts are of and in whatever order their fields were set. */
function plain(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part === 'bigint') return `${part}`;
    if (part instanceof Uint8Array) return toHex(part);
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function faultyTransaction({ indexer }: Node, { txHashes, results }: BlockEvent): string | undefined {
  for (const [index, hash] of txHashes.entries()) {
    const found = indexer.txByHash(hash);
    if (found === undefined) return `transaction ${index} is not found`;
    // Bytes that come again can only fail, and are found where they succeeded.
    const isHere = found.height === results.height && found.index === index;
    if (!isHere && results.txResults[index]?.code === 0) return `transaction ${index} is found at ${found.height}`;
  }
  return undefined;
}
