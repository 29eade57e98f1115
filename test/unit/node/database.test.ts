import assert from 'node:assert/strict';
import { initializeChain, openChain } from '#node/database.ts';
import { BlockStore } from '#storage/block-store.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { simGenesis } from '../../sim/chain/genesis.ts';

describe('the database of a chain', () => {
  it('holds the state after genesis, written as one', async () => {
    const kv = new MemoryKeyValue();
    const { genesis } = simGenesis(4);
    await initializeChain(kv, genesis, await BlockStore.open(kv));
    const { chainState, state } = await openChain(kv.crash(), genesis, {});
    assert.equal(chainState.height, 0);
    assert.equal(chainState.validators.size, 4);
    assert.deepEqual(state.appHash, chainState.appHash);
  });

  it('wrong-genesis-restart: is not continued with another genesis', async () => {
    const kv = new MemoryKeyValue();
    const { genesis } = simGenesis(4);
    await initializeChain(kv, genesis, await BlockStore.open(kv));
    await assert.rejects(openChain(kv, simGenesis(3).genesis, {}), { code: 'wrong_genesis' });
  });

  it('is told apart from an empty one', async () => {
    await assert.rejects(openChain(new MemoryKeyValue(), simGenesis(1).genesis, {}), {
      code: 'chain_missing',
      message: /remove data\/chain\.db, and that alone/,
    });
  });
});
