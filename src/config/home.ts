import { chmod, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { syncDirectory, syncNewDirectories } from '#storage/node-files.ts';
import { homeError } from './errors.ts';
import { loadSettings, type SettingSources, type Settings } from './settings.ts';

/** Only the owner enters a home. */
export const DIRECTORY_MODE = 0o700;
/** Keys and signing records: only the owner reads them. */
export const SECRET_MODE = 0o600;
/** Settings and genesis hold nothing secret. */
export const PUBLIC_MODE = 0o644;
/** Genesis files hold balances; a larger one is a mistake or an attack on memory. 1 GiB. */
const MAX_TEXT_BYTES = 1_073_741_824;

/** The files of a home, by CometBFT's names where it has them. */
export interface HomePaths {
  readonly home: string;
  readonly configDirectory: string;
  readonly dataDirectory: string;
  readonly configFile: string;
  readonly genesisFile: string;
  readonly nodeKeyFile: string;
  readonly privValidatorKeyFile: string;
  readonly privValidatorStateFile: string;
  readonly keyringDirectory: string;
}

export function homePaths(home: string): HomePaths {
  const root = resolve(home);
  const config = join(root, 'config');
  const data = join(root, 'data');
  return {
    home: root,
    configDirectory: config,
    dataDirectory: data,
    configFile: join(config, 'config.toml'),
    genesisFile: join(config, 'genesis.json'),
    nodeKeyFile: join(config, 'node_key.json'),
    privValidatorKeyFile: join(config, 'priv_validator_key.json'),
    privValidatorStateFile: join(data, 'priv_validator_state.json'),
    keyringDirectory: join(root, 'keyring'),
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Turns the operating system's refusals into one line; other errors are returned as they are. */
function explained(error: unknown, path: string): unknown {
  switch (codeOf(error)) {
    case 'EACCES':
    case 'EPERM':
      return homeError(path, 'permission denied', 'run as the owner of the home');
    case 'ENOTDIR':
    case 'EEXIST':
      return homeError(path, 'a file stands where a directory is needed', 'choose another directory');
    case 'EISDIR':
      return homeError(path, 'is a directory', 'a file is needed here');
    case 'ENOSPC':
      return homeError(path, 'the disk is full', 'free some space');
    case 'EROFS':
      return homeError(path, 'the disk is read-only', 'choose another directory');
    default:
      return error;
  }
}

/** The file's text, or undefined when there is none. Throws BizraError `home_invalid` when it cannot be read. */
export async function readTextFile(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size > MAX_TEXT_BYTES) throw homeError(path, `has ${size} bytes`, `give a file below ${MAX_TEXT_BYTES} bytes`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw explained(error, path);
  }
}

/** Refuses a secret that others than its owner may read. */
export async function checkSecretMode(path: string): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o077) === 0) return;
  const shown = (mode & 0o777).toString(8).padStart(4, '0');
  throw homeError(path, `mode ${shown} lets others read a secret`, `run: chmod 600 ${path}`);
}

/** Writes a whole file or nothing: a sibling is synced and renamed over it, and the new name is synced. */
export async function writeTextFile(path: string, text: string, mode: number): Promise<void> {
  const sibling = `${path}.${process.pid}.tmp`;
  try {
    await makeDirectory(dirname(path));
    const file = await open(sibling, 'w', mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    // The mode given to `open` is narrowed by the umask and ignored for a file that exists.
    await chmod(sibling, mode);
    await rename(sibling, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(sibling, { force: true }).catch(() => undefined);
    throw explained(error, path);
  }
}

/** And those above it that are missing; it survives a power cut. */
export async function makeDirectory(path: string): Promise<void> {
  try {
    await syncNewDirectories(path, await mkdir(path, { recursive: true, mode: DIRECTORY_MODE }));
  } catch (error) {
    throw explained(error, path);
  }
}

/** True when there is nothing at `path`, or a directory without entries. */
export async function isEmptyDirectory(path: string): Promise<boolean> {
  try {
    return (await readdir(path)).length === 0;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return true;
    throw explained(error, path);
  }
}

/** Settings of a home: its `config.toml`, the environment and flags. Throws BizraError when there is no such file. */
export async function loadHomeSettings(home: string, sources: Omit<SettingSources, 'file'>): Promise<Settings> {
  const path = homePaths(home).configFile;
  const text = await readTextFile(path);
  if (text === undefined) {
    throw homeError(path, 'there is no such file', `make a home with: bizra-node init --home ${home}`);
  }
  return loadSettings({ ...sources, file: { path, text } });
}
