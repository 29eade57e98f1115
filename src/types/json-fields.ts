import { base64 } from '@scure/base';
import { EMPTY_BYTES, fromHex } from '#util/bytes.ts';
import { type TypesErrorCode, typesError } from './errors.ts';

/**
 * Reads fields of parsed JSON that people wrote. Every fault names the field by its path, its value and what was
 * expected. Go writes 64-bit numbers as strings and tools write them as numbers: both are read.
 */
export class JsonFields {
  private readonly value: Readonly<Record<string, unknown>>;
  private readonly path: string;
  private readonly code: TypesErrorCode;

  constructor(value: unknown, path: string, code: TypesErrorCode) {
    this.path = path;
    this.code = code;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw this.fault('', value, 'an object');
    }
    this.value = value as Record<string, unknown>;
  }

  has(name: string): boolean {
    return this.raw(name) !== undefined && this.raw(name) !== null;
  }

  raw(name: string): unknown {
    return Object.hasOwn(this.value, name) ? this.value[name] : undefined;
  }

  keys(): readonly string[] {
    return Object.keys(this.value);
  }

  object(name: string): JsonFields {
    return new JsonFields(this.raw(name), this.pathOf(name), this.code);
  }

  /** Entries of an array of objects; absent and null are none. */
  objects(name: string): JsonFields[] {
    if (!this.has(name)) return [];
    return this.array(name).map((entry, i) => new JsonFields(entry, `${this.pathOf(name)}[${i}]`, this.code));
  }

  array(name: string): readonly unknown[] {
    const value = this.raw(name);
    if (!Array.isArray(value)) throw this.fault(name, value, 'an array');
    return value;
  }

  strings(name: string): string[] {
    return this.array(name).map((entry) => {
      if (typeof entry !== 'string') throw this.fault(name, entry, 'an array of strings');
      return entry;
    });
  }

  string(name: string): string {
    const value = this.raw(name);
    if (typeof value !== 'string') throw this.fault(name, value, 'a string');
    return value;
  }

  /** A whole number, as number or decimal string. */
  integer(name: string): bigint {
    const value = this.raw(name);
    if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
    if (typeof value === 'string' && /^-?(0|[1-9]\d{0,19})$/.test(value) && value !== '-0') return BigInt(value);
    throw this.fault(name, value, 'a whole number');
  }

  /** A whole number within bounds. */
  number(name: string, min: number, max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.integer(name);
    if (value < BigInt(min) || value > BigInt(max)) throw this.fault(name, value, `a number from ${min} to ${max}`);
    return Number(value);
  }

  /** Hex; absent, null and empty are no bytes. */
  hex(name: string): Uint8Array {
    if (!this.has(name)) return EMPTY_BYTES;
    try {
      return fromHex(this.string(name));
    } catch {
      throw this.fault(name, this.raw(name), 'hex digits');
    }
  }

  base64(name: string): Uint8Array {
    try {
      return base64.decode(this.string(name));
    } catch {
      throw this.fault(name, this.raw(name), 'base64');
    }
  }

  fault(name: string, value: unknown, expected: string): Error {
    const shown = typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? 'missing');
    const clipped = shown.length > 80 ? `${shown.slice(0, 77)}...` : shown;
    return typesError(this.code, `${this.pathOf(name) || 'the document'} is ${clipped}; expected ${expected}`);
  }

  pathOf(name: string): string {
    if (name === '' || this.path === '') return this.path || name;
    return `${this.path}.${name}`;
  }
}
