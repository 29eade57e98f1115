import { type Ed25519KeyPair, generateEd25519, signEd25519 } from '#crypto/ed25519.ts';
import { sha256 } from '#crypto/hash.ts';
import { InlineVerifier } from '#crypto/verifier.ts';
import { lightError } from '#light/errors.ts';
import { LightClient, type LightClientOptions } from '#light/light-client.ts';
import type { LightProvider } from '#light/provider.ts';
import { MemoryTrustedStore } from '#light/trusted-store.ts';
import type { BlockId } from '#types/block-id.ts';
import { ABSENT_COMMIT_SIG, type Commit, type CommitSig, commitSignBytes, FLAG_COMMIT } from '#types/commit.ts';
import type { LightClientAttackEvidence } from '#types/evidence.ts';
import { type Header, hashHeader } from '#types/header.ts';
import type { LightBlock } from '#types/light-block.ts';
import { ValidatorSet } from '#types/validator-set.ts';
import { toLatin1 } from '#util/bytes.ts';

export const CHAIN_ID = 'light-test';
export const SECOND = 1_000_000_000n;
export const HOUR = 3600n * SECOND;
export const START = 1_700_000_000n * SECOND;
export const verifier = new InlineVerifier();

export const digest = (value: string): Uint8Array => sha256(new TextEncoder().encode(value));

/** Validators by the number of their key, with their power. */
export type Members = readonly (readonly [key: number, power: bigint])[];

/** `count` validators of equal power, from key `first` on. */
export function members(count: number, first = 0, power = 10n): Members {
  return Array.from({ length: count }, (_, i) => [first + i, power] as const);
}

export interface ChainPlan {
  readonly heights: number;
  /** Who signs a height. */
  readonly members: (height: number) => Members;
  /** Distinguishes chains that would be the same else. */
  readonly salt?: string;
  readonly time?: (height: number) => bigint;
  /** Keys that do not sign. */
  readonly absent?: (height: number) => readonly number[];
  readonly change?: (header: Header) => Partial<Header>;
  readonly round?: number;
}

/** A chain of light blocks with real keys, links and signatures. */
export class LightChain {
  readonly plan: ChainPlan;
  private readonly parent: { readonly chain: LightChain; readonly below: number } | undefined;
  private readonly keys = new Map<number, Ed25519KeyPair>();
  private readonly sets = new Map<number, ValidatorSet>();
  private readonly blocks = new Map<number, LightBlock>();

  constructor(plan: ChainPlan, parent?: { readonly chain: LightChain; readonly below: number }) {
    this.plan = plan;
    this.parent = parent;
  }

  /** The same chain below `height`, and another one from there on. */
  fork(height: number, plan: Partial<ChainPlan>): LightChain {
    return new LightChain({ ...this.plan, salt: 'fork', ...plan }, { chain: this, below: height });
  }

  time(height: number): bigint {
    return this.plan.time?.(height) ?? START + BigInt(height) * SECOND;
  }

  hash(height: number): Uint8Array {
    return hashHeader(this.block(height).header);
  }

  block(height: number): LightBlock {
    if (this.parent !== undefined && height < this.parent.below) return this.parent.chain.block(height);
    const known = this.blocks.get(height) ?? this.makeBlock(height);
    this.blocks.set(height, known);
    return known;
  }

  validators(height: number): ValidatorSet {
    const known =
      this.sets.get(height) ??
      ValidatorSet.create(
        this.plan.members(height).map(([key, votingPower]) => ({
          pubKey: { type: 'ed25519', bytes: this.key(key).publicKey },
          votingPower,
        })),
      );
    this.sets.set(height, known);
    return known;
  }

  /** Answers like a node that has the heights from `base` to `head`. */
  provider(name: string, { base = 1, head = this.plan.heights } = {}): ChainProvider {
    return new ChainProvider(this, name, base, head);
  }

