import type { Offence } from '#network/consequences.ts';
import type { PeerId } from '#ports/transport.ts';
import type { Logger } from '#telemetry/logger.ts';

/** Peers that misbehave are everyday; what this node could not do with a sound message is not. */
export function reportOffence(logger: Logger, offence: Offence, peer: PeerId, error: unknown): void {
  if (offence === 'own_failure' || offence === 'machine_fault')
    logger.error('a message could not be handled', { peer, reason: asError(error) });
  else logger.debug('a peer misbehaved', { offence, peer, reason: asError(error)?.message });
}

function asError(error: unknown): Error | undefined {
  return error instanceof Error ? error : undefined;
}
