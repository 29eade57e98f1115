import type { Node } from '#node/node.ts';
import type { NodeOverrides } from '#node/overrides.ts';
import type { PublicKey } from '#types/public-key.ts';
import type { ValidatorSet, ValidatorUpdate } from '#types/validator-set.ts';
import { PRECOMMIT } from '#types/vote.ts';
import { assert } from '#util/assert.ts';
import { equalBytes, toLatin1 } from '#util/bytes.ts';
import type { Applied } from '../checkers/checkers.ts';
import { Chance } from '../time/chance.ts';
import type { Coverage } from '../world/coverage.ts';

/** Share of heights that change the set, and changes in one of them at most. */
const CHANGING = 0.25;
const CHANGES_MAX = 2;
/** With fewer, a run would have no set to speak of. */
const VALIDATORS_MIN = 3;
/** Voting power that a change may give. */
const POWER_MIN = 50;
const POWER_MAX = 150;

export interface ChangePlan {
  readonly seed: number;
  /** Keys of all machines, validators of genesis and those that stand by. */
  readonly pool: readonly PublicKey[];
  /** Keys that are left alone: machines that break rules must keep less than a third, and stay out once punished. */
  readonly fixed?: readonly PublicKey[];
}

type Powers = Map<string, { readonly pubKey: PublicKey; power: bigint }>;

/**
 * A ledger under which validators come, go and change their power. What a height changes depends on the seed, the
 * height and the set alone, so that every node changes the same.
 */
export function changingValidators(plan: ChangePlan): NonNullable<NodeOverrides['wrapApp']> {
  return (app, head) => ({
    decode: (bytes, hash) => app.decode(bytes, hash),
    execute: async (request, options) => {
      const { height, nextValidators } = head();
      assert(height === request.height - 1, 'a block is executed on the height before it');
      const execution = await app.execute(request, options);
      const own = execution.validatorUpdates;
      const updates = [...own, ...changesAt(plan, request.height, nextValidators, own)];
      return { ...execution, validatorUpdates: updates };
    },
  });
}

/** On top of `own`, which the ledger asks for itself. */
export function changesAt(
  plan: ChangePlan,
  height: number,
  validators: ValidatorSet,
  own: readonly ValidatorUpdate[],
): readonly ValidatorUpdate[] {
  const chance = new Chance(plan.seed * 1_000_003 + height);
  if (!chance.chance(CHANGING)) return [];
  const powers: Powers = new Map(
    validators.validators.map(({ pubKey, votingPower }) => [keyOf(pubKey), { pubKey, power: votingPower }]),
  );
  for (const { pubKey, power } of own) set(powers, pubKey, power);
  const untouchable = new Set([...(plan.fixed ?? []), ...own.map(({ pubKey }) => pubKey)].map(keyOf));
  const free = plan.pool.filter((pubKey) => !untouchable.has(keyOf(pubKey)));
  const updates = new Map<string, ValidatorUpdate>();
  for (let change = 1 + chance.below(CHANGES_MAX); change > 0 && free.length > 0; change--) {
    const pubKey = chance.pick(free);
    const key = keyOf(pubKey);
    const leaves = powers.has(key) && chance.chance(0.5);
    const power = leaves ? 0n : BigInt(POWER_MIN + chance.below(POWER_MAX - POWER_MIN));
    if (updates.has(key) || !isSafe(plan, powers, pubKey, power)) continue;
    set(powers, pubKey, power);
    updates.set(key, { pubKey, power });
  }
  return [...updates.values()];
}

function set(powers: Powers, pubKey: PublicKey, power: bigint): void {
  if (power === 0n) powers.delete(keyOf(pubKey));
  else powers.set(keyOf(pubKey), { pubKey, power });
}

/** Enough validators are left, and those that are fixed have less than a third. */
function isSafe(plan: ChangePlan, powers: Powers, pubKey: PublicKey, power: bigint): boolean {
  const after: Powers = new Map(powers);
  set(after, pubKey, power);
  const fixed = new Set((plan.fixed ?? []).map(keyOf));
  let total = 0n;
  let held = 0n;
  for (const [key, validator] of after) {
    total += validator.power;
    if (fixed.has(key)) held += validator.power;
  }
  return after.size >= VALIDATORS_MIN && held * 3n < total;
}

function keyOf({ bytes }: PublicKey): string {
  return toLatin1(bytes);
}

/** What a height that was just applied says about changes. */
export function noteChange({ block }: Applied, node: Node, coverage: Coverage): void {
  const { header } = block;
  const { lastValidators: now, validators: next } = node.chain.state;
  if (now === undefined || equalBytes(header.validatorsHash, header.nextValidatorsHash)) return;
  for (const { address, votingPower } of next.validators) {
    const before = now.get(now.indexOf(address));
    if (before === undefined) coverage.hit('validator joined');
    else if (before.votingPower !== votingPower) coverage.hit('validator changed its power');
  }
  if (now.validators.some(({ address }) => next.indexOf(address) < 0)) coverage.hit('validator left');
  const { decided } = node.consensus;
  // Decided without precommits of its own: a peer sent block and commit.
  const byVotes = decided !== undefined && node.consensus.majority(decided.commit.round, PRECOMMIT) !== undefined;
  if (!byVotes) coverage.hit('block sync during a change of validators');
}