  private makeBlock(height: number): LightBlock {
    const { salt = '', change, round = 0 } = this.plan;
    const validators = this.validators(height);
    const header: Header = {
      version: { block: 11n, app: 0n },
      chainId: CHAIN_ID,
      height,
      time: this.time(height),
      lastBlockId:
        height === 1
          ? { hash: new Uint8Array(0), partSetHeader: { total: 0, hash: new Uint8Array(0) } }
          : this.id(height - 1),
      lastCommitHash: digest(`last commit ${height}${salt}`),
      dataHash: digest(`data ${height}${salt}`),
      validatorsHash: validators.hash(),
      nextValidatorsHash: this.validators(height + 1).hash(),
      consensusHash: digest('consensus'),
      appHash: digest(`app ${height}`),
      lastResultsHash: digest(`results ${height}`),
      evidenceHash: digest('no evidence'),
      proposerAddress: validators.proposer.address,
    };
    const changed = { ...header, ...change?.(header) };
    return { header: changed, commit: this.sign(changed, validators, round), validators };
  }

  private id(height: number): BlockId {
    return this.block(height).commit.blockId;
  }

  private sign(header: Header, validators: ValidatorSet, round: number): Commit {
    const blockId = { hash: hashHeader(header), partSetHeader: { total: 1, hash: digest('parts') } };
    const absent = new Set((this.plan.absent?.(header.height) ?? []).map((key) => toLatin1(this.key(key).publicKey)));
    const signers = new Map(
      this.plan.members(header.height).map(([key]) => [toLatin1(this.key(key).publicKey), this.key(key)]),
    );
    const unsigned = validators.validators.map(
      ({ address, pubKey }): CommitSig =>
        absent.has(toLatin1(pubKey.bytes))
          ? ABSENT_COMMIT_SIG
          : { flag: FLAG_COMMIT, validatorAddress: address, timestamp: header.time, signature: new Uint8Array(64) },
    );
    const commit: Commit = { height: header.height, round, blockId, signatures: unsigned };
    const signatures = unsigned.map((sig, index) => {
      const key = signers.get(toLatin1(validators.validators[index]?.pubKey.bytes ?? new Uint8Array(0)));
      if (sig.flag !== FLAG_COMMIT || key === undefined) return sig;
      return { ...sig, signature: signEd25519(key.privateKey, commitSignBytes(CHAIN_ID, commit, index)) };
    });
    return { ...commit, signatures };
  }

  private key(number: number): Ed25519KeyPair {
    const known = this.keys.get(number) ?? generateEd25519(digest(`light validator ${number}`));
    this.keys.set(number, known);
    return known;
  }
}

export class ChainProvider implements LightProvider {
  readonly name: string;
  readonly asked: (number | undefined)[] = [];
  readonly reported: LightClientAttackEvidence[] = [];
  /** Instead of the chain's own block. */
  answer: ((height: number) => LightBlock | undefined) | undefined;
  head: number;
  private readonly chain: LightChain;
  private readonly base: number;

  constructor(chain: LightChain, name: string, base: number, head: number) {
    this.chain = chain;
    this.name = name;
    this.base = base;
    this.head = head;
  }

  async lightBlock(height: number | undefined): Promise<LightBlock> {
    this.asked.push(height);
    const wanted = height ?? this.head;
    const answer = this.answer?.(wanted);
    if (answer !== undefined) return answer;
    if (wanted > this.head) throw lightError('no_light_block', `${this.name} is at height ${this.head}, not ${wanted}`);
    if (wanted < this.base) {
      throw lightError('no_light_block', `${this.name} has no height ${wanted}: its lowest is ${this.base}`);
    }
    return this.chain.block(wanted);
  }

  async reportEvidence(evidence: LightClientAttackEvidence): Promise<void> {
    this.reported.push(evidence);
  }
}

/** A client of `primary` with some defaults. */
export function clientOf(
  primary: LightProvider,
  witnesses: readonly LightProvider[] = [],
  options: Partial<LightClientOptions> = {},
): { readonly client: LightClient; readonly store: MemoryTrustedStore } {
  const store = new MemoryTrustedStore();
  const components = { verifier, store, primary, witnesses };
  return { store, client: new LightClient(components, { chainId: CHAIN_ID, trustingPeriodNs: HOUR, ...options }) };
}
