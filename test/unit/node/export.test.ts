import assert from 'node:assert/strict';
import { exportGenesis } from '#node/export.ts';
import { rollback } from '#node/rollback.ts';
import type { StateView } from '#state/store.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { parseGenesis } from '#types/genesis.ts';
import { toHex } from '#util/bytes.ts';
import { simGenesis } from '../../sim/chain/genesis.ts';
import { DecidedChain, eventfulChain } from '../../support/decided-chain.ts';

const HEIGHTS = 24;
/** Of the consensus store are the validators' priorities, which start anew, and which evidence was seen. */
const KEPT_STORES = ['acc', 'bank', 'chain', 'evidence', 'slashing'];

async function textOf(chain: DecidedChain, chainId?: string, initialHeight?: number): Promise<string> {
  const options = { chainId, initialHeight };
  const pieces: string[] = [];
  for await (const piece of exportGenesis(chain.state, chain.chain.state, chain.genesis, options)) pieces.push(piece);
  return pieces.join('');
}

async function rowsOf(view: StateView, store: string): Promise<string[]> {
  const rows: string[] = [];
  for await (const [key, value] of view.iterate(store, { prefix: new Uint8Array(0) }))
    rows.push(`${toHex(key)} ${toHex(value)}`);
  return rows;
}

/** The chain that a new network makes of an exported document. */
async function restarted(old: DecidedChain, text: string): Promise<DecidedChain> {
  const { keys, wallets } = simGenesis(4);
  return DecidedChain.create(new MemoryKeyValue(), { genesis: parseGenesis(text), text, keys, wallets }, old.sequences);
}

describe('an exported genesis document', function () {
  this.timeout(60_000);
  let old: DecidedChain;
  let text: string;
  let fresh: DecidedChain;

  before(async () => {
    old = await eventfulChain(new MemoryKeyValue(), HEIGHTS);
    text = await textOf(old);
    fresh = await restarted(old, text);
  });

  it('genesis-tools: export, import: the same accounts, balances, supply, parameters and punishments', async () => {
    const [before, after] = [old.state.view(), fresh.state.view()];
    for (const store of KEPT_STORES) {
      const rows = await rowsOf(after, store);
      assert.ok(rows.length > 0, store);
      assert.deepEqual(rows, await rowsOf(before, store), store);
    }
    assert.deepEqual(await fresh.ledger.invariants(after), []);
    await before.release();
    await after.release();
  });

  it('has the validators that the chain has come to, and starts at once', () => {
    const { nextValidators, lastBlockTime, params } = old.chain.state;
    const { validators, genesisTime, consensusParams, initialHeight } = fresh.genesis;
    const plain = (set: readonly { readonly address: Uint8Array }[]) => set.map(({ address }) => toHex(address)).sort();
    assert.equal(validators.length, 3, 'one was punished');
    assert.deepEqual(plain(validators), plain(nextValidators.validators));
    assert.ok(validators.every(({ name }) => /^n\d$/.test(name)));
    assert.equal(genesisTime, lastBlockTime);
    assert.deepEqual(consensusParams, params);
    assert.equal(initialHeight, 1);
  });

  it('a network goes on from it, with the sequences of its accounts', async () => {
    for (let height = 1; height <= 3; height++) {
      await fresh.next([fresh.transfer(0, 1), fresh.transfer(1, 2)]);
      const results = fresh.blockStore.results(height)?.txResults ?? [];
      assert.deepEqual(
        results.map(({ code, log }) => ({ code, log })),
        [0, 0].map((code) => ({ code, log: '' })),
      );
    }
  });

  it('is the same each time, of the new network as well, and says what was asked for', async () => {
    assert.equal(await textOf(old), text);
    assert.equal(await textOf(await restarted(old, text)), text);
    const named = await restarted(old, await textOf(old, 'other-1', HEIGHTS + 1));
    assert.equal(named.genesis.chainId, 'other-1');
    await named.next([named.transfer(0, 1)]);
    assert.equal(named.blockStore.results(HEIGHTS + 1)?.txResults[0]?.code, 0);
    assert.deepEqual(await rollback(named.kv, HEIGHTS), { from: HEIGHTS + 1, to: HEIGHTS });
    for (const list of ['denom_metadata', 'send_enabled'])
      assert.deepEqual((JSON.parse(text).app_state.bank as Record<string, unknown>)[list], []);
  });
});
