import { typesError } from './errors.ts';

/** Deeper than any genesis; keeps the recursion far from the stack's end. */
const MAX_DEPTH = 64;

/**
 * JSON with sorted keys and no spaces, so that equal documents give equal bytes. Numbers must be whole and exact, as
 * different parsers read others differently. Throws `bad_genesis` naming the path.
 */
export function canonicalJson(value: unknown, path = '', depth = 0): string {
  if (depth > MAX_DEPTH) throw typesError('bad_genesis', `${path} is nested deeper than ${MAX_DEPTH} levels`);
  if (Array.isArray(value)) {
    return `[${value.map((entry, i) => canonicalJson(entry, `${path}[${i}]`, depth + 1)).join(',')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const fields = value as Record<string, unknown>;
    const names = Object.keys(fields).sort();
    const entries = names.map((name) => {
      const inner = path === '' ? name : `${path}.${name}`;
      return `${JSON.stringify(name)}:${canonicalJson(fields[name], inner, depth + 1)}`;
    });
    return `{${entries.join(',')}}`;
  }
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw typesError(
      'bad_genesis',
      `${path} is ${value}; write it as a string: JSON numbers must be whole and below 2^53`,
    );
  }
  return JSON.stringify(value);
}

/** Freezes parsed JSON through and through; its depth was checked by `canonicalJson`. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
