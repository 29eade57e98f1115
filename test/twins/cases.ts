/**
 * What is enumerated: how long one partition lasts (in message delays), in which round the twin proposes, and the four
 * 2-way partitions of the five processes that follow one another. A partition that lasts three delays is one for each
 * round (proposal, prevotes, precommits); one that lasts a single delay can fall between the prevotes of a round and
 * its precommits, which is where locks without a decision come from.
 */
export interface TwinsCase {
  readonly number: number;
  readonly delaysPerPartition: number;
  /** The round in which the twin is the proposer. */
  readonly twinProposes: number;
  /** Side of each process, bit i for process i; process 0 is always on side 0. */
  readonly partitions: readonly number[];
}

/** Three honest ones and the two that share a key. */
export const PROCESSES = 5;
export const PARTITIONS = 4;
/** Proposals, prevotes and precommits of four rounds. */
export const PARTITIONED_DELAYS = 12;

const VALIDATORS = 4;
const DELAYS = [1, 2, 3];
/** Ways to split five processes in two, one of them being not to. */
const SPLITS = 2 ** (PROCESSES - 1);
const SPLITS_IN_ALL = SPLITS ** PARTITIONS;

export const CASES = DELAYS.length * VALIDATORS * SPLITS_IN_ALL;

/** Coprime to CASES: consecutive numbers are far apart, so that the first thousand are a fair sample of all. */
const STRIDE = 305_419_901;

/** The case of a number from 0 to CASES - 1; each occurs once. */
export function caseOf(number: number): TwinsCase {
  let rest = Number((BigInt(number) * BigInt(STRIDE)) % BigInt(CASES));
  const take = (choices: number): number => {
    const choice = rest % choices;
    rest = (rest - choice) / choices;
    return choice;
  };
  const delaysPerPartition = DELAYS[take(DELAYS.length)] as number;
  const twinProposes = take(VALIDATORS);
  // Process 0 stays on side 0: the other way round is the same partition.
  const partitions = Array.from({ length: PARTITIONS }, () => take(SPLITS) << 1);
  return { number, delaysPerPartition, twinProposes, partitions };
}

/** The two twins run the same code: a case with them exchanged is the same case, and one of both is enough. */
export function isRepeated({ partitions }: TwinsCase): boolean {
  for (const partition of partitions) {
    const [a, b] = [(partition >> 3) & 1, (partition >> 4) & 1];
    if (a !== b) return a > b;
  }
  return false;
}

/** `1 delay, twin proposes in round 2: v0 v1 v3 | v2 v3'; ...`. */
export function describeCase({ delaysPerPartition, twinProposes, partitions }: TwinsCase): string {
  const names = ['a', 'b', 'c', 'twin', "twin'"];
  const splits = partitions.map((partition) => {
    const side = (wanted: number): string => names.filter((_, i) => ((partition >> i) & 1) === wanted).join(' ');
    return partition === 0 ? 'all' : `${side(0)} | ${side(1)}`;
  });
  return `partitions of ${delaysPerPartition}, twin proposes in round ${twinProposes}: ${splits.join('; ')}`;
}
