import type { Verifier } from '#crypto/verifier.ts';
import type { LightBlock } from '#types/light-block.ts';
import type { Time } from '#types/time.ts';
import { check, isLightError } from './errors.ts';
import { type StepRules, verifyBackwards, verifyStep } from './verify-step.ts';

/** Blocks that are asked for ahead of the one that is verified, where each follows the one before. */
const FETCH_AHEAD = 8;

/** How one walk gets its blocks, and by what it judges them. */
export interface Walk {
  readonly verifier: Verifier;
  readonly rules: StepRules;
  readonly now: Time;
  /** One block of the walk's provider. */
  readonly blockAt: (height: number) => Promise<LightBlock>;
  readonly budget: StepBudget;
}

/** Bounds what a provider can make a client fetch and verify in one call. */
export class StepBudget {
  private readonly max: number;
  private taken = 0;

  constructor(max: number) {
    this.max = max;
  }

  get steps(): number {
    return this.taken;
  }

  take(): void {
    this.taken++;
    check(
      this.taken <= this.max,
      'too_many_steps',
      () => `more than ${this.max} light blocks would be needed at once; verify a height in between first`,
    );
  }
}

/**
 * Goes from a trusted block to `target`, and gives each block that it verified on the way. A block that too few trusted
 * validators have signed is reached by way of the height in the middle (bisection): a chain whose validators do not
 * change is one step, one whose validators change with every block costs what going step by step does, and a half more.
 */
export async function* walkSkipping(walk: Walk, trusted: LightBlock, target: LightBlock): AsyncGenerator<LightBlock> {
  let verified = trusted;
  // What is to be reached, the nearest last: each halves the way, so there are never more than 53.
  const ahead = [target];
  for (let next = ahead.at(-1); next !== undefined; next = ahead.at(-1)) {
    if (await isReached(walk, verified, next)) {
      verified = next;
      ahead.pop();
      yield next;
      continue;
    }
    const from = verified.header.height;
    ahead.push(await fetchOne(walk, from + Math.floor((next.header.height - from) / 2)));
  }
}

/** Goes from a trusted block to `target` height by height. */
export async function* walkSequential(walk: Walk, trusted: LightBlock, target: LightBlock): AsyncGenerator<LightBlock> {
  let verified = trusted;
  const last = target.header.height;
  const waiting: Promise<LightBlock>[] = [];
  let asked = trusted.header.height;
  for (let height = trusted.header.height + 1; height <= last; height++) {
    while (asked < last - 1 && waiting.length < FETCH_AHEAD) waiting.push(awaitedLater(fetchOne(walk, ++asked)));
    const next = height === last ? target : ((await waiting.shift()) as LightBlock);
    await verifyStep(walk.verifier, walk.rules, verified, next, walk.now);
    verified = next;
    yield next;
  }
}

/** Goes from a trusted block down to `target` by hash links; the target comes last, with its commit not yet verified. */
export async function* walkBackwards(walk: Walk, trusted: LightBlock, target: LightBlock): AsyncGenerator<LightBlock> {
  let { header } = trusted;
  const last = target.header.height;
  const waiting: Promise<LightBlock>[] = [];
  let asked = header.height;
  while (header.height > last) {
    while (asked > last + 1 && waiting.length < FETCH_AHEAD) waiting.push(awaitedLater(fetchOne(walk, --asked)));
    const previous = header.height - 1 === last ? target : ((await waiting.shift()) as LightBlock);
    verifyBackwards(walk.rules.chainId, header, previous);
    header = previous.header;
    yield previous;
  }
}

async function isReached({ verifier, rules, now }: Walk, verified: LightBlock, next: LightBlock): Promise<boolean> {
  try {
    await verifyStep(verifier, rules, verified, next, now);
    return true;
  } catch (error) {
    // The next height's validators are named by the trusted header: there is always a height in between.
    if (isLightError(error, 'not_enough_trust')) return false;
    throw error;
  }
}

async function fetchOne({ blockAt, budget }: Walk, height: number): Promise<LightBlock> {
  budget.take();
  return blockAt(height);
}

/** A request whose failure shows when it is its turn, and is nobody's when the walk has ended before. */
function awaitedLater<T>(request: Promise<T>): Promise<T> {
  request.catch(() => undefined);
  return request;
}
