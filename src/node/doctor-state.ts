import { Ledger } from '#app/ledger.ts';
import { InlineVerifier } from '#crypto/verifier.ts';
import { readChainState } from '#engine/chain-store.ts';
import { readPending } from '#engine/evidence-rows.ts';
import type { KeyValue } from '#ports/key-value.ts';
import { readHead } from '#state/load.ts';
import { Rewind } from '#state/rewind.ts';
import { changedKeysKey, decodeChangedKeys, decodeUndo, undoKey, undoPrefix } from '#state/undo-rows.ts';
import { BlockStore } from '#storage/block-store.ts';
import { keptBlock } from '#storage/kept-blocks.ts';
import type { Genesis } from '#types/genesis.ts';
import { equalBytes, toHex } from '#util/bytes.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import { openChain } from './database.ts';
import type { Check } from './doctor.ts';
import { rollback, rollbackRange } from './rollback.ts';

/** Newest heights that are taken back, on a copy, to see that it works and gives the roots that the headers name. */
const TAKEN_BACK = 100;
const UNDO_ADVICE =
  'the node runs without it, but queries and rollbacks that reach so far back fail; restore a backup to have it again';

/** That there is a chain, that it is the home's, and that its parts are of one height. */
export async function checkDatabase(kv: KeyValue, genesis: Genesis | undefined): Promise<void> {
  const chainState = readChainState(kv);
  if (chainState === undefined)
    throw new BizraError(
      'chain_missing',
      'the database holds no chain: remove data/chain.db, and that alone, to begin anew',
    );
  const { genesisHash, height, initialHeight, chainId } = chainState;
  if (genesis !== undefined && !equalBytes(genesis.hash, genesisHash)) {
    throw new BizraError(
      'wrong_genesis',
      `the database belongs to chain ${chainId} with another genesis file (hash ${toHex(genesisHash)}): put the right genesis.json back`,
    );
  }
  const { head } = await BlockStore.open(kv);
  const { height: stateHeight } = readHead(kv);
  if (stateHeight === height && head === (height < initialHeight ? 0 : height)) return;
  throw new MachineError(
    'damaged',
    `the chain is at height ${height}, its blocks at ${head}, its state at ${stateHeight}`,
  );
}

/** Checks of the state. The last one changes the database, so it must be a copy, and the last check of all. */
export function stateChecks(kv: KeyValue, genesis: Genesis): Check[] {
  return [
    { name: 'state tree', run: (find) => checkTree(kv, genesis, find) },
    { name: 'invariants', run: (find) => checkInvariants(kv, genesis, find) },
    { name: 'undo rows', run: (find, told) => checkUndo(kv, find, told) },
    { name: 'waiting evidence', run: async () => void (await readPending(kv)) },
    { name: 'rollback', run: (_find, told) => tryRollback(kv, told) },
  ];
}

type Find = Parameters<Check['run']>[0];
type Told = Parameters<Check['run']>[1];

/** Opening rebuilds the tree from the leaves and compares it with the head record; the next header is compared here. */
async function checkTree(kv: KeyValue, genesis: Genesis, find: Find): Promise<void> {
  const { state, chainState } = await openChain(kv, genesis, {});
  const named = keptBlock(kv, chainState.height + 1)?.block.header.appHash;
  if (named === undefined || equalBytes(named, state.appHash)) return;
  find(
    `the state at height ${state.height} has the app hash ${toHex(state.appHash)}, block ${state.height + 1} names ${toHex(named)}`,
    `run bizra-node rollback --to ${state.height - 1} with the version of the program that the network runs`,
  );
}

async function checkInvariants(kv: KeyValue, genesis: Genesis, find: Find): Promise<void> {
  const { state } = await openChain(kv, genesis, {});
  const { bech32Prefix, baseDenom } = genesis.chain;
  const ledger = new Ledger(
    { verifier: new InlineVerifier(), state },
    { chainId: genesis.chainId, bech32Prefix, baseDenom },
  );
  const view = state.view();
  try {
    for (const fault of await ledger.invariants(view)) {
      find(fault, 'the program is at fault, and all nodes have the same: tell its makers, with the height');
    }
  } finally {
    await view.release();
  }
}

/** Every height that can be gone back to has its list, and every key in it its row. */
async function checkUndo(kv: KeyValue, find: Find, told: Told): Promise<void> {
  const chainState = readChainState(kv);
  const head = chainState?.height ?? 0;
  for (let height = Rewind.base(kv) + 1; height <= head; height++) {
    const listKey = changedKeysKey(height);
    const list = kv.get(listKey);
    if (list === undefined) {
      find(`the list of keys that height ${height} changed is missing`, UNDO_ADVICE);
      continue;
    }
    for (const [store, keys] of decodeChangedKeys(list, listKey).stores) {
      const rowKeys = keys.map((key) => undoKey(undoPrefix(store), key, height));
      const rows = await kv.getMany(rowKeys);
      for (const [index, row] of rows.entries()) {
        const rowKey = rowKeys[index] as Uint8Array;
        if (row === undefined) find(`height ${height} changed a key of ${store} without an undo row`, UNDO_ADVICE);
        else decodeUndo(row, rowKey);
      }
    }
    told(`height ${height} of ${head}`);
  }
}

async function tryRollback(kv: KeyValue, told: Told): Promise<void> {
  const chainState = readChainState(kv);
  if (chainState === undefined) return;
  const { lowest, head } = rollbackRange(kv, await BlockStore.open(kv), chainState);
  const to = Math.max(lowest, head - TAKEN_BACK);
  await rollback(kv, to, { onHeight: (height) => told(`height ${height}, back to ${to}`) });
}
