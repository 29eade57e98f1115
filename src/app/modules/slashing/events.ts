import type { LedgerEvent } from '#types/results.ts';
import { attribute } from '../../events.ts';

/** What the SDK adds to events from the beginning of a block. */
const BEGIN_BLOCK = attribute('mode', 'BeginBlock');

/** A double sign is answered. No stake is burned: it is not this module's. */
export function slashEvent(address: string, power: bigint): LedgerEvent {
  return {
    type: 'slash',
    attributes: [
      attribute('address', address),
      attribute('power', String(power)),
      attribute('reason', 'double_sign'),
      attribute('burned_coins', '0'),
      BEGIN_BLOCK,
    ],
  };
}

export function jailedEvent(address: string): LedgerEvent {
  return { type: 'slash', attributes: [attribute('jailed', address), BEGIN_BLOCK] };
}
