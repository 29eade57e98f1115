import type { LightBlock } from '#types/light-block.ts';
import { type Accusation, attackEvidence, LightClientAttack } from './attack.ts';
import { isLightError, LIGHT_ERROR_CODES, lightError } from './errors.ts';
import { sameHeader } from './light-block.ts';
import type { LightProvider } from './provider.ts';
import { ask, type Sources } from './sources.ts';
import { StepBudget, type Walk, walkSkipping } from './walk.ts';

/** Light blocks that one side may show to justify a header: a liar's time is short, and an honest one's steps are the primary's. */
const FOLLOW_MAX_STEPS = 1_000;

/** What a witness says to the primary's header. */
type Opinion = 'agrees' | 'silent' | 'lies' | { readonly conflicting: LightBlock };

/** Where two chains of verified blocks part. */
interface Fork {
  /** The last block that both have. */
  readonly common: LightBlock;
  /** The first of the traced blocks that the other side contradicts. */
  readonly traced: LightBlock;
  /** What the other side has verified from the common block on, up to what contradicts. */
  readonly other: readonly LightBlock[];
}

/**
 * Asks every witness for the last block of `trace`, which the primary's blocks led to from the trusted one (its first).
 * At least one must have it, else `no_witness`. One that has another is followed: if its block, too, can be verified
 * from what was trusted, that is an attack: evidence goes to both sides and `LightClientAttack` is thrown, the one
 * verdict after which nothing more is compared. If it cannot be, the witness lied and is not asked again.
 */
export async function compareWithWitnesses(
  sources: Sources,
  walk: Omit<Walk, 'blockAt' | 'budget'>,
  trace: readonly LightBlock[],
): Promise<void> {
  if (!sources.wantsWitnesses) return;
  const { primary, witnesses } = sources;
  const last = trace.at(-1) as LightBlock;
  const opinions = await Promise.all(
    witnesses.map(async (witness) => [witness, await opinionOf(witness, last)] as const),
  );
  const follow = (provider: LightProvider): Walk => {
    return { ...walk, blockAt: (height) => ask(provider, height), budget: new StepBudget(FOLLOW_MAX_STEPS) };
  };
  // At the same time: some liars together must not cost more than the slowest of them.
  const forks = await Promise.all(
    opinions.map(([witness, opinion]) =>
      typeof opinion === 'string' ? undefined : findFork(follow(witness), trace, opinion.conflicting),
    ),
  );
  for (const [index, [witness, opinion]] of opinions.entries()) {
    if (opinion === 'lies') sources.dropWitness(witness, `its block ${last.header.height} cannot be one`);
    if (typeof opinion === 'string') continue;
    const fork = forks[index];
    if (fork !== undefined) throw await accuse(primary, witness, fork, follow(primary));
    sources.dropWitness(witness, `it has another header ${last.header.height}, which it cannot justify`);
  }
  if (opinions.some(([, opinion]) => opinion === 'agrees')) return;
  throw lightError(
    'no_witness',
    `none of ${witnesses.length} witnesses confirms header ${last.header.height} of ${primary.name}`,
  );
}

async function opinionOf(witness: LightProvider, block: LightBlock): Promise<Opinion> {
  const { height } = block.header;
  try {
    const theirs = await blockOrNewest(witness, height);
    if (theirs.header.height === height) return sameHeader(theirs, block) ? 'agrees' : { conflicting: theirs };
    // A witness that is behind in height and not in time contradicts a header that ran ahead (forward lunatic attack).
    return theirs.header.time >= block.header.time ? { conflicting: theirs } : 'silent';
  } catch (error) {
    return isLightError(error, 'bad_light_block') ? 'lies' : 'silent';
  }
}

/** The block of that height; where the witness does not have it, its newest one. */
async function blockOrNewest(witness: LightProvider, height: number): Promise<LightBlock> {
  try {
    return await ask(witness, height);
  } catch (error) {
    if (!isLightError(error, 'no_light_block')) throw error;
    const newest = await ask(witness, undefined);
    // It came in between, or the witness has forgotten it.
    return newest.header.height >= height ? ask(witness, height) : newest;
  }
}

/**
 * Follows the other side along the trace, from the trusted block on, to where it parts from it. Undefined when what it
 * shows cannot be verified from there: then it proves nothing.
 */
async function findFork(walk: Walk, trace: readonly LightBlock[], conflicting: LightBlock): Promise<Fork | undefined> {
  let common = trace[0] as LightBlock;
  try {
    for (const traced of trace.slice(1)) {
      const { height } = traced.header;
      const theirs = height >= conflicting.header.height ? conflicting : await walk.blockAt(height);
      const other: LightBlock[] = [];
      for await (const block of walkSkipping(walk, common, theirs)) other.push(block);
      if (!sameHeader(theirs, traced)) return { common, traced, other };
      common = traced;
    }
  } catch (error) {
    if (!isLightError(error, ...LIGHT_ERROR_CODES)) throw error;
  }
  return undefined;
}

/** The verdict, with evidence for both sides; each is told what is held against the other. */
async function accuse(
  primary: LightProvider,
  witness: LightProvider,
  { common, traced, other }: Fork,
  followPrimary: Walk,
): Promise<LightClientAttack> {
  const theirs = other.at(-1) as LightBlock;
  const accusations: Accusation[] = [{ provider: primary.name, evidence: attackEvidence(traced, theirs, common) }];
  // The same from the other side: the primary is followed along what the witness has shown.
  const back = await findFork(followPrimary, [common, ...other], traced);
  if (back !== undefined) {
    const trusted = back.other.at(-1) as LightBlock;
    accusations.push({ provider: witness.name, evidence: attackEvidence(back.traced, trusted, back.common) });
  }
  await Promise.all([report(witness, accusations[0]), report(primary, accusations[1])]);
  return new LightClientAttack(traced, theirs, common, accusations);
}

/** Whether anybody takes the evidence does not change the verdict. */
async function report(provider: LightProvider, accusation: Accusation | undefined): Promise<void> {
  if (accusation === undefined) return;
  try {
    await provider.reportEvidence?.(accusation.evidence);
  } catch {
    // It may be the liar, or gone.
  }
}
