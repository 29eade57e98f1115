import { openLevel } from '#storage/level.ts';
import { BizraError } from '#util/errors.ts';
import type { SignerErrorCode } from './errors.ts';

const LOCK_SUFFIX = '.lock';

/** Held for as long as a signer uses its key. */
export interface KeyLock {
  release(): Promise<void>;
}

export type LockKey = (keyPath: string) => Promise<KeyLock>;

/**
 * Keeps a second process on this machine from signing with the same key file. The lock is that of an empty LevelDB
 * beside the key: Node has no file locks of its own, and this one goes with the process, however it ends. Throws
 * BizraError 'key_in_use'.
 */
export async function lockKeyFile(keyPath: string): Promise<KeyLock> {
  try {
    const database = await openLevel(keyPath + LOCK_SUFFIX, LOCK_OPTIONS);
    return { release: () => database.close() };
  } catch (error) {
    if (!(error instanceof BizraError) || error.code !== 'database_locked') throw error;
    throw new BizraError<SignerErrorCode>(
      'key_in_use',
      `another process signs with ${keyPath}: stop it first; two signers of one key get the validator punished`,
      { cause: error },
    );
  }
}

/** For keys that no other process can reach: tests and simulations. */
export const NO_LOCK: LockKey = async () => ({ release: async () => undefined });

/** The database stays empty. */
const LOCK_OPTIONS = { cacheBytes: 0, writeBufferBytes: 64 * 1024 };
