import assert from 'node:assert/strict';
import { Consensus, type ConsensusOptions } from '#consensus/consensus.ts';
import type { Effect } from '#consensus/effect.ts';
import type { HeightContext, Input, TimeoutStep } from '#consensus/input.ts';
import type { Verdict } from '#consensus/known-blocks.ts';
import type { Block } from '#types/block.ts';
import { type BlockId, blockIdKey, NIL_BLOCK_ID } from '#types/block-id.ts';
import { type Commit, type CommitSig, EMPTY_COMMIT, FLAG_ABSENT, FLAG_COMMIT } from '#types/commit.ts';
import { ValidatorSet } from '#types/validator-set.ts';
import { PRECOMMIT, PREVOTE, type UnsignedVote, type Vote, type VoteType } from '#types/vote.ts';

/** 2026-11-20T12:00:00Z in nanoseconds: where every bench's clock starts. */
export const START = 1_795_176_000_000_000_000n;
export const MS = 1_000_000n;

export function makeValidators(powers: readonly bigint[]): ValidatorSet {
  return ValidatorSet.create(
    powers.map((votingPower, index) => ({
      pubKey: { type: 'ed25519' as const, bytes: new Uint8Array(32).fill(index + 1) },
      votingPower,
    })),
  );
}

/** The id that stands for a block named by a short text. `parts` alters the part set only. */
export function idOf(name: string, parts = 1): BlockId {
  const hash = new Uint8Array(32).fill(0x40);
  for (let i = 0; i < name.length; i++) hash[i] = name.charCodeAt(i);
  return { hash, partSetHeader: { total: parts, hash: new Uint8Array(32).fill(parts) } };
}

export function makeBlock(height: number, time: bigint, lastCommit: Commit = EMPTY_COMMIT): Block {
  const hash = new Uint8Array(32);
  return {
    header: {
      version: { block: 11n, app: 0n },
      chainId: 'test',
      height,
      time,
      lastBlockId: NIL_BLOCK_ID,
      lastCommitHash: hash,
      dataHash: hash,
      validatorsHash: hash,
      nextValidatorsHash: hash,
      consensusHash: hash,
      appHash: hash,
      lastResultsHash: hash,
      evidenceHash: hash,
      proposerAddress: new Uint8Array(20),
    },
    txs: [],
    evidence: [],
    lastCommit,
  };
}

/** A stand-in signature: 64 bytes that name the validator, so that votes can be told apart. */
export function signatureOf(index: number): Uint8Array {
  return new Uint8Array(64).fill(index + 1);
}

export function makeVote(
  validators: ValidatorSet,
  index: number,
  vote: Pick<UnsignedVote, 'type' | 'height' | 'round' | 'blockId'> & { readonly timestamp?: bigint },
): Vote {
  const validatorAddress = validators.get(index)?.address ?? new Uint8Array(20);
  return {
    timestamp: START,
    ...vote,
    validatorIndex: index,
    validatorAddress,
    signature: signatureOf(index),
  };
}

export function makeCommit(
  validators: ValidatorSet,
  commit: { readonly height: number; readonly round: number; readonly blockId: BlockId; readonly timestamp?: bigint },
  signers: readonly number[],
): Commit {
  const signatures = validators.validators.map(
    (validator, index): CommitSig =>
      signers.includes(index)
        ? {
            flag: FLAG_COMMIT,
            validatorAddress: validator.address,
            timestamp: commit.timestamp ?? START,
            signature: signatureOf(index),
          }
        : {
            flag: FLAG_ABSENT,
            validatorAddress: new Uint8Array(),
            timestamp: -62_135_596_800_000_000_000n,
            signature: new Uint8Array(),
          },
  );
  return { height: commit.height, round: commit.round, blockId: commit.blockId, signatures };
}

export interface BenchOptions {
  readonly powers?: readonly bigint[];
  /** My index; undefined: not a validator. */
  readonly me?: number | undefined;
  readonly height?: number;
  readonly context?: Partial<HeightContext>;
  readonly options?: ConsensusOptions;
  /** Answer `sign` and `validate` at once (the default). */
  readonly answerSign?: boolean;
  readonly answerValidate?: boolean;
}

/**
 * One core on a bench: the test plays the world around it. Each call gives one input, answers what the core asks by
 * itself (`sign`, `validate`, `redeliver`), and returns all effects of it as short lines.
 */
export class Bench {
  readonly validators: ValidatorSet;
  readonly height: number;
  readonly me: number | undefined;
  /** What the present core was given and what it asked for. */
  readonly inputs: Input[] = [];
  readonly effects: Effect[][] = [];
  /** Blocks that are not valid. */
  readonly verdicts = new Map<string, Verdict>();
  now = START;
  core: Consensus;
  answerSign: boolean;
  answerValidate: boolean;
  /** What the signer does when `answerSign` is on. */
  signer: 'answers' | 'refuses' = 'answers';
  private readonly coreOptions: ConsensusOptions;
  private readonly contextOverrides: Partial<HeightContext>;
  private readonly names = new Map<string, string>([[blockIdKey(NIL_BLOCK_ID), 'nil']]);
  private readonly times = new Map<string, bigint>();

