import { readChainState } from '#engine/chain-store.ts';
import type { KeyValue } from '#ports/key-value.ts';
import { readLastSigned } from '#signer/last-signed.ts';
import { readHead } from '#state/load.ts';
import { Rewind } from '#state/rewind.ts';
import { BlockStore } from '#storage/block-store.ts';
import { lastKeptBlock } from '#storage/kept-blocks.ts';
import type { NodeFiles } from '#storage/node-files.ts';
import { readWal } from '#storage/wal.ts';
import { formatTime } from '#types/time.ts';
import { toHex } from '#util/bytes.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import { rollbackRange } from './rollback.ts';
import { countRows } from './row-kinds.ts';

/** What a database holds, as JSON has it. */
export async function inspectDatabase(kv: KeyValue, onRows: (rows: number) => void) {
  const state = readChainState(kv);
  if (state === undefined) throw new BizraError('chain_missing', 'the database holds no chain: nothing to look at');
  const blockStore = await BlockStore.open(kv);
  const { kinds, leaves } = await countRows(kv, onRows);
  const { height } = state;
  return {
    chain_id: state.chainId,
    genesis_hash: toHex(state.genesisHash),
    initial_height: state.initialHeight,
    heights: {
      header_base: blockStore.headerBase,
      base: blockStore.base,
      head: height,
      last_stored_block: lastKeptBlock(kv, height),
      state_base: Rewind.base(kv),
      lowest_rollback: rollbackRange(kv, blockStore, state).lowest,
    },
    last_block: {
      hash: toHex(state.lastBlockId.hash),
      time: formatTime(state.lastBlockTime),
      txs: blockStore.meta(height)?.txCount ?? 0,
    },
    app_hash: toHex(state.appHash),
    validators: state.validators.validators.map(({ address, votingPower, proposerPriority }) => ({
      address: toHex(address).toUpperCase(),
      power: String(votingPower),
      priority: String(proposerPriority),
    })),
    stores: readHead(kv).stores.map(({ name, root }) => ({
      name,
      root: toHex(root),
      leaves: leaves.get(name) ?? 0,
    })),
    rows: kinds,
  };
}

/** One block and what came of it, without its transactions' contents. */
export async function inspectBlock(kv: KeyValue, height: number) {
  const blockStore = await BlockStore.open(kv);
  const { headerBase, base, head } = blockStore;
  const meta = blockStore.meta(height);
  if (meta === undefined) {
    throw new BizraError('bad_height', `block ${height} is not stored: this home has ${headerBase} to ${head}`);
  }
  const { header, blockId, txCount, size, appHash } = meta;
  const commit = blockStore.commit(height);
  const results = height < base ? undefined : blockStore.results(height);
  return {
    height,
    hash: toHex(blockId.hash),
    time: formatTime(header.time),
    proposer: toHex(header.proposerAddress).toUpperCase(),
    app_hash_before: toHex(header.appHash),
    app_hash_after: toHex(appHash),
    txs: txCount,
    bytes: size,
    round: commit?.round ?? null,
    signatures: commit?.signatures.filter(({ signature }) => signature.length > 0).length ?? 0,
    evidence: height < base ? null : (blockStore.block(height)?.evidence.length ?? 0),
    results:
      results === undefined
        ? null
        : {
            failed_txs: results.txResults.filter(({ code }) => code !== 0).length,
            gas_used: String(results.txResults.reduce((sum, { gasUsed }) => sum + gasUsed, 0n)),
            block_events: results.blockEvents.length,
            validator_updates: results.validatorUpdates.length,
          },
  };
}

export interface HomeFiles {
  readonly walDirectory: string;
  readonly privValidatorStateFile: string;
  readonly snapshotDirectory: string;
}

/** What lies beside the database. Nothing is opened for writing. */
export async function inspectFiles(files: NodeFiles, paths: HomeFiles) {
  const wal = await readWal(files, paths.walDirectory);
  const names = await files.list(paths.snapshotDirectory);
  return {
    wal: wal === undefined ? null : { file: wal.path, bytes: wal.size, records: wal.records.length, fault: wal.fault },
    signed: await inspectRecord(files, paths.privValidatorStateFile),
    snapshots: names.filter((name) => /^\d+$/.test(name)).map(Number),
  };
}

/** Null without a record; of one that is damaged, only what is wrong with it. */
async function inspectRecord(files: NodeFiles, path: string) {
  try {
    const last = await readLastSigned(files, path);
    return last === undefined ? null : { height: last.height, round: last.round, step: last.step };
  } catch (error) {
    if (!(error instanceof BizraError) || error instanceof MachineError) throw error;
    return { fault: error.message };
  }
}
