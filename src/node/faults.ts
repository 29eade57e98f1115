import { MachineError } from '#util/errors.ts';
import type { NodePorts } from './node-ports.ts';

/**
 * What becomes of a fault of this machine that a stranger's message led to. A damaged record of the past is one that this
 * node does without, whatever height others choose; a disk that fails is the end of it.
 */
export function faultHandler({ logger, onFatal }: Pick<NodePorts, 'logger' | 'onFatal'>): (error: unknown) => void {
  return (error) => {
    if (error instanceof MachineError && error.code === 'damaged')
      logger.error('a record of the past is damaged', { reason: error.message });
    else onFatal(error);
  };
}