  constructor(options: BenchOptions = {}) {
    this.validators = makeValidators(options.powers ?? [1n, 1n, 1n, 1n]);
    this.height = options.height ?? 2;
    this.me = 'me' in options ? options.me : 3;
    this.answerSign = options.answerSign ?? true;
    this.answerValidate = options.answerValidate ?? true;
    this.contextOverrides = options.context ?? {};
    const address = this.me === undefined ? undefined : this.validators.get(this.me)?.address;
    this.coreOptions = { address, ...options.options };
    this.core = new Consensus(this.coreOptions);
  }

  id(name: string): BlockId {
    if (name === 'nil') return NIL_BLOCK_ID;
    const id = idOf(name);
    this.names.set(blockIdKey(id), name);
    return id;
  }

  name(id: BlockId): string {
    return this.names.get(blockIdKey(id)) ?? '?';
  }

  /** A fresh core that remembers nothing: the machine lost its disk. */
  forget(): void {
    this.core = new Consensus(this.coreOptions);
    this.inputs.length = 0;
    this.effects.length = 0;
  }

  /** A fresh core given the same inputs: a restart. Fails unless the effects are the same. */
  replay(): void {
    const core = new Consensus(this.coreOptions);
    const again = this.inputs.map((input) => [...core.handle(input)]);
    assert.deepEqual(again, this.effects);
    this.core = core;
  }

  context(height: number, overrides: Partial<HeightContext> = {}): HeightContext {
    const initial = height === 1;
    const blockId = this.id('P');
    return {
      chainId: 'test',
      height,
      initialHeight: 1,
      validators: this.validators,
      nextValidators: this.validators,
      lastValidators: initial ? undefined : this.validators,
      lastCommit: initial
        ? undefined
        : makeCommit(this.validators, { height: height - 1, round: 0, blockId }, [0, 1, 2, 3, 4, 5, 6]),
      lastBlockTime: initial ? START : START - 1000n * MS,
      proofBlockDue: true,
      blockIntervalMinMs: 0,
      emptyBlockIntervalMs: 0,
      ...this.contextOverrides,
      ...overrides,
    };
  }

  /** One input and all that follows from the answers that the bench gives. */
  feed(input: Input): string[] {
    const effects = this.core.handle(input);
    this.inputs.push(input);
    this.effects.push([...effects]);
    const lines: string[] = [];
    for (const effect of effects) lines.push(...this.describe(effect));
    for (const effect of effects) lines.push(...this.answer(effect));
    return lines;
  }

  newHeight(overrides: Partial<HeightContext> = {}, height = this.height): string[] {
    return this.feed({ kind: 'newHeight', now: this.now, context: this.context(height, overrides) });
  }

  /** Into round 0, as the pause ends. */
  start(overrides: Partial<HeightContext> = {}): this {
    this.newHeight(overrides);
    this.timeout('newHeight', 0);
    return this;
  }

  proposal(round: number, block: string, polRound = -1, height = this.height): string[] {
    const proposal = { height, round, polRound, blockId: this.id(block), timestamp: this.now };
    return this.feed({ kind: 'proposal', now: this.now, proposal: { ...proposal, signature: signatureOf(0) } });
  }

  block(block: string, time = this.now, height = this.height): string[] {
    this.times.set(block, time);
    return this.feed({ kind: 'block', now: this.now, blockId: this.id(block), block: makeBlock(height, time) });
  }

  /** Proposal and block together. */
  propose(round: number, block: string, polRound = -1): string[] {
    return [...this.proposal(round, block, polRound), ...this.block(block, this.times.get(block) ?? this.now)];
  }

  vote(type: VoteType, round: number, block: string, index: number, height = this.height): string[] {
    const vote = makeVote(this.validators, index, {
      type,
      height,
      round,
      blockId: this.id(block),
      timestamp: this.now,
    });
    return this.feed({ kind: 'vote', now: this.now, vote });
  }

  prevotes(round: number, block: string, from: readonly number[], height = this.height): string[] {
    return from.flatMap((index) => this.vote(PREVOTE, round, block, index, height));
  }

  precommits(round: number, block: string, from: readonly number[], height = this.height): string[] {
    return from.flatMap((index) => this.vote(PRECOMMIT, round, block, index, height));
  }

  timeout(step: TimeoutStep, round: number, height = this.height): string[] {
    return this.feed({ kind: 'timeout', now: this.now, height, round, step });
  }

  work(): string[] {
    return this.feed({ kind: 'workAvailable', now: this.now });
  }

  built(block: string, round: number, time = this.now): string[] {
    const input = { kind: 'blockBuilt', now: this.now, height: this.height, round, blockId: this.id(block) } as const;
    return this.feed({ ...input, block: makeBlock(this.height, time) });
  }

  validity(block: string, verdict: Verdict): string[] {
    return this.feed({ kind: 'blockValidity', now: this.now, blockId: this.id(block), verdict });
  }

