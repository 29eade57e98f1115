import { sha256 } from '#crypto/hash.ts';
import type { Genesis } from '#types/genesis.ts';
import { type Header, hashHeader } from '#types/header.ts';
import type { LightBlock } from '#types/light-block.ts';
import { type ConsensusParams, decodeConsensusParams, hashConsensusParams } from '#types/params.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import { EMPTY_BYTES, equalBytes } from '#util/bytes.ts';
import type { Pause } from '#util/pause.ts';
import type { ChainState } from './chain-state.ts';
import { mustAgree } from './errors.ts';
import { decodePriorities, type PrioritiesRecord, setsWithPriorities } from './priorities-record.ts';

/** The chain around a height R, as a light client verified it. */
export interface VerifiedHeights {
  /** Of R. */
  readonly last: LightBlock;
  /** Of R + 1: its header says what the block at R left. */
  readonly next: LightBlock;
  /** Validators of R + 2, where the header of R + 1 says that they are not its own. */
  readonly nextValidators?: ValidatorSet | undefined;
}

/** What the state at R, under the app hash of R + 1, says of its chain: records of the consensus store. */
export interface ProvenRecords {
  readonly params: Uint8Array | undefined;
  readonly priorities: Uint8Array | undefined;
}

/** Whether the validators of R + 2 must be asked for. */
export function needsNextValidators({ header }: LightBlock): boolean {
  return !equalBytes(header.nextValidatorsHash, header.validatorsHash);
}

/**
 * The chain state after R of a node that executed no block: each part is what a header commits to, what the proven
 * state holds, or what the genesis document says; what two of them say must agree. Throws `state_mismatch`.
 */
export async function syncedChainState(
  genesis: Genesis,
  verified: VerifiedHeights,
  records: ProvenRecords,
  pause: Pause,
): Promise<ChainState> {
  const { last, next } = verified;
  checkHeaders(genesis, last.header, next.header);
  const { height } = last.header;
  const params = provenParams(records.params, next.header);
  mustAgree(records.priorities !== undefined, () => `the state at ${height} has no priorities of its validators`);
  const record = decodePriorities(records.priorities);
  const members = membersOf(verified);
  checkMembers(members, verified);
  const sets = await setsWithPriorities(record, height, members, pause);
  checkMembers(sets, verified);
  const [lastValidators, validators, nextValidators] = sets;
  return {
    chainId: genesis.chainId,
    initialHeight: genesis.initialHeight,
    genesisHash: genesis.hash,
    height,
    lastBlockId: next.header.lastBlockId,
    lastBlockTime: last.header.time,
    lastValidators,
    validators,
    nextValidators,
    params,
    appHash: next.header.appHash,
    lastResultsHash: next.header.lastResultsHash,
    proofBlockDue: hadWork(last.header, record),
    blockIntervalMinMs: genesis.chain.blockIntervalMinMs,
    emptyBlockIntervalMs: genesis.chain.emptyBlockIntervalMs,
  };
}

function checkHeaders(genesis: Genesis, last: Header, next: Header): void {
  const { height } = last;
  mustAgree(height >= genesis.initialHeight, () => `height ${height} is before the first block`);
  for (const { chainId } of [last, next])
    mustAgree(chainId === genesis.chainId, () => `a header of chain ${chainId}, not ${genesis.chainId}`);
  mustAgree(next.height === height + 1, () => `header ${next.height} does not follow ${height}`);
  mustAgree(
    equalBytes(next.lastBlockId.hash, hashHeader(last)),
    () => `header ${next.height} stands on another block than ${height}`,
  );
  mustAgree(next.time > last.time, () => `the time of header ${next.height} is not after that of ${height}`);
  mustAgree(
    equalBytes(next.validatorsHash, last.nextValidatorsHash),
    () => `headers ${height} and ${next.height} name different validators`,
  );
}

/** Headers commit to the block's limits alone; the rest of the parameters is proven by the state. */
function provenParams(bytes: Uint8Array | undefined, next: Header): ConsensusParams {
  mustAgree(bytes !== undefined, () => `the state before ${next.height} has no consensus parameters`);
  const params = decodeConsensusParams(bytes);
  mustAgree(
    equalBytes(hashConsensusParams(params), next.consensusHash),
    () => `the consensus parameters are not those of header ${next.height}`,
  );
  mustAgree(
    params.version.app === next.version.app,
    () => `header ${next.height} is of application version ${next.version.app}, the state of ${params.version.app}`,
  );
  return params;
}

function membersOf({ last, next, nextValidators }: VerifiedHeights): [ValidatorSet, ValidatorSet, ValidatorSet] {
  return [last.validators, next.validators, nextValidators ?? next.validators];
}

function checkMembers(
  sets: readonly [ValidatorSet, ValidatorSet, ValidatorSet],
  { last, next }: VerifiedHeights,
): void {
  const hashes = [last.header.validatorsHash, next.header.validatorsHash, next.header.nextValidatorsHash];
  for (const [index, set] of sets.entries()) {
    mustAgree(
      equalBytes(set.hash(), hashes[index] as Uint8Array),
      () => `the validators of height ${last.header.height + index} are not those of the headers`,
    );
  }
}

/** As `Chain` saw it when it applied the block. */
function hadWork(header: Header, record: PrioritiesRecord): boolean {
  const none = sha256(EMPTY_BYTES);
  const isEmpty = equalBytes(header.dataHash, none) && equalBytes(header.evidenceHash, none);
  return !isEmpty || (record.height === header.height && record.updated);
}
