import type { Misbehavior } from '#evidence/misbehavior.ts';
import type { LedgerEvent } from '#types/results.ts';
import type { Validator, ValidatorSet, ValidatorUpdate } from '#types/validator-set.ts';
import type { StoreAccess } from '../../store/collection.ts';
import { jailedEvent, slashEvent } from './events.ts';
import { JAILED_FOR_EVER, newSigningInfo } from './signing-info.ts';
import type { SlashingState } from './state.ts';

export interface Punishment {
  readonly events: readonly LedgerEvent[];
  readonly validatorUpdates: readonly ValidatorUpdate[];
}

const NOTHING: Punishment = { events: [], validatorUpdates: [] };

/**
 * Answers what a block's evidence says of validators, at the beginning of the block: each is tombstoned once and leaves
 * the set. Who is unknown or was punished before is passed over (regression evidence-edges). `validators` are those
 * that updates of this block act on. Begin-block code: it must not throw, whatever the evidence says.
 */
export function punish(
  slashing: SlashingState,
  access: StoreAccess,
  height: number,
  misbehavior: readonly Misbehavior[],
  validators: ValidatorSet,
): Punishment {
  if (misbehavior.length === 0) return NOTHING;
  const events: LedgerEvent[] = [];
  for (const offence of misbehavior) events.push(...punishOne(slashing, access, height, offence, validators));
  return { events, validatorUpdates: removals(slashing, access, validators) };
}

function punishOne(
  slashing: SlashingState,
  access: StoreAccess,
  height: number,
  { validator, height: offenceHeight, time }: Misbehavior,
  validators: ValidatorSet,
): readonly LedgerEvent[] {
  const { address, power } = validator;
  const text = slashing.addressText(address);
  const seated = validators.get(validators.indexOf(address));
  const known = slashing.getSigningInfo(access, address);
  if (known === undefined && seated === undefined) return [];
  const info = known ?? newSigningInfo(text, height);
  if (info.tombstoned) return [];
  slashing.setSigningInfo(access, address, { ...info, jailedUntil: JAILED_FOR_EVER, tombstoned: true });
  if (known === undefined && seated !== undefined) slashing.setPublicKey(access, address, seated.pubKey);
  slashing.addOffence(access, { height: BigInt(offenceHeight), time, power, consensusAddress: text });
  return [slashEvent(text, power), jailedEvent(text)];
}

/**
 * The tombstoned leave. A chain without validators would end, so when nobody else is left the strongest stays (the
 * smaller address among equals: the first of the set), until somebody takes its place.
 */
function removals(slashing: SlashingState, access: StoreAccess, { validators }: ValidatorSet): ValidatorUpdate[] {
  const isTombstoned = ({ address }: Validator): boolean =>
    slashing.getSigningInfo(access, address)?.tombstoned === true;
  const leaving = validators.filter(isTombstoned);
  const gone = leaving.length === validators.length ? leaving.slice(1) : leaving;
  return gone.map(({ pubKey }) => ({ pubKey, power: 0n }));
}