  claim(peer: string, type: VoteType, round: number, block: string): string[] {
    const place = { height: this.height, round, type, blockId: this.id(block) };
    return this.feed({ kind: 'peerClaim', now: this.now, peer, ...place });
  }

  decidedBlock(block: string, round: number, signers: readonly number[], height = this.height): string[] {
    const commit = makeCommit(this.validators, { height, round, blockId: this.id(block) }, signers);
    return this.feed({ kind: 'decided', now: this.now, block: makeBlock(height, this.now), commit });
  }

  /** Height, round, step, lock and valid value in one line. */
  get summary(): string {
    const { core } = this;
    const value = (id: BlockId | undefined, round: number) => (id === undefined ? '-' : `${this.name(id)}@${round}`);
    const locked = value(core.lockedBlockId, core.lockedRound);
    return `${core.height}/${core.round}/${core.step} locked=${locked} valid=${value(core.validBlockId, core.validRound)}`;
  }

  private answer(effect: Effect): string[] {
    if (effect.kind === 'redeliver') return effect.inputs.flatMap((input) => this.feed(input));
    if (effect.kind === 'validate' && this.answerValidate)
      return this.validity(this.name(effect.blockId), this.verdicts.get(this.name(effect.blockId)) ?? 'valid');
    if (effect.kind !== 'sign' || !this.answerSign) return [];
    if (this.signer === 'refuses') return this.refuse(effect.message);
    const signature = signatureOf(this.me ?? 0);
    const message =
      effect.message.kind === 'vote'
        ? { kind: 'vote' as const, vote: { ...effect.message.vote, signature } }
        : { kind: 'proposal' as const, proposal: { ...effect.message.proposal, signature } };
    return this.feed({ kind: 'signed', now: this.now, message });
  }

  private refuse(message: Extract<Effect, { kind: 'sign' }>['message']): string[] {
    const { height, round } = message.kind === 'vote' ? message.vote : message.proposal;
    const type = message.kind === 'vote' ? message.vote.type : 'proposal';
    return [
      `refused ${type === PREVOTE ? 'prevote' : type === PRECOMMIT ? 'precommit' : type} r${round}`,
      ...this.feed({ kind: 'signRefused', now: this.now, height, round, type }),
    ];
  }

  private describe(effect: Effect): string[] {
    switch (effect.kind) {
      case 'sign':
      case 'publish': {
        const { message } = effect;
        // With the bench signing at once, `publish` says it all.
        if (effect.kind === 'sign' && this.answerSign) return [];
        if (message.kind === 'proposal') {
          const { round, blockId, polRound } = message.proposal;
          return [`${effect.kind} proposal r${round} ${this.name(blockId)} pol=${polRound}`];
        }
        const { type, round, blockId } = message.vote;
        return [`${effect.kind} ${type === PREVOTE ? 'prevote' : 'precommit'} r${round} ${this.name(blockId)}`];
      }
      case 'schedule':
        return [`schedule ${effect.step} r${effect.round} ${effect.delayMs}ms`];
      case 'buildBlock':
        return [`build r${effect.round}`];
      case 'requestBlock':
        return [`request ${this.name(effect.blockId)} r${effect.round}`];
      case 'validate':
        return this.answerValidate ? [] : [`validate ${this.name(effect.blockId)}`];
      case 'execute':
        return [`execute ${this.name(effect.blockId)}`];
      case 'commit':
        return [`commit ${this.name(effect.blockId)} r${effect.commit.round} ${flags(effect.commit)}`];
      case 'evidence':
        return [
          `evidence v${effect.voteA.validatorIndex} ${this.name(effect.voteA.blockId)}/${this.name(effect.voteB.blockId)}`,
        ];
      case 'redeliver':
        return [`redeliver ${effect.inputs.length}`];
      case 'progress':
        return [];
    }
  }
}

/** One letter a validator: C for the block, N nil, - absent. */
export function flags(commit: Commit): string {
  return commit.signatures.map(({ flag }) => (flag === FLAG_COMMIT ? 'C' : flag === FLAG_ABSENT ? '-' : 'N')).join('');
}

/** Benches of the running test; after each test all are replayed: the same inputs must give the same effects. */
export function useBenches(): (options?: BenchOptions) => Bench {
  const benches: Bench[] = [];
  afterEach('replay of the recorded inputs', () => {
    for (const bench of benches.splice(0)) if (bench.inputs.length === bench.effects.length) bench.replay();
  });
  return (options) => {
    const bench = new Bench(options);
    benches.push(bench);
    return bench;
  };
}

/** Me, v3 of four, in round 1 and locked on A since round 0. */
export function lockedOnA(bench: Bench): Bench {
  const b = bench.start();
  b.propose(0, 'A');
  assert.deepEqual(b.prevotes(0, 'A', [0, 1]), ['execute A', 'publish precommit r0 A']);
  b.precommits(0, 'nil', [0, 1]);
  assert.deepEqual(b.timeout('precommitWait', 0), ['schedule propose r1 850ms']);
  assert.equal(b.summary, '2/1/propose locked=A@0 valid=A@0');
  return b;
}
