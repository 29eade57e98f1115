import type { Command } from 'commander';
import { accountAddress } from '#crypto/address.ts';
import { toHex } from '#util/bytes.ts';
import { addressText, keyOfHex, keyOfMnemonic, newMnemonic, normalizeMnemonic } from '../account-key.ts';
import { chainPrefix } from '../chain-prefix.ts';
import { usageError } from '../errors.ts';
import { checkKeyName, type KeyEntry, Keyring } from '../keyring.ts';
import { type HomeOptions, type JsonOptions, wholeNumber, withHome, withJson } from '../options.ts';
import { formatTable, print } from '../output.ts';
import { type PassphraseOptions, readNewPassphrase, readPassphrase } from '../passphrase.ts';
import type { Terminal } from '../terminal.ts';
import { registerProtection } from './protection.ts';

interface KeysOptions extends HomeOptions, JsonOptions, PassphraseOptions {
  readonly prefix?: string;
}

interface AddOptions extends KeysOptions {
  readonly recover?: boolean;
  readonly account: number;
}

interface ConfirmOptions extends KeysOptions {
  readonly yes?: boolean;
}

/** Hardened paths end at 2^31. */
const MAX_ACCOUNT_INDEX = 2 ** 31 - 1;

async function describe(options: KeysOptions, entry: KeyEntry): Promise<Record<string, unknown>> {
  return {
    name: entry.name,
    address: addressText(await chainPrefix(options.home, options.prefix), accountAddress(entry.publicKey)),
    public_key: toHex(entry.publicKey),
    public_test_key: entry.publicTestKey,
  };
}

function showEntries(terminal: Terminal, options: KeysOptions, entries: readonly Record<string, unknown>[]): void {
  if (options.json === true) {
    for (const entry of entries) terminal.line(JSON.stringify(entry));
    return;
  }
  if (entries.length === 0) terminal.line('no keys yet; make one with: bizra-node keys add NAME');
  else {
    const rows = entries.map((entry) => [
      String(entry.name),
      String(entry.address),
      entry.public_test_key === true ? 'PUBLIC TEST KEY' : 'encrypted',
    ]);
    for (const line of formatTable(['name', 'address', 'kept'], rows)) terminal.line(line);
  }
}

/** A mnemonic or a key: by pipe, or asked without showing it. Never an argument, which other users could see. */
async function readSecret(terminal: Terminal, question: string): Promise<string> {
  const piped = await terminal.readInput();
  if (piped !== undefined && piped.trim() !== '') return piped;
  return terminal.ask(question, { secret: true });
}

async function add(terminal: Terminal, name: string, options: AddOptions): Promise<void> {
  const keyring = new Keyring(options.home);
  checkKeyName(name);
  if (await keyring.has(name)) throw usageError(`a key named ${name} exists; choose another name or delete it first`);
  const recover = options.recover === true;
  const mnemonic = recover ? normalizeMnemonic(await readSecret(terminal, 'Mnemonic: ')) : newMnemonic();
  const key = await keyOfMnemonic(mnemonic, options.account);
  await keyring.add(name, key, await readNewPassphrase(terminal, name, options));
  const entry = await describe(options, await keyring.show(name));
  const shown = recover ? entry : { ...entry, mnemonic };
  print(terminal, options.json === true, shown, () => [
    ...formatTable(['name', 'address'], [[name, String(entry.address)]]),
    ...(recover ? [] : ['', 'Write these words down and keep them secret. They are shown only now:', '', mnemonic]),
  ]);
}

async function importKey(terminal: Terminal, name: string, options: KeysOptions): Promise<void> {
  checkKeyName(name);
  const keyring = new Keyring(options.home);
  if (await keyring.has(name)) throw usageError(`a key named ${name} exists; choose another name or delete it first`);
  const key = keyOfHex(await readSecret(terminal, 'Private key (64 hex digits): '));
  await keyring.add(name, key, await readNewPassphrase(terminal, name, options));
  showEntries(terminal, options, [await describe(options, await keyring.show(name))]);
}

async function confirm(terminal: Terminal, options: ConfirmOptions, question: string): Promise<void> {
  if (options.yes === true) return;
  const answer = await terminal.ask(`${question} Type yes: `);
  if (answer.trim().toLowerCase() !== 'yes') throw usageError('not confirmed; nothing was done');
}

async function exportKey(terminal: Terminal, name: string, options: ConfirmOptions): Promise<void> {
  const keyring = new Keyring(options.home);
  await keyring.show(name);
  await confirm(terminal, options, 'This prints the private key; whoever sees it owns the account.');
  const key = await keyring.unlock(name, () => readPassphrase(terminal, name, options));
  const hex = toHex(key.privateKey);
  print(terminal, options.json === true, { name, private_key: hex }, () => [hex]);
}

async function deleteKey(terminal: Terminal, name: string, options: ConfirmOptions): Promise<void> {
  const keyring = new Keyring(options.home);
  await keyring.show(name);
  await confirm(terminal, options, `Deletes key ${name}; without its mnemonic its money is lost.`);
  await keyring.delete(name);
  print(terminal, options.json === true, { name, deleted: true }, () => [`deleted ${name}`]);
}

/** Options of every key command; `--prefix` is read from the home's genesis file when it is absent. */
function keyCommand(group: Command, terminal: Terminal, usage: string, description: string): Command {
  return withJson(withHome(group.command(usage), terminal))
    .description(description)
    .option('--prefix <prefix>', 'prefix of addresses (default: that of the genesis file in the home)');
}

function withPassphrase(command: Command): Command {
  return command.option(
    '--passphrase-file <file>',
    'file with the passphrase (or BIZRA_PASSPHRASE, BIZRA_PASSPHRASE_FILE)',
  );
}

export function registerKeys(program: Command, terminal: Terminal): void {
  const group = program
    .command('keys')
    .description('account keys, encrypted in the home; what the validator key signed');
  withPassphrase(keyCommand(group, terminal, 'add <name>', 'make a key and show its mnemonic once'))
    .option('--recover', 'from a mnemonic that you have')
    .option(
      '--account <n>',
      "last number of the path m/44'/118'/0'/0/n",
      wholeNumber('--account', 0, MAX_ACCOUNT_INDEX),
      0,
    )
    .action((name: string, options: AddOptions) => add(terminal, name, options));
  keyCommand(group, terminal, 'list', 'list the keys').action(async (options: KeysOptions) => {
    const entries = await new Keyring(options.home).list();
    showEntries(terminal, options, await Promise.all(entries.map((entry) => describe(options, entry))));
  });
  keyCommand(group, terminal, 'show <name>', 'show one key').action(async (name: string, options: KeysOptions) => {
    showEntries(terminal, options, [await describe(options, await new Keyring(options.home).show(name))]);
  });
  withPassphrase(
    keyCommand(group, terminal, 'import <name>', 'take in a private key (asked for, or on standard input)'),
  ).action((name: string, options: KeysOptions) => importKey(terminal, name, options));
  withPassphrase(keyCommand(group, terminal, 'export <name>', 'print a private key'))
    .option('--yes', 'do not ask')
    .action((name: string, options: ConfirmOptions) => exportKey(terminal, name, options));
  keyCommand(group, terminal, 'delete <name>', 'delete a key')
    .option('--yes', 'do not ask')
    .action((name: string, options: ConfirmOptions) => deleteKey(terminal, name, options));
  registerProtection(group, terminal);
}
