import { BizraError } from '#util/errors.ts';
import type { CliErrorCode } from './errors.ts';

/** Reads a node's JSON answers, of which nothing is believed before it is looked at. */

function badAnswer(path: string, expected: string): BizraError<CliErrorCode> {
  return new BizraError('failed', `the node's answer has no ${expected} at ${path}; is it a bizra-node or CometBFT?`);
}

/** The value at `a.b.0.c`, undefined when a step is missing. */
export function at(value: unknown, path: string): unknown {
  let current = value;
  for (const step of path.split('.')) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, step)) return undefined;
    current = (current as Record<string, unknown>)[step];
  }
  return current;
}

export function textAt(value: unknown, path: string): string {
  const found = at(value, path);
  if (typeof found !== 'string') throw badAnswer(path, 'text');
  return found;
}

/** A number, or a text of digits as CometBFT writes 64-bit numbers. */
export function numberAt(value: unknown, path: string): number {
  const found = at(value, path);
  const number = typeof found === 'string' && /^-?\d+$/.test(found) ? Number(found) : found;
  if (typeof number !== 'number' || !Number.isSafeInteger(number)) throw badAnswer(path, 'number');
  return number;
}

/** Empty when it is null or missing: Go writes an empty list as null. */
export function listAt(value: unknown, path: string): readonly unknown[] {
  const found = at(value, path) ?? [];
  if (!Array.isArray(found)) throw badAnswer(path, 'list');
  return found;
}
