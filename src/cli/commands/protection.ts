import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type HomePaths, homePaths, readTextFile, SECRET_MODE, writeTextFile } from '#config/home.ts';
import { validatorAddress } from '#crypto/address.ts';
import { readKeyFile } from '#signer/key-file.ts';
import { lockKeyFile } from '#signer/key-lock.ts';
import { type LastSigned, readLastSigned, writeLastSigned } from '#signer/last-signed.ts';
import { formatProtection, mergeProtection, type ProtectedChain, parseProtection } from '#signer/protection.ts';
import { missingRecord } from '#signer/signer.ts';
import { NodeFiles } from '#storage/node-files.ts';
import { parseGenesis } from '#types/genesis.ts';
import { BizraError } from '#util/errors.ts';
import { usageError } from '../errors.ts';
import { type HomeOptions, type JsonOptions, withHome, withJson } from '../options.ts';
import { print } from '../output.ts';
import type { Terminal } from '../terminal.ts';

type ProtectionOptions = HomeOptions & JsonOptions;

interface ExportOptions extends ProtectionOptions {
  readonly output?: string;
}

/** The validator key of a home that no process signs with meanwhile, and what it signed last. */
interface KeptKey {
  readonly paths: HomePaths;
  readonly files: NodeFiles;
  readonly chain: ProtectedChain;
  readonly publicKey: Uint8Array;
  readonly last: LastSigned | undefined;
}

/** A running node goes on signing: an export would be old at once, and an import would be written over. */
async function withKey<Result>(home: string, use: (key: KeptKey) => Promise<Result>): Promise<Result> {
  const paths = homePaths(home);
  const { privValidatorKeyFile, privValidatorStateFile } = paths;
  const files = new NodeFiles();
  const chain = await readChain(paths.genesisFile);
  const { publicKey } = await readKeyFile(files, privValidatorKeyFile);
  const lock = await lockKeyFile(privValidatorKeyFile, validatorAddress({ type: 'ed25519', bytes: publicKey }));
  try {
    return await use({ paths, files, chain, publicKey, last: await readLastSigned(files, privValidatorStateFile) });
  } finally {
    await lock.release();
  }
}

async function readChain(path: string): Promise<ProtectedChain> {
  const text = await readTextFile(path);
  if (text === undefined) throw usageError(`${path}: there is no such file; give the validator's --home`);
  try {
    const { chainId, hash } = parseGenesis(text);
    return { chainId, genesisHash: hash };
  } catch (error) {
    throw error instanceof BizraError ? new BizraError(error.code, `${path}: ${error.message}`) : error;
  }
}

const placeOf = ({ height, round, step }: LastSigned) => ({ height, round, step });
const placeText = ({ height, round, step }: LastSigned): string => `height/round/step ${height}/${round}/${step}`;

async function exportProtection(terminal: Terminal, options: ExportOptions): Promise<void> {
  await withKey(options.home, async ({ paths, chain, publicKey, last }) => {
    if (last === undefined) throw missingRecord(paths.privValidatorStateFile);
    const text = formatProtection(chain, publicKey, last);
    if (options.output === undefined) {
      print(terminal, options.json === true, JSON.parse(text), () => [text.trimEnd()]);
      return;
    }
    const path = resolve(options.output);
    if ((await readTextFile(path)) !== undefined) throw usageError(`${path} exists; choose another --output`);
    await writeTextFile(path, text, SECRET_MODE);
    const answer = { file: path, ...placeOf(last) };
    print(terminal, options.json === true, answer, () => [
      `wrote ${path}: this key has signed up to ${placeText(last)}`,
    ]);
  });
}

async function readInterchange(terminal: Terminal, file: string | undefined): Promise<string> {
  if (file === undefined || file === '-') {
    const piped = await terminal.readInput();
    if (piped === undefined) throw usageError('give a file, or pipe one in');
    return piped;
  }
  const text = await readTextFile(resolve(file));
  if (text === undefined) throw usageError(`${file} does not exist`);
  return text;
}

async function importProtection(terminal: Terminal, file: string | undefined, options: ProtectionOptions) {
  const text = await readInterchange(terminal, file);
  await withKey(options.home, async ({ paths, files, chain, publicKey, last }) => {
    const imported = parseProtection(text, chain, publicKey);
    const merged = last === undefined ? imported : mergeProtection(last, imported);
    const changed = merged !== last;
    if (changed) await writeLastSigned(files, paths.privValidatorStateFile, merged);
    print(terminal, options.json === true, { changed, ...placeOf(merged) }, () => [
      changed
        ? `took over: this key has signed up to ${placeText(merged)}`
        : `kept the record of this home, which is as far or further: ${placeText(merged)} (the file: ${placeText(imported)})`,
    ]);
  });
}

/** What the validator key has signed goes where the key goes: without it the key can be made to sign twice. */
export function registerProtection(keys: Command, terminal: Terminal): void {
  const group = keys.command('protection').description('what the validator key has signed: take it along with the key');
  withJson(withHome(group.command('export'), terminal))
    .description('write what this validator key has signed (stop the node first)')
    .option('--output <file>', 'a new file (default: standard output)')
    .action((options: ExportOptions) => exportProtection(terminal, options));
  withJson(withHome(group.command('import'), terminal))
    .argument('[file]', 'as `export` wrote it (default: standard input)')
    .description('take over what the validator key signed elsewhere; the further of both records stays')
    .action((file: string | undefined, options: ProtectionOptions) => importProtection(terminal, file, options));
}
