import type { Verifier } from '#crypto/verifier.ts';
import { type Block, checkBlockBasics } from '#types/block.ts';
import { equalBlockIds } from '#types/block-id.ts';
import { medianTime } from '#types/commit.ts';
import { type CommitVerification, verifyCommit } from '#types/commit-verification.ts';
import { BLOCK_PROTOCOL, MIN_TX_BYTES } from '#types/limits.ts';
import { blockBytesMax, hashConsensusParams } from '#types/params.ts';
import type { Time } from '#types/time.ts';
import { equalBytes } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import type { Body } from './body.ts';
import type { ChainState } from './chain-state.ts';
import type { InvalidBlockCode } from './errors.ts';
import { type EvidenceRules, validateEvidence } from './evidence-validation.ts';

const NANOSECONDS_PER_MILLISECOND = 1_000_000n;

/** Gas that a transaction asks for, by its index; undefined when its bytes are not a canonical transaction. */
export type GasWanted = (index: number) => bigint | undefined;

function refuse(code: InvalidBlockCode, message: string): never {
  throw new BizraError(code, message);
}

function requireEqual(code: InvalidBlockCode, what: string, actual: Uint8Array, expected: Uint8Array): void {
  if (!equalBytes(actual, expected)) refuse(code, `block has a ${what} other than mine`);
}

/**
 * `valid(v)`: depends on the block and the state of H-1 alone, never on settings, the mempool or peers
 * (order of checks as wire-formats 1). Throws a BizraError that says what is wrong.
 */
export async function validateBlock(
  verifier: Verifier,
  state: ChainState,
  body: Body,
  gasWanted: GasWanted,
  evidence: EvidenceRules,
  verify: CommitVerification = verifyCommit,
): Promise<void> {
  const { block } = body;
  const { header } = block;
  checkBlockBasics(block, body.txHashes);
  if (header.version.block !== BLOCK_PROTOCOL || header.version.app !== state.params.version.app) {
    refuse('wrong_version', `block version is ${header.version.block}/${header.version.app}`);
  }
  if (header.chainId !== state.chainId) refuse('wrong_chain_id', `block is of chain ${header.chainId}`);
  if (header.height !== state.height + 1)
    refuse('wrong_height', `block has height ${header.height}, not ${state.height + 1}`);
  if (!equalBlockIds(header.lastBlockId, state.lastBlockId))
    refuse('wrong_last_block_id', 'block builds on another block');
  requireEqual('wrong_app_hash', 'app hash', header.appHash, state.appHash);
  requireEqual('wrong_consensus_hash', 'consensus hash', header.consensusHash, hashConsensusParams(state.params));
  requireEqual('wrong_last_results_hash', 'last results hash', header.lastResultsHash, state.lastResultsHash);
  requireEqual('wrong_validators_hash', 'validators hash', header.validatorsHash, state.validators.hash());
  requireEqual(
    'wrong_next_validators_hash',
    'next validators hash',
    header.nextValidatorsHash,
    state.nextValidators.hash(),
  );
  if (state.validators.indexOf(header.proposerAddress) < 0) refuse('wrong_proposer', 'proposer is not a validator');
  checkSize(state, body);
  checkTransactions(state, block, gasWanted);
  await verifyLastCommit(verifier, state, block, verify);
  if (header.time !== expectedBlockTime(state, block))
    refuse('wrong_time', 'block time is not the median of its last commit');
  await validateEvidence(verifier, evidence, block);
}

/** max(previous + 1 ms, weighted median over the commit-flag votes); genesis time for the first block. */
export function expectedBlockTime(state: ChainState, block: Pick<Block, 'lastCommit'>): Time {
  if (state.lastValidators === undefined) return state.lastBlockTime;
  const earliest = state.lastBlockTime + NANOSECONDS_PER_MILLISECOND;
  const median = medianTime(block.lastCommit, state.lastValidators);
  return median > earliest ? median : earliest;
}

async function verifyLastCommit(
  verifier: Verifier,
  state: ChainState,
  block: Block,
  verify: CommitVerification,
): Promise<void> {
  if (state.lastValidators === undefined) {
    if (block.lastCommit.signatures.length > 0) refuse('wrong_last_commit', 'the first block has a last commit');
    return;
  }
  try {
    await verify(verifier, state.chainId, state.lastValidators, state.lastBlockId, state.height, block.lastCommit);
  } catch (error) {
    if (!(error instanceof BizraError)) throw error;
    throw new BizraError('wrong_last_commit', `last commit: ${error.message}`, { cause: error });
  }
}

/** The whole of it, as CometBFT counts: a larger one could be decided and then not be given to those who sync. */
function checkSize({ params }: ChainState, { bytes }: Body): void {
  const max = blockBytesMax(params);
  if (bytes.length > max) refuse('too_large', `block has ${bytes.length} bytes, more than ${max}`);
}

/** What peers refuse to carry must not be valid either, or whoever passes such a block on looks faulty. */
function checkTransactions(state: ChainState, block: Block, gasWanted: GasWanted): void {
  const { maxGas } = state.params.block;
  let gas = 0n;
  for (const [index, tx] of block.txs.entries()) {
    const wanted = gasWanted(index);
    if (wanted === undefined || tx.length < MIN_TX_BYTES)
      refuse('non_canonical_tx', 'block holds bytes that are not a canonical transaction');
    gas += wanted;
  }
  if (maxGas >= 0 && gas > BigInt(maxGas)) refuse('too_much_gas', `transactions want ${gas} gas, more than ${maxGas}`);
}
