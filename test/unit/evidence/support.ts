import { type Ed25519KeyPair, generateEd25519, signEd25519 } from '#crypto/ed25519.ts';
import { sha256 } from '#crypto/hash.ts';
import type { ChainHistory } from '#evidence/history.ts';
import { byzantineValidators } from '#light/byzantine-validators.ts';
import type { BlockId } from '#types/block-id.ts';
import { type Commit, type CommitSig, commitSignBytes, FLAG_COMMIT } from '#types/commit.ts';
import {
  type DuplicateVoteEvidence,
  type LightClientAttackEvidence,
  makeDuplicateVoteEvidence,
} from '#types/evidence.ts';
import { type Header, hashHeader } from '#types/header.ts';
import type { SignedHeader } from '#types/light-block.ts';
import { DEFAULT_CONSENSUS_PARAMS } from '#types/params.ts';
import { type Validator, ValidatorSet } from '#types/validator-set.ts';
import { PREVOTE, type UnsignedVote, type Vote, voteSignBytes } from '#types/vote.ts';
import { equalBytes } from '#util/bytes.ts';

export const CHAIN_ID = 'evidence-test';
export const SECOND = 1_000_000_000n;
const START = 1_700_000_000n * SECOND;

export const text = (value: string): Uint8Array => sha256(new TextEncoder().encode(value));

export function blockId(name: string): BlockId {
  return { hash: text(name), partSetHeader: { total: 1, hash: text(`parts of ${name}`) } };
}

/** A chain on paper: headers and commits of as many heights as a test asks for, all signed by one set. */
export class PaperChain {
  readonly keys: readonly Ed25519KeyPair[];
  readonly validators: ValidatorSet;
  private readonly headers = new Map<number, Header>();
  private readonly commits = new Map<number, Commit>();

  constructor(powers: readonly bigint[] = [40n, 30n, 20n, 10n]) {
    this.keys = powers.map((_, index) => generateEd25519(text(`evidence validator ${index}`)));
    this.validators = ValidatorSet.create(
      powers.map((votingPower, index) => ({
        pubKey: { type: 'ed25519', bytes: (this.keys[index] as Ed25519KeyPair).publicKey },
        votingPower,
      })),
    );
  }

  /** Validator of the set by its power: every power is there once. */
  byPower(power: bigint): { readonly index: number; readonly validator: Validator } {
    const index = this.validators.validators.findIndex(({ votingPower }) => votingPower === power);
    return { index, validator: this.validators.get(index) as Validator };
  }

  time(height: number): bigint {
    return START + BigInt(height) * SECOND;
  }

  header(height: number): Header {
    const known = this.headers.get(height) ?? this.makeHeader(height, {});
    this.headers.set(height, known);
    return known;
  }

  /** A header like the chain's own, but for these fields. */
  makeHeader(height: number, changes: Partial<Header>): Header {
    return {
      version: { block: 11n, app: 0n },
      chainId: CHAIN_ID,
      height,
      time: this.time(height),
      lastBlockId: blockId(`block ${height - 1}`),
      lastCommitHash: text(`last commit ${height}`),
      dataHash: text(`data ${height}`),
      validatorsHash: this.validators.hash(),
      nextValidatorsHash: this.validators.hash(),
      consensusHash: text('consensus'),
      appHash: text(`app ${height}`),
      lastResultsHash: text(`results ${height}`),
      evidenceHash: text('no evidence'),
      proposerAddress: (this.validators.get(0) as Validator).address,
      ...changes,
    };
  }

  /** All validators sign. */
  commit(header: Header, round = 0): Commit {
    const id = { hash: hashHeader(header), partSetHeader: { total: 1, hash: text('parts') } };
    const empty = this.validators.validators.map(
      ({ address }): CommitSig => ({
        flag: FLAG_COMMIT,
        validatorAddress: address,
        timestamp: header.time,
        signature: new Uint8Array(64),
      }),
    );
    const unsigned: Commit = { height: header.height, round, blockId: id, signatures: empty };
    const signatures = empty.map((sig, index) => ({
      ...sig,
      signature: signEd25519(this.keyOf(sig.validatorAddress), commitSignBytes(CHAIN_ID, unsigned, index)),
    }));
    return { ...unsigned, signatures };
  }

  history(height: number, changes: Partial<ChainHistory> = {}): ChainHistory {
    const signed = (of: number): SignedHeader => {
      const commit = this.commits.get(of) ?? this.commit(this.header(of));
      this.commits.set(of, commit);
      return { header: this.header(of), commit };
    };
    return {
      chainId: CHAIN_ID,
      initialHeight: 1,
      height,
      time: this.time(height),
      params: DEFAULT_CONSENSUS_PARAMS.evidence,
      header: (of) => (of <= height ? this.header(of) : undefined),
      signedHeader: (of) => (of < height ? signed(of) : undefined),
      validators: async (of) => (of <= height ? this.validators : undefined),
      ...changes,
    };
  }

  vote(power: bigint, changes: Partial<UnsignedVote>): Vote {
    const { index, validator } = this.byPower(power);
    const vote: UnsignedVote = {
      type: PREVOTE,
      height: 5,
      round: 0,
      blockId: blockId('one'),
      timestamp: START,
      validatorAddress: validator.address,
      validatorIndex: index,
      ...changes,
    };
    return { ...vote, signature: signEd25519(this.keyOf(validator.address), voteSignBytes(CHAIN_ID, vote)) };
  }

  /** The validator with this power voted for two blocks. */
  doubleVote(power: bigint, height = 5, second = 'two'): DuplicateVoteEvidence {
    return makeDuplicateVoteEvidence(
      this.vote(power, { height }),
      this.vote(power, { height, blockId: blockId(second) }),
      this.validators,
      this.time(height),
    );
  }

  /** Everybody signed another block at `height`; a light client was right up to `commonHeight`. */
  attack(commonHeight: number, height: number, changes: Partial<Header>, round = 0): LightClientAttackEvidence {
    const header = this.makeHeader(height, changes);
    const { validators, proposer } = this.validators;
    const conflictingBlock = { header, commit: this.commit(header, round), validators, proposer };
    const trusted = { header: this.header(height), commit: this.commit(this.header(height)) };
    return {
      kind: 'light-client-attack',
      conflictingBlock,
      commonHeight,
      byzantineValidators: byzantineValidators(conflictingBlock, this.validators, trusted),
      totalVotingPower: this.validators.totalPower,
      timestamp: this.time(commonHeight),
    };
  }

  private keyOf(address: Uint8Array): Uint8Array {
    const { pubKey } = this.validators.get(this.validators.indexOf(address)) as Validator;
    const key = this.keys.find(({ publicKey }) => equalBytes(publicKey, pubKey.bytes));
    if (key === undefined) throw new Error('no such key');
    return key.privateKey;
  }
}
