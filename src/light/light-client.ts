import type { Verifier } from '#crypto/verifier.ts';
import { hashHeader } from '#types/header.ts';
import type { LightBlock } from '#types/light-block.ts';
import { formatTime, type Time } from '#types/time.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import { equalBytes, toHex } from '#util/bytes.ts';
import { LightClientAttack } from './attack.ts';
import { check, isLightError, lightError } from './errors.ts';
import { checkLightBlock, describeHeader, sameHeader } from './light-block.ts';
import type { LightProvider } from './provider.ts';
import { ask, type DroppedProvider, Sources } from './sources.ts';
import type { TrustedStore } from './trusted-store.ts';
import { checkNotExpired, isExpired, type StepRules, verifyOwnCommit } from './verify-step.ts';
import { StepBudget, type Walk, walkBackwards, walkSequential, walkSkipping } from './walk.ts';
import { compareWithWitnesses } from './witnesses.ts';

/** Light blocks of one call. Going height by height through a year of blocks takes several calls. */
const MAX_STEPS = 100_000;
/** Verified blocks that wait for the witnesses' word: this many, or this many signatures in them (some 200 bytes each). */
const TRACE_MAX_BLOCKS = 100;
const TRACE_MAX_SIGNATURES = 100_000;

export interface LightComponents {
  readonly verifier: Verifier;
  readonly store: TrustedStore;
  readonly primary: LightProvider;
  /** Asked whether they see the same. Without any, a primary that bought old keys is believed. */
  readonly witnesses?: readonly LightProvider[];
}

export interface LightClientOptions extends StepRules {
  /** `skipping` (default) takes as few steps as the validators' changes allow, `sequential` every height. */
  readonly mode?: 'skipping' | 'sequential';
  readonly maxSteps?: number;
  /** Where it is known how long stake takes to unbond: the trusting period must be shorter. */
  readonly unbondingPeriodNs?: bigint;
  /** Called with each block that is verified on the way to `target`. */
  readonly onVerified?: (block: LightBlock, target: number) => void;
}

/** What the first block must be, by the genesis file. */
export interface GenesisRoot {
  readonly initialHeight: number;
  readonly genesisTime: Time;
  readonly validators: ValidatorSet;
}

export interface Verified {
  readonly block: LightBlock;
  /** Light blocks that were fetched for it, the block itself included; 0 when it was trusted before. */
  readonly steps: number;
}

/**
 * Follows a chain by its headers alone, from one that is trusted: every header that it gives out is signed by more than
 * two thirds of its validators, who follow from trusted ones, and seen alike by a witness. Time is passed in. One call
 * at a time. After an attack was found, every call throws that `LightClientAttack`.
 */
export class LightClient {
  private readonly verifier: Verifier;
  private readonly store: TrustedStore;
  private readonly sources: Sources;
  private readonly options: LightClientOptions;
  private attack: LightClientAttack | undefined;

  /** Throws `bad_light_options`. */
  constructor({ verifier, store, primary, witnesses = [] }: LightComponents, options: LightClientOptions) {
    checkOptions(options);
    this.verifier = verifier;
    this.store = store;
    this.sources = new Sources(primary, witnesses);
    this.options = options;
  }

  get primary(): LightProvider {
    return this.sources.primary;
  }

  get witnesses(): readonly LightProvider[] {
    return this.sources.witnesses;
  }

  /** Who lied and is not asked any more. */
  get dropped(): readonly DroppedProvider[] {
    return this.sources.dropped;
  }

  /** The newest block that is trusted. */
  async latest(): Promise<LightBlock | undefined> {
    return this.store.latest();
  }

  /** Starts from a header that somebody trusted has named: social consensus, an explorer, an own node. */
  async trustHeader(height: number, hash: Uint8Array, now: Time): Promise<LightBlock> {
    const isNamed = ({ header }: LightBlock): boolean => equalBytes(hashHeader(header), hash);
    const stored = await this.store.at(height);
    if (stored !== undefined) {
      check(
        isNamed(stored),
        'bad_light_options',
        () => `header ${describeHeader(stored)} is trusted already; ${toHex(hash)} is of another chain`,
      );
      return stored;
    }
    return this.takeRoot(height, now, (block) => {
      // No lie that could be told from a mistake in what was named: nobody is dropped for it.
      check(
        isNamed(block),
        'no_light_block',
        () => `${this.primary.name} has header ${describeHeader(block)}; trusted is ${toHex(hash).toUpperCase()}`,
      );
    });
  }

  /** Starts from the first block, whose validators are those of the genesis file. */
  async trustGenesis({ initialHeight, genesisTime, validators }: GenesisRoot, now: Time): Promise<LightBlock> {
    const stored = await this.store.at(initialHeight);
    if (stored !== undefined) return stored;
    return this.takeRoot(initialHeight, now, ({ header }) => {
      check(
        equalBytes(header.validatorsHash, validators.hash()),
        'no_light_block',
        () => `the validators of the first block of ${this.primary.name} are not those of the genesis file`,
      );
      check(
        header.time === genesisTime,
        'no_light_block',
        () => `the first block is of ${formatTime(header.time)}, the genesis file of ${formatTime(genesisTime)}`,
      );
    });
  }

