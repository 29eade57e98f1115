import { createRequire } from 'node:module';
import { BizraError } from '#util/errors.ts';
import type { CryptoErrorCode } from './errors.ts';

/**
 * This file imports nothing native itself, so that a missing addon becomes one line for the operator: call it before
 * importing anything else of the daemon.
 */

/** Loads a module by name, as CommonJS; throws when it cannot be loaded. */
export type LoadModule = (name: string) => unknown;

const loadHere: LoadModule = createRequire(import.meta.url);

/**
 * Throws `native_missing` unless both native libraries are there. `secp256k1` falls back to plain JavaScript
 * (`elliptic`) without a word when its addon does not load; that is slow and has its own ideas about edge cases.
 */
export function assertNativeCrypto(load: LoadModule = loadHere): void {
  const native = tryLoad(load, 'secp256k1/bindings.js', 'secp256k1');
  if (load('secp256k1') !== native) throw missing('secp256k1', 'only its JavaScript fallback loaded', undefined);
  tryLoad(load, 'sodium-native', 'sodium-native');
}

function tryLoad(load: LoadModule, name: string, packageName: string): unknown {
  try {
    return load(name);
  } catch (error) {
    throw missing(packageName, 'its native library did not load', error);
  }
}

function missing(packageName: string, fault: string, cause: unknown): BizraError<CryptoErrorCode> {
  const reason = cause instanceof Error ? ` (${firstLine(cause.message)})` : '';
  const message = `${packageName}: ${fault}${reason} on ${process.platform}-${process.arch}; run: npm rebuild ${packageName}`;
  return new BizraError('native_missing', message, { cause });
}

function firstLine(text: string): string {
  return (text.split('\n', 1)[0] ?? '').slice(0, 200);
}
