import { checkSecretMode, readTextFile } from '#config/home.ts';
import { usageError } from './errors.ts';
import type { Terminal } from './terminal.ts';

/** Where a passphrase may come from besides the terminal. */
export interface PassphraseOptions {
  readonly passphraseFile?: string;
}

/** Long enough that guessing at one try a second is hopeless. */
export const MIN_PASSPHRASE_LENGTH = 8;
const VARIABLE = 'BIZRA_PASSPHRASE';
const FILE_VARIABLE = 'BIZRA_PASSPHRASE_FILE';

/** Content of the file without its last line break; the file must be the owner's alone. */
async function fromFile(path: string): Promise<string> {
  const text = await readTextFile(path);
  if (text === undefined) throw usageError(`passphrase file ${path} does not exist`);
  await checkSecretMode(path);
  return text.replace(/\r?\n$/, '');
}

async function given(terminal: Terminal, options: PassphraseOptions): Promise<string | undefined> {
  const file = options.passphraseFile ?? terminal.environment[FILE_VARIABLE];
  return file === undefined ? terminal.environment[VARIABLE] : await fromFile(file);
}

/** The passphrase of an existing key: by flag, file, variable, or asked without showing it. */
export async function readPassphrase(terminal: Terminal, name: string, options: PassphraseOptions): Promise<string> {
  const passphrase = await given(terminal, options);
  return passphrase ?? (await terminal.ask(`Passphrase of key ${name}: `, { secret: true }));
}

/** A passphrase for a new key; asked twice. Throws `usage` when it is short or mistyped. */
export async function readNewPassphrase(terminal: Terminal, name: string, options: PassphraseOptions): Promise<string> {
  let passphrase = await given(terminal, options);
  if (passphrase === undefined) {
    passphrase = await terminal.ask(`New passphrase for key ${name}: `, { secret: true });
    const again = await terminal.ask('The same again: ', { secret: true });
    if (passphrase !== again) throw usageError('the two passphrases differ; nothing was written');
  }
  if (passphrase.length < MIN_PASSPHRASE_LENGTH) {
    throw usageError(`the passphrase has fewer than ${MIN_PASSPHRASE_LENGTH} characters; nothing was written`);
  }
  return passphrase;
}
