import type { BlockId } from '#types/block-id.ts';
import { NIL_BLOCK_ID } from '#types/block-id.ts';
import { type Commit, EMPTY_COMMIT, FLAG_COMMIT } from '#types/commit.ts';
import type { Evidence } from '#types/evidence.ts';
import type { Header } from '#types/header.ts';
import type { LightBlock } from '#types/light-block.ts';
import type { Proposal } from '#types/proposal.ts';
import { ValidatorSet } from '#types/validator-set.ts';
import { PREVOTE, type Vote } from '#types/vote.ts';

/** Well-formed values; signatures are not real. */
const TIME = 1_763_640_000_123_456_789n;

export function bytesOf(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value);
}

export function blockId(value: number): BlockId {
  return { hash: bytesOf(32, value), partSetHeader: { total: 3, hash: bytesOf(32, value + 1) } };
}

export function vote(index: number, id: BlockId = blockId(1)): Vote {
  return {
    type: PREVOTE,
    height: 7,
    round: 2,
    blockId: id,
    timestamp: TIME,
    validatorAddress: bytesOf(20, index + 1),
    validatorIndex: index,
    signature: bytesOf(64, index + 1),
  };
}

export function proposal(): Proposal {
  return { height: 7, round: 2, polRound: -1, blockId: blockId(1), timestamp: TIME, signature: bytesOf(64, 9) };
}

export function header(): Header {
  return {
    version: { block: 11n, app: 0n },
    chainId: 'test-chain',
    height: 7,
    time: TIME,
    lastBlockId: blockId(5),
    lastCommitHash: bytesOf(32, 1),
    dataHash: bytesOf(32, 2),
    validatorsHash: bytesOf(32, 3),
    nextValidatorsHash: bytesOf(32, 4),
    consensusHash: bytesOf(32, 5),
    appHash: bytesOf(32, 6),
    lastResultsHash: bytesOf(32, 7),
    evidenceHash: bytesOf(32, 8),
    proposerAddress: bytesOf(20, 9),
  };
}

export function commit(): Commit {
  const signature = {
    flag: FLAG_COMMIT,
    validatorAddress: bytesOf(20, 1),
    timestamp: TIME,
    signature: bytesOf(64, 2),
  } as const;
  return { height: 6, round: 0, blockId: blockId(5), signatures: [signature, signature] };
}

export function validators(power = 5n): ValidatorSet {
  return ValidatorSet.create([{ pubKey: { type: 'ed25519', bytes: bytesOf(32, 7) }, votingPower: power }]);
}

export function lightBlock(height = 7, set = validators()): LightBlock {
  const { signatures, ...rest } = commit();
  const signed = { ...rest, signatures: signatures.slice(0, set.size) };
  return { header: { ...header(), height }, commit: signed, validators: set };
}

export function evidence(): Evidence {
  return {
    kind: 'duplicate-vote',
    voteA: vote(1, NIL_BLOCK_ID),
    voteB: vote(1, blockId(4)),
    totalVotingPower: 100n,
    validatorPower: 10n,
    timestamp: TIME,
  };
}

export { EMPTY_COMMIT };
