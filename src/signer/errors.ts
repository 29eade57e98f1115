/** Codes of the errors that this folder makes. */
export const SIGNER_ERROR_CODES = [
  /** A key or state file is missing, malformed or readable by others. */
  'bad_key_file',
  'bad_state_file',
  /** A slashing-protection file is malformed, or of another chain or key. */
  'bad_protection_file',
  /** A slashing-protection file shows that the key signed two things at one place. */
  'slashable_history',
  /** Another process uses the key. */
  'key_in_use',
  /** Signing would contradict, or come before, what was signed. */
  'double_sign',
  /** The record of an earlier signature could not be written, so nothing more is signed. */
  'signer_failed',
] as const;

export type SignerErrorCode = (typeof SIGNER_ERROR_CODES)[number];
