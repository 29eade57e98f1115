import { BizraError } from '#util/errors.ts';

/** `usage`: what was typed is wrong. `failed`: the request was understood and could not be done. */
export const CLI_ERROR_CODES = ['usage', 'failed', 'key_file', 'bad_passphrase', 'unreachable', 'refused'] as const;
export type CliErrorCode = (typeof CLI_ERROR_CODES)[number];

export const EXIT_OK = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

/**
 * Codes of every folder whose errors a person corrects by changing what was typed or a file: usage, configuration,
 * genesis, key and WAL files. Everything else is a failure.
 */
const USAGE_CODES: ReadonlySet<string> = new Set([
  'usage',
  'config_invalid',
  'home_invalid',
  'key_file',
  'bad_genesis',
  'bad_params',
  'bad_key_file',
  'bad_state_file',
  'bad_protection_file',
  'bad_config',
  'genesis_invalid',
  'node_key_invalid',
  'bad_height',
  'no_database',
  'node_running',
  'archive_home',
  'damaged',
  'damaged_wal',
  'bad_backup',
  'bad_snapshot_file',
  'home_occupied',
  'file_exists',
  'no_such_file',
]);

export function usageError(message: string): BizraError<CliErrorCode> {
  return new BizraError('usage', message);
}

export function failure(message: string, options?: ErrorOptions): BizraError<CliErrorCode> {
  return new BizraError('failed', message, options);
}

export function exitCodeOf(error: unknown): number {
  return error instanceof BizraError && USAGE_CODES.has(error.code) ? EXIT_USAGE : EXIT_FAILED;
}

/** One line without control characters, whatever the error is: parsers quote the hostile files that they refuse. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const line = text.replace(/\s*\n\s*/g, ' ').trim();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences must not reach the terminal
  return line.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}
