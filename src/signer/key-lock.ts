import { createServer, type Server } from 'node:net';
import { openLevel } from '#storage/level.ts';
import { toHex } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import type { SignerErrorCode } from './errors.ts';

const LOCK_SUFFIX = '.lock';
/** A name in Linux's abstract namespace of sockets: no file, and it goes with the process, however it ends. */
const NAME_PREFIX = '\0bizra-node/validator/';

/** Held for as long as a signer uses its key. */
export interface KeyLock {
  release(): Promise<void>;
}

/** `address`: of the key in the file, 20 bytes. */
export type LockKey = (keyPath: string, address: Uint8Array) => Promise<KeyLock>;

/**
 * Keeps a second process on this machine from signing with the same key: from the same file by the lock of an empty
 * LevelDB beside it (Node has no file locks of its own, and this one goes with the process), and on Linux from a copy
 * of the home by a name that only one process can have. Throws BizraError 'key_in_use'.
 */
export async function lockKeyFile(keyPath: string, address: Uint8Array): Promise<KeyLock> {
  const file = await lockFile(keyPath);
  try {
    const name = await holdName(keyPath, address);
    return {
      release: async () => {
        await close(name);
        await file.release();
      },
    };
  } catch (error) {
    await file.release();
    throw error;
  }
}

/** The first of both alone: no process uses the key in this file. Throws BizraError 'key_in_use'. */
export async function lockFile(keyPath: string): Promise<KeyLock> {
  try {
    const database = await openLevel(keyPath + LOCK_SUFFIX, LOCK_OPTIONS);
    return { release: () => database.close() };
  } catch (error) {
    if (!(error instanceof BizraError) || error.code !== 'database_locked') throw error;
    throw inUse(keyPath, error);
  }
}

/** Undefined where there are no such names: another system than Linux, or a sandbox. */
async function holdName(keyPath: string, address: Uint8Array): Promise<Server | undefined> {
  if (process.platform !== 'linux') return undefined;
  const server = createServer((socket) => socket.destroy());
  server.unref();
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') reject(inUse(`the key in ${keyPath}, from another home`, error));
      else resolve(undefined);
    });
    server.listen(NAME_PREFIX + toHex(address), () => resolve(server));
  });
}

async function close(server: Server | undefined): Promise<void> {
  if (server === undefined) return;
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

function inUse(key: string, cause: unknown): BizraError<SignerErrorCode> {
  return new BizraError(
    'key_in_use',
    `another process signs with ${key}: stop it first; two signers of one key get the validator punished`,
    { cause },
  );
}

/** For keys that no other process can reach: tests and simulations. */
export const NO_LOCK: LockKey = async () => ({ release: async () => undefined });

/** The database stays empty. */
const LOCK_OPTIONS = { cacheBytes: 0, writeBufferBytes: 64 * 1024, verify: false };
