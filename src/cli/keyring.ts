import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { checkSecretMode, homePaths, readTextFile, SECRET_MODE, writeTextFile } from '#config/home.ts';
import { fromHex, toHex } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { type AccountKey, keyOf } from './account-key.ts';
import { type CliErrorCode, usageError } from './errors.ts';
import { decryptSecret, type EncryptedKey, encryptSecret, isEncryptedKey } from './key-cipher.ts';

const FILE_VERSION = 1;
const FILE_SUFFIX = '.json';
/** Every file that holds a key in the clear says so. */
const TEST_KEY_NOTICE = 'PUBLIC TEST KEY: anyone can spend from it. Never use it outside of a devnet.';

/** A key as its file describes it; the secret stays in the file until asked for. */
export interface KeyEntry {
  readonly name: string;
  readonly publicKey: Uint8Array;
  /** True for the devnet's keys, which are not encrypted. */
  readonly publicTestKey: boolean;
}

interface KeyFile {
  readonly version: typeof FILE_VERSION;
  readonly name: string;
  readonly type: 'secp256k1';
  /** Hex, 33 bytes. */
  readonly public_key: string;
  readonly encrypted?: EncryptedKey;
  readonly notice?: string;
  /** Hex, 32 bytes; devnet keys only. */
  readonly test_private_key?: string;
}

function keyFileError(path: string, fault: string, remedy: string): BizraError<CliErrorCode> {
  return new BizraError('key_file', `${path}: ${fault}; ${remedy}`);
}

/** Letters, digits, `-`, `_` and `.`, as the name becomes a file's. */
export function checkKeyName(name: string): string {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/.test(name)) {
    throw usageError(`key name "${name.slice(0, 80)}" is not accepted; use up to 64 letters, digits, "-", "_" or "."`);
  }
  return name;
}

function parseKeyFile(path: string, text: string): KeyFile {
  const broken = (fault: string): BizraError =>
    keyFileError(path, fault, 'restore it from a backup, or import the key');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw broken('not a JSON file');
  }
  const file = (typeof value === 'object' && value !== null ? value : {}) as Partial<KeyFile>;
  if (file.version !== FILE_VERSION) throw broken(`version is not ${FILE_VERSION}`);
  if (typeof file.name !== 'string') throw broken('name is missing');
  if (!/^0[23][0-9a-f]{64}$/.test(String(file.public_key))) throw broken('public_key is not 66 hex digits');
  const plain = typeof file.test_private_key === 'string' && /^[0-9a-f]{64}$/.test(file.test_private_key);
  if (!plain && !isEncryptedKey(file.encrypted)) throw broken('encrypted does not describe a key');
  return file as KeyFile;
}

function cipherContext(name: string, publicKeyHex: string): string {
  return `bizra-node key ${FILE_VERSION} ${name} ${publicKeyHex}`;
}

/** Account keys of one home: a file a key, mode 0600, encrypted unless it is a devnet's public test key. */
export class Keyring {
  private readonly directory: string;

  constructor(home: string) {
    this.directory = homePaths(home).keyringDirectory;
  }

  private path(name: string): string {
    return join(this.directory, checkKeyName(name) + FILE_SUFFIX);
  }

  async has(name: string): Promise<boolean> {
    return (await this.read(name)) !== undefined;
  }

  /** Throws `usage` when the name is taken: overwriting would destroy a key. */
  private async create(file: KeyFile): Promise<void> {
    const path = this.path(file.name);
    if ((await readTextFile(path)) !== undefined) {
      throw usageError(`a key named ${file.name} exists in ${this.directory}; choose another name or delete it first`);
    }
    await writeTextFile(path, `${JSON.stringify(file, null, 2)}\n`, SECRET_MODE);
  }

  async add(name: string, key: AccountKey, passphrase: string): Promise<void> {
    const publicKey = toHex(key.publicKey);
    const encrypted = await encryptSecret(key.privateKey, passphrase, cipherContext(name, publicKey));
    await this.create({ version: FILE_VERSION, name, type: 'secp256k1', public_key: publicKey, encrypted });
  }

  /** Keeps a key whose secret is public anyway, in the clear and marked so. */
  async addPublicTestKey(name: string, key: AccountKey): Promise<void> {
    await this.create({
      version: FILE_VERSION,
      name,
      type: 'secp256k1',
      public_key: toHex(key.publicKey),
      notice: TEST_KEY_NOTICE,
      test_private_key: toHex(key.privateKey),
    });
  }

  private async read(name: string): Promise<KeyFile | undefined> {
    const path = this.path(name);
    const text = await readTextFile(path);
    if (text === undefined) return undefined;
    await checkSecretMode(path);
    const file = parseKeyFile(path, text);
    if (file.name !== name) throw keyFileError(path, `holds the key "${file.name}"`, `rename it to ${file.name}.json`);
    return file;
  }

  private async need(name: string): Promise<KeyFile> {
    const file = await this.read(name);
    if (file !== undefined) return file;
    const names = (await this.names()).join(', ');
    const known = names === '' ? 'it has no keys yet: bizra-node keys add NAME' : `its keys are: ${names}`;
    throw usageError(`there is no key named ${name} in ${this.directory}; ${known}`);
  }

  private async names(): Promise<string[]> {
    const present = await stat(this.directory).then(
      (found) => found.isDirectory(),
      () => false, // no keyring yet
    );
    if (!present) return [];
    const files = await readdir(this.directory);
    return files
      .filter((file) => file.endsWith(FILE_SUFFIX))
      .map((file) => file.slice(0, -FILE_SUFFIX.length))
      .sort();
  }

  /** Sorted by name. */
  async list(): Promise<KeyEntry[]> {
    const entries: KeyEntry[] = [];
    for (const name of await this.names()) entries.push(await this.show(name));
    return entries;
  }

  async show(name: string): Promise<KeyEntry> {
    const file = await this.need(name);
    const publicTestKey = file.test_private_key !== undefined;
    return { name, publicKey: fromHex(file.public_key), publicTestKey };
  }

  /** The secret. `askPassphrase` is called only for an encrypted key. Throws `bad_passphrase` or `key_file`. */
  async unlock(name: string, askPassphrase: () => Promise<string>): Promise<AccountKey> {
    const file = await this.need(name);
    const secret =
      file.encrypted === undefined
        ? fromHex(file.test_private_key ?? '')
        : await decryptSecret(file.encrypted, await askPassphrase(), cipherContext(name, file.public_key));
    const key = keyOf(secret);
    if (toHex(key.publicKey) !== file.public_key) {
      throw keyFileError(this.path(name), 'public_key is not that of the key', 'restore it from a backup');
    }
    return key;
  }

  async delete(name: string): Promise<void> {
    await this.need(name);
    await rm(this.path(name));
  }
}