  /**
   * The light block of a height, the newest by default, verified at the time `now`. Throws BizraError with a
   * LightErrorCode; what was verified before a failure stays trusted.
   */
  async verify(height: number | undefined, now: Time): Promise<Verified> {
    const known = height === undefined ? undefined : await this.store.at(height);
    return this.withPrimary(async (primary) => {
      if (known !== undefined) return { block: known, steps: 0 };
      const latest = await this.store.latest();
      check(latest !== undefined, 'bad_light_options', () => 'nothing is trusted yet; name a trusted header first');
      const budget = new StepBudget(this.options.maxSteps ?? MAX_STEPS);
      budget.take();
      const target = await ask(primary, height);
      const aim = target.header.height;
      // Somebody whose newest block is old has nothing new to say.
      if (height === undefined && aim < latest.header.height) return { block: latest, steps: 0 };
      if (aim === latest.header.height) {
        check(sameHeader(target, latest), 'bad_light_block', () => `${primary.name} has another header ${aim}`);
        return { block: latest, steps: 0 };
      }
      const walk: Walk = {
        verifier: this.verifier,
        rules: this.options,
        now,
        blockAt: (of) => ask(primary, of),
        budget,
      };
      const before = await this.store.before(aim);
      const after = await this.store.after(aim);
      // Between two trusted blocks, hash links lead down where the lower one is too old to lead up.
      const isBack = before === undefined || (after !== undefined && isExpired(this.options, before.header, now));
      if (isBack) await this.goBack(walk, after as LightBlock, target);
      else await this.goForward(walk, before, target);
      return { block: target, steps: budget.steps };
    });
  }

  private async goForward(walk: Walk, from: LightBlock, target: LightBlock): Promise<void> {
    const steps = (this.options.mode ?? 'skipping') === 'skipping' ? walkSkipping : walkSequential;
    let trace = [from];
    let signatures = 0;
    for await (const block of steps(walk, from, target)) {
      trace.push(block);
      signatures += block.commit.signatures.length;
      const isFull = trace.length > TRACE_MAX_BLOCKS || signatures > TRACE_MAX_SIGNATURES;
      if (isFull || block === target) {
        await this.trustTrace(walk, trace);
        trace = [block];
        signatures = 0;
      }
      this.options.onVerified?.(block, target.header.height);
    }
  }

  /** Nothing is kept that the witnesses have not been asked about. */
  private async trustTrace(walk: Walk, trace: readonly LightBlock[]): Promise<void> {
    await compareWithWitnesses(this.sources, walk, trace);
    for (const block of trace.slice(1)) await this.store.save(block);
  }

  /** A hash link says it all: no witness could have another block there. */
  private async goBack(walk: Walk, from: LightBlock, target: LightBlock): Promise<void> {
    for await (const block of walkBackwards(walk, from, target)) {
      this.options.onVerified?.(block, target.header.height);
    }
    await verifyOwnCommit(this.verifier, this.options, target);
    await this.store.save(target);
  }

  /** Takes a first block that is trusted for another reason than that trusted ones have signed it. */
  private async takeRoot(height: number, now: Time, accept: (block: LightBlock) => void): Promise<LightBlock> {
    const root = await this.withPrimary(async (primary) => {
      const block = await ask(primary, height);
      checkLightBlock(this.options.chainId, block);
      accept(block);
      checkNotExpired(this.options, block.header, now);
      await verifyOwnCommit(this.verifier, this.options, block);
      return block;
    });
    await this.checkWitnessesAt(root);
    await this.store.save(root);
    return root;
  }

  /** The root is given: a witness that has another header there is of another chain, and cannot help. */
  private async checkWitnessesAt(root: LightBlock): Promise<void> {
    const { sources } = this;
    await Promise.all(
      sources.witnesses.map(async (witness) => {
        try {
          const theirs = await ask(witness, root.header.height);
          if (!sameHeader(theirs, root)) {
            sources.dropWitness(witness, `its header ${describeHeader(theirs)} is not the trusted one`);
          }
        } catch (error) {
          if (isLightError(error, 'bad_light_block')) sources.dropWitness(witness, error.message);
        }
      }),
    );
    if (!sources.wantsWitnesses || sources.witnesses.length > 0) return;
    throw lightError('no_witness', `every witness has another header ${root.header.height} than the trusted one`);
  }

  /** Runs `work` with the primary; where that fails or lies, with a witness in its place, each once. */
  private async withPrimary<T>(work: (primary: LightProvider) => Promise<T>): Promise<T> {
    const tried = new Set<LightProvider>();
    for (;;) {
      if (this.attack !== undefined) throw this.attack;
      const { primary } = this.sources;
      tried.add(primary);
      try {
        return await work(primary);
      } catch (error) {
        if (error instanceof LightClientAttack) this.attack = error;
        const others = isLightError(
          error,
          'bad_light_block',
          'header_from_future',
          'no_light_block',
          'provider_failed',
        );
        if (!others || !this.sources.replacePrimary(error, tried)) throw error;
      }
    }
  }
}

function checkOptions({
  trustingPeriodNs,
  maxClockDriftNs = 0n,
  unbondingPeriodNs,
  trustLevel,
}: LightClientOptions): void {
  check(trustingPeriodNs > 0n, 'bad_light_options', () => `a trusting period of ${trustingPeriodNs} ns trusts nothing`);
  check(
    unbondingPeriodNs === undefined || trustingPeriodNs < unbondingPeriodNs,
    'bad_light_options',
    () =>
      `the trusting period (${trustingPeriodNs} ns) must be shorter than stake takes to unbond (${unbondingPeriodNs} ns)`,
  );
  check(maxClockDriftNs >= 0n, 'bad_light_options', () => `a clock drift of ${maxClockDriftNs} ns`);
  if (trustLevel === undefined) return;
  const { numerator, denominator } = trustLevel;
  check(
    denominator > 0n && numerator * 3n >= denominator && numerator <= denominator,
    'bad_light_options',
    () => `trust level ${numerator}/${denominator} is not within 1/3 and 1`,
  );
}
