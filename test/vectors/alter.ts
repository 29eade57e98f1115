/** One altered copy of a value, and where it differs. */
export interface Alteration<T> {
  readonly path: string;
  readonly value: T;
}

/**
 * Copies of `value` that each differ in one leaf: a flipped bit in a byte array (in its first, middle and last byte),
 * a number or bigint one higher, another character in a string. Empty arrays of bytes become one byte.
 */
export function* alterations<T>(value: T, path = ''): Generator<Alteration<T>> {
  if (value instanceof Uint8Array) {
    yield* alteredBytes(value, path) as Generator<Alteration<T>>;
  } else if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      for (const inner of alterations(value[i] as unknown, `${path}[${i}]`)) {
        yield { path: inner.path, value: value.with(i, inner.value) as T };
      }
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, field] of Object.entries(value)) {
      if (name === 'kind') continue; // names a type, not a field of the wire
      for (const inner of alterations(field as unknown, path === '' ? name : `${path}.${name}`)) {
        yield { path: inner.path, value: { ...value, [name]: inner.value } };
      }
    }
  } else {
    yield { path, value: alteredScalar(value) };
  }
}

function* alteredBytes(bytes: Uint8Array, path: string): Generator<Alteration<Uint8Array>> {
  if (bytes.length === 0) yield { path, value: new Uint8Array(1) };
  for (const index of new Set([0, bytes.length >> 1, bytes.length - 1])) {
    if (index < 0 || index >= bytes.length) continue;
    const value = bytes.slice();
    value[index] = (value[index] as number) ^ 1;
    yield { path, value };
  }
}

function alteredScalar<T>(value: T): T {
  switch (typeof value) {
    case 'number':
      return (value + 1) as T;
    case 'bigint':
      return (value + 1n) as T;
    case 'boolean':
      return !value as T;
    case 'string':
      return (value.startsWith('x') ? `y${value.slice(1)}` : `x${value.slice(1)}`) as T;
    default:
      throw new TypeError(`cannot alter ${String(value)}`);
  }
}
