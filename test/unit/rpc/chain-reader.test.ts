import assert from 'node:assert/strict';
import { ChainReader } from '#rpc/chain-reader.ts';
import type { BlockResults, StoredBlock } from '#rpc/node-api.ts';

describe('chain reader', () => {
  /** Heights that were decoded, in order, when these are asked for in blocks of so many transactions. */
  async function decoded(txsOfBlock: number, asked: readonly number[]): Promise<number[]> {
    const loaded: number[] = [];
    const results = async (height: number): Promise<BlockResults> => {
      loaded.push(height);
      const txResults = new Array<BlockResults['txResults'][number]>(txsOfBlock);
      return {
        height,
        txResults,
        blockEvents: [],
        validatorUpdates: [],
        consensusParams: undefined,
        appHash: new Uint8Array(),
      };
    };
    const block = async (): Promise<StoredBlock> => ({}) as StoredBlock;
    const reader = new ChainReader({ head: () => 100, base: () => 1, block, results });
    for (const height of asked) assert.equal((await reader.executedBlock(height)).txResults.length, txsOfBlock);
    return loaded;
  }

  it('keeps the last four blocks when they are small', async () => {
    assert.deepEqual(await decoded(10, [1, 2, 3, 4, 1, 2, 3, 4]), [1, 2, 3, 4]);
    assert.deepEqual(await decoded(10, [1, 2, 3, 4, 5, 4, 3, 2, 1]), [1, 2, 3, 4, 5, 1]);
  });

  it('keeps one full block, however large, and no others beside it', async () => {
    assert.deepEqual(await decoded(2_000, [1, 1, 2, 2, 1]), [1, 2, 1]);
    assert.deepEqual(await decoded(300, [1, 2, 2, 1]), [1, 2, 1]);
  });

  it('keeps as many as have five hundred transactions together', async () => {
    assert.deepEqual(await decoded(250, [1, 2, 1, 2, 3, 2, 3, 1]), [1, 2, 3, 1]);
  });
});
