import assert from 'node:assert/strict';
import { Ledger } from '#app/ledger.ts';
import { BANK_STORE, supplyKey } from '#app/modules/bank/state.ts';
import { STORES } from '#app/modules.ts';
import { InlineVerifier } from '#crypto/verifier.ts';
import { genesisChainState } from '#engine/chain-state.ts';
import { writeChainState } from '#engine/chain-store.ts';
import { type Check, runCheck } from '#node/doctor.ts';
import { blockChecks } from '#node/doctor-blocks.ts';
import { stateChecks } from '#node/doctor-state.ts';
import { State } from '#state/state.ts';
import { ROW, rowKey } from '#storage/block-rows.ts';
import { BlockStore } from '#storage/block-store.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { BizraError } from '#util/errors.ts';
import { simGenesis } from '../../sim/chain/genesis.ts';
import { DecidedChain } from '../../support/decided-chain.ts';

describe('the checks of doctor', () => {
  it('find a supply that is not the sum of the balances', async () => {
    const { genesis } = simGenesis(4);
    const { bech32Prefix, baseDenom } = genesis.chain;
    const ledger = new Ledger(
      { verifier: new InlineVerifier(), state: { height: 0, get: () => undefined } },
      { chainId: genesis.chainId, bech32Prefix, baseDenom },
    );
    const { changes, validators } = ledger.initGenesis(genesis);
    const bank = new Map(changes.get(BANK_STORE));
    bank.set(supplyKey(baseDenom), new TextEncoder().encode('7'));
    const kv = new MemoryKeyValue();
    await State.initialize(kv, STORES, new Map([...changes, [BANK_STORE, bank]]), 0, {
      alsoWrite: (batch, appHash) => writeChainState(batch, genesisChainState(genesis, validators, appHash)),
    });
    const check = stateChecks(kv, genesis).find(({ name }) => name === 'invariants');
    const { ok, findings } = await runCheck(check as Check, () => {});
    assert.equal(ok, false);
    assert.match(findings[0]?.what ?? '', /supply of ubizra is 7, its balances add up to \d+/);
  });

  it('send nobody back over a block that cannot be read: a rollback needs it, and peers have it', async () => {
    const kv = new MemoryKeyValue();
    const chain = await DecidedChain.create(kv);
    for (let height = 1; height <= 6; height++) await chain.next([chain.transfer(0, 1)]);
    kv.corrupt(rowKey(ROW.block, 3), (value) => value.fill(9, 0, 1));
    kv.corrupt(rowKey(ROW.results, 5, 0), (value) => value.fill(9, 0, 1));
    const blockStore = await BlockStore.open(kv);
    const verifier = new InlineVerifier();
    const checks = blockChecks({ kv, blockStore, chainState: chain.chain.state, verifier });
    const adviceOf = async (name: string): Promise<string[]> => {
      const check = checks.find((one) => one.name === name) as Check;
      return (await runCheck(check, () => {})).findings.map(({ what, advice }) => `${what.slice(0, 8)}: ${advice}`);
    };
    const [block, ...more] = await adviceOf('blocks');
    assert.match(block ?? '', /^height 3: start the node: it fetches/);
    assert.deepEqual(more, []);
    assert.match((await adviceOf('results')).at(-1) ?? '', /^height 5: run bizra-node rollback --to 4/);
  });

  it('tell the first findings and count the rest; a fault of the program passes through', async () => {
    const many: Check = {
      name: 'many',
      run: async (find) => {
        for (let i = 0; i < 9; i++) find(`fault ${i}`, 'advice');
        throw new BizraError('damaged', 'a fault that was thrown');
      },
    };
    const report = await runCheck(many, () => {});
    assert.deepEqual(
      report.findings.map(({ what }) => what),
      ['fault 0', 'fault 1', 'fault 2', 'fault 3', 'fault 4'],
    );
    assert.equal(report.more, 5);
    const broken: Check = { name: 'broken', run: () => Promise.reject(new TypeError('no operator did that')) };
    await assert.rejects(
      runCheck(broken, () => {}),
      TypeError,
    );
  });
});
