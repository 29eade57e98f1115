import { MachineError } from '#util/errors.ts';
import type { StorageErrorCode } from '../errors.ts';

/** A file of the database is not what was written. */
export function damagedFile(path: string, where: string): MachineError<StorageErrorCode> {
  return new MachineError(
    'damaged',
    `the database file ${path} is damaged ${where}: check the disk, then restore the node from a backup, or move the database away and let it sync from peers (never touch priv_validator_state.json)`,
  );
}
