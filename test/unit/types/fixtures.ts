import { generateEd25519, signEd25519 } from '#crypto/ed25519.ts';
import { sha256 } from '#crypto/hash.ts';
import { type Block, blockIdOf, hashTxs, txHash } from '#types/block.ts';
import type { BlockId } from '#types/block-id.ts';
import {
  ABSENT_COMMIT_SIG,
  type BlockIdFlag,
  type Commit,
  commitSignBytes,
  EMPTY_COMMIT,
  FLAG_ABSENT,
  FLAG_COMMIT,
  hashCommit,
} from '#types/commit.ts';
import { type Evidence, hashEvidenceList, makeDuplicateVoteEvidence } from '#types/evidence.ts';
import type { Header } from '#types/header.ts';
import { DEFAULT_CONSENSUS_PARAMS, hashConsensusParams } from '#types/params.ts';
import { parseTime, type Time } from '#types/time.ts';
import { type Validator, ValidatorSet } from '#types/validator-set.ts';
import { PRECOMMIT, type Vote, voteSignBytes } from '#types/vote.ts';
import { toHex } from '#util/bytes.ts';

export const CHAIN_ID = 'unit-1';
export const NOW: Time = parseTime('2026-11-20T12:00:00.000000001Z');
export const SECOND = 1_000_000_000n;

export interface Keyed {
  readonly validators: ValidatorSet;
  /** By address in hex. */
  readonly keys: ReadonlyMap<string, Uint8Array>;
}

/** A set with the given powers. Keys come from the index, so that equal calls give equal sets. */
export function makeValidators(powers: readonly bigint[], salt = 0): Keyed {
  const keys = new Map<string, Uint8Array>();
  const members = powers.map((votingPower, i) => {
    const { publicKey, privateKey } = generateEd25519(sha256(Uint8Array.of(i, i >> 8, salt)));
    keys.set(toHex(sha256(publicKey).slice(0, 20)), privateKey);
    return { pubKey: { type: 'ed25519' as const, bytes: publicKey }, votingPower };
  });
  return { validators: ValidatorSet.create(members), keys };
}

export function keyOf({ keys }: Keyed, { address }: Validator): Uint8Array {
  const key = keys.get(toHex(address));
  if (key === undefined) throw new Error('no such key');
  return key;
}

export function makeBlockId(seed: number): BlockId {
  return {
    hash: sha256(Uint8Array.of(seed)),
    partSetHeader: { total: 1 + seed, hash: sha256(Uint8Array.of(seed, 1)) },
  };
}

export function signVote(keyed: Keyed, vote: Omit<Vote, 'signature' | 'validatorAddress'>): Vote {
  const validator = keyed.validators.get(vote.validatorIndex) as Validator;
  const unsigned = { ...vote, validatorAddress: validator.address };
  return { ...unsigned, signature: signEd25519(keyOf(keyed, validator), voteSignBytes(CHAIN_ID, unsigned)) };
}

/** A commit with one flag a validator and, unless given, times one second apart. */
export function makeCommit(
  keyed: Keyed,
  height: number,
  blockId: BlockId,
  flags: readonly BlockIdFlag[] = keyed.validators.validators.map(() => FLAG_COMMIT),
  times: readonly Time[] = flags.map((_, i) => NOW + BigInt(i) * SECOND),
): Commit {
  const unsigned: Commit = {
    height,
    round: 1,
    blockId,
    signatures: flags.map((flag, i) =>
      flag === FLAG_ABSENT
        ? ABSENT_COMMIT_SIG
        : {
            flag,
            validatorAddress: (keyed.validators.get(i) as Validator).address,
            timestamp: times[i] as Time,
            signature: new Uint8Array(64),
          },
    ),
  };
  const signatures = unsigned.signatures.map((sig, i) => {
    if (sig.flag === FLAG_ABSENT) return sig;
    const key = keyOf(keyed, keyed.validators.get(i) as Validator);
    return { ...sig, signature: signEd25519(key, commitSignBytes(CHAIN_ID, unsigned, i)) };
  });
  return { ...unsigned, signatures };
}

export function makeDuplicateVotes(keyed: Keyed, height: number): Evidence {
  const base = { type: PRECOMMIT, height, round: 0, timestamp: NOW, validatorIndex: 0 } as const;
  const first = signVote(keyed, { ...base, blockId: makeBlockId(1) });
  const second = signVote(keyed, { ...base, blockId: makeBlockId(2) });
  return makeDuplicateVoteEvidence(first, second, keyed.validators, NOW);
}

export function makeHeader(fields: Partial<Header> = {}): Header {
  const hash = sha256(Uint8Array.of(77));
  return {
    version: { block: 11n, app: 0n },
    chainId: CHAIN_ID,
    height: 5,
    time: NOW,
    lastBlockId: makeBlockId(4),
    lastCommitHash: hash,
    dataHash: hash,
    validatorsHash: hash,
    nextValidatorsHash: hash,
    consensusHash: hashConsensusParams(DEFAULT_CONSENSUS_PARAMS),
    appHash: hash,
    lastResultsHash: hash,
    evidenceHash: hash,
    proposerAddress: hash.slice(0, 20),
    ...fields,
  };
}

/** A consistent block at height 5 with transactions, evidence and a commit. */
export function makeBlock(keyed: Keyed, txs: readonly Uint8Array[], evidence: readonly Evidence[] = []): Block {
  const lastBlockId = makeBlockId(4);
  const lastCommit = makeCommit(keyed, 4, lastBlockId);
  const header = makeHeader({
    lastBlockId,
    lastCommitHash: hashCommit(lastCommit),
    dataHash: hashTxs(txs.map(txHash)),
    evidenceHash: hashEvidenceList(evidence),
    validatorsHash: keyed.validators.hash(),
    nextValidatorsHash: keyed.validators.hash(),
    proposerAddress: keyed.validators.proposer.address,
  });
  return { header, txs, evidence, lastCommit };
}

export { blockIdOf, EMPTY_COMMIT };
