/** Codes of the errors that this folder makes. */
export const STORAGE_ERROR_CODES = [
  /** Another process has the database open. */
  'database_locked',
  /** LevelDB could not open, read or write. */
  'database_failed',
  /** A file operation failed: no space, input/output error, permission. */
  'io_failed',
  /** Stored bytes are not what was written. */
  'damaged',
  /** The height is not kept, or not decided yet. */
  'not_stored',
  /** A backup that is not what was written. */
  'damaged_backup',
  /** No backup, or one that is not for this home or this program. */
  'bad_backup',
  /** Nothing is written over a file that is there. */
  'file_exists',
  /** A file that is to be read, or a directory that is to be written to, is not there. */
  'no_such_file',
] as const;

export type StorageErrorCode = (typeof STORAGE_ERROR_CODES)[number];
