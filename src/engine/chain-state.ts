import { sha256 } from '#crypto/hash.ts';
import { ByteReader, ByteWriter } from '#storage/byte-codec.ts';
import { type BlockId, decodeBlockId, encodeBlockId, NIL_BLOCK_ID } from '#types/block-id.ts';
import type { Genesis } from '#types/genesis.ts';
import { type ConsensusParams, decodeConsensusParams, encodeConsensusParams } from '#types/params.ts';
import type { Time } from '#types/time.ts';
import { ValidatorSet, type ValidatorUpdate } from '#types/validator-set.ts';
import type { BrokenRule } from '#util/broken-rule.ts';
import { EMPTY_BYTES } from '#util/bytes.ts';

/** All that the next block must agree with. One value a height, replaced in the height's batch. */
export interface ChainState {
  readonly chainId: string;
  readonly initialHeight: number;
  /** sha256 of the genesis document: a home is never continued with another one. */
  readonly genesisHash: Uint8Array;
  /** Last applied height; `initialHeight - 1` after genesis. */
  readonly height: number;
  readonly lastBlockId: BlockId;
  /** Block time of `height`; genesis time after genesis. */
  readonly lastBlockTime: Time;
  /** Signs `height`; undefined after genesis. */
  readonly lastValidators: ValidatorSet | undefined;
  /** Signs `height + 1`. */
  readonly validators: ValidatorSet;
  /** Signs `height + 2`. */
  readonly nextValidators: ValidatorSet;
  /** In force for `height + 1`. */
  readonly params: ConsensusParams;
  /** State root after `height`: the `app_hash` of the header at `height + 1`. */
  readonly appHash: Uint8Array;
  readonly lastResultsHash: Uint8Array;
  /** The block at `height` had something whose results are to be proven by a next one. */
  readonly proofBlockDue: boolean;
  readonly blockIntervalMinMs: number;
  readonly emptyBlockIntervalMs: number;
}

/** State before the first block. `appHash` is the root after genesis. */
export function genesisChainState(
  genesis: Genesis,
  updates: readonly ValidatorUpdate[],
  appHash: Uint8Array,
): ChainState {
  const validators = ValidatorSet.create(updates.map(({ pubKey, power }) => ({ pubKey, votingPower: power })));
  return {
    chainId: genesis.chainId,
    initialHeight: genesis.initialHeight,
    genesisHash: genesis.hash,
    height: genesis.initialHeight - 1,
    lastBlockId: NIL_BLOCK_ID,
    lastBlockTime: genesis.genesisTime,
    lastValidators: undefined,
    validators,
    nextValidators: validators.incremented(1),
    params: genesis.consensusParams,
    appHash,
    // No results yet: the hash of an empty list (wire-formats 1).
    lastResultsHash: sha256(EMPTY_BYTES),
    proofBlockDue: true,
    blockIntervalMinMs: genesis.chain.blockIntervalMinMs,
    emptyBlockIntervalMs: genesis.chain.emptyBlockIntervalMs,
  };
}

export interface AppliedBlock {
  readonly height: number;
  readonly blockId: BlockId;
  readonly time: Time;
  readonly hadWork: boolean;
  readonly validatorUpdates: readonly ValidatorUpdate[];
  readonly consensusParams: ConsensusParams | undefined;
  readonly appHash: Uint8Array;
  readonly resultsHash: Uint8Array;
}

/** Updates returned at H enter `nextValidators` and sign from H+2 (wire-formats 5.4). */
export function advance(state: ChainState, applied: AppliedBlock, broken?: BrokenRule): ChainState {
  const updated = state.nextValidators.withUpdates(applied.validatorUpdates);
  return {
    ...state,
    height: applied.height,
    lastBlockId: applied.blockId,
    lastBlockTime: applied.time,
    lastValidators: state.validators,
    validators: broken === 'validatorsEarly' ? updated : state.nextValidators,
    nextValidators: updated.incremented(1),
    params: applied.consensusParams ?? state.params,
    appHash: applied.appHash,
    lastResultsHash: applied.resultsHash,
    proofBlockDue: applied.hadWork,
  };
}

/** Of an encoded chain state, beside its validator sets: enough for most, so that it is not copied while it grows. */
const OTHER_BYTES = 512;

export function encodeChainState(state: ChainState): Uint8Array {
  const sets = [
    state.lastValidators?.encode() ?? EMPTY_BYTES,
    state.validators.encode(),
    state.nextValidators.encode(),
  ];
  const writer = new ByteWriter(sets.reduce((sum, set) => sum + set.length, OTHER_BYTES));
  writer.bytes(new TextEncoder().encode(state.chainId));
  writer.varint(state.initialHeight);
  writer.bytes(state.genesisHash);
  writer.varint(state.height);
  writer.bytes(encodeBlockId(state.lastBlockId));
  writer.bigVarint(state.lastBlockTime);
  for (const set of sets) writer.bytes(set);
  writer.bytes(encodeConsensusParams(state.params));
  writer.bytes(state.appHash);
  writer.bytes(state.lastResultsHash);
  writer.varint(state.proofBlockDue ? 1 : 0);
  writer.varint(state.blockIntervalMinMs);
  writer.varint(state.emptyBlockIntervalMs);
  return writer.finish();
}

/** Reads what `encodeChainState` wrote; the value's checksum was verified by storage. */
export function decodeChainState(bytes: Uint8Array): ChainState {
  const reader = new ByteReader(bytes);
  const chainId = new TextDecoder().decode(reader.bytes());
  const initialHeight = reader.varint();
  const genesisHash = reader.bytes();
  const height = reader.varint();
  const lastBlockId = decodeBlockId(reader.bytes());
  const lastBlockTime = reader.bigVarint();
  const lastValidators = reader.bytes();
  return {
    chainId,
    initialHeight,
    genesisHash,
    height,
    lastBlockId,
    lastBlockTime,
    lastValidators: lastValidators.length === 0 ? undefined : ValidatorSet.decode(lastValidators),
    validators: ValidatorSet.decode(reader.bytes()),
    nextValidators: ValidatorSet.decode(reader.bytes()),
    params: decodeConsensusParams(reader.bytes()),
    appHash: reader.bytes(),
    lastResultsHash: reader.bytes(),
    proofBlockDue: reader.varint() === 1,
    blockIntervalMinMs: reader.varint(),
    emptyBlockIntervalMs: reader.varint(),
  };
}
