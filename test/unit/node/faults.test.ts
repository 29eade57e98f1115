import assert from 'node:assert/strict';
import { faultHandler } from '#node/faults.ts';
import { SILENT_LOGGER } from '#telemetry/logger.ts';
import { BizraError, MachineError } from '#util/errors.ts';

describe('a fault that a message of strangers led to', () => {
  it('ends the node, but for a damaged record of the past: whoever chooses the height must not choose the end', () => {
    const logged: string[] = [];
    const fatal: unknown[] = [];
    const logger = { ...SILENT_LOGGER, error: (message: string) => void logged.push(message) };
    const onFault = faultHandler({ logger, onFatal: (error) => void fatal.push(error) });
    onFault(new MachineError('damaged', 'the stored block meta is damaged'));
    assert.deepEqual([logged, fatal], [['a record of the past is damaged'], []]);
    const others = [
      new MachineError('io_failed', 'EIO'),
      new BizraError('bad_height', 'no'),
      new TypeError('undefined'),
    ];
    for (const error of others) onFault(error);
    assert.deepEqual(fatal, others);
  });
});
