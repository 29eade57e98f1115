import { fromHex } from '#util/bytes.ts';
import { describe, shorten } from './describe.ts';

/**
 * Kinds of parameters, named after what CometBFT's clients send: 64-bit integers are JSON strings, `bytes` base64,
 * `hexBytes` hex. In a URI, integers may be plain, strings stand in double quotes, bytes are 0x-hex or a quoted string.
 */
export type ParamKind = 'int' | 'bool' | 'string' | 'bytes' | 'hexBytes' | 'json';

export interface ParamSpec {
  readonly name: string;
  readonly kind: ParamKind;
}

/** undefined: not given. */
export type ParamValue = number | boolean | string | Uint8Array | object | undefined;

/** Raised with CometBFT's wording; the caller puts its transport's prefix in front. */
export class ParamError extends Error {
  override readonly name = 'ParamError';
}

/** Values in the order of `specs`, from the `params` of a JSON request (object, positional array, null or absent). */
export function paramsFromJson(specs: readonly ParamSpec[], params: unknown): ParamValue[] {
  if (params === undefined || params === null) return new Array<ParamValue>(specs.length).fill(undefined);
  if (Array.isArray(params)) {
    if (params.length !== specs.length) throw countError(specs, params);
    return specs.map((spec, i) => fromJsonValue(spec.kind, params[i]));
  }
  if (typeof params !== 'object') {
    throw new ParamError(`unknown type for JSON params: ${describe(params)}. Expected map or array`);
  }
  return specs.map(({ name, kind }) =>
    Object.hasOwn(params, name) ? fromJsonValue(kind, (params as Record<string, unknown>)[name]) : undefined,
  );
}

/** Clients know this text, which shows each value as the numbers of its JSON bytes. */
function countError(specs: readonly ParamSpec[], params: readonly unknown[]): ParamError {
  const names = specs.map((spec) => spec.name).join(' ');
  const shown = params.slice(0, 8).map((value) => `[${new TextEncoder().encode(describe(value)).join(' ')}]`);
  return new ParamError(
    `expected ${specs.length} parameters ([${names}]), got ${params.length} ([${shown.join(' ')}])`,
  );
}

function fromJsonValue(kind: ParamKind, value: unknown): ParamValue {
  if (value === null || value === undefined) return undefined;
  switch (kind) {
    case 'int':
      return typeof value === 'string' ? parseInteger(value) : failInteger(value);
    case 'bool':
      return typeof value === 'boolean' ? value : failType(value, 'bool');
    case 'string':
      return typeof value === 'string' ? value : failType(value, 'string');
    case 'bytes':
      return typeof value === 'string' ? parseBase64(value) : failType(value, '[]uint8');
    case 'hexBytes':
      return typeof value === 'string' ? parseHex(value) : failType(value, 'string');
    case 'json':
      return typeof value === 'object' ? value : failType(value, 'json.interfaceWrapper');
  }
}

/** Values in the order of `specs`, from a URI's query. Unknown arguments are ignored. */
export function paramsFromUri(specs: readonly ParamSpec[], query: URLSearchParams): ParamValue[] {
  return specs.map(({ name, kind }) => {
    const text = query.get(name);
    return text === null || text === '' ? undefined : fromUriText(kind, text);
  });
}

function fromUriText(kind: ParamKind, text: string): ParamValue {
  const takesBytes = kind === 'bytes' || kind === 'hexBytes';
  if (kind === 'int' && /^-?[0-9]+$/.test(text)) return parseInteger(text);
  if (/^0x/i.test(text)) {
    if (takesBytes) return parseHex(text.slice(2));
    if (kind === 'string') return new TextDecoder().decode(parseHex(text.slice(2)));
    throw new ParamError(`got a hex string arg, but expected '${kind === 'int' ? 'int64' : kind}'`);
  }
  const value = parseJson(kind, text);
  // Bytes in quotes are the text's own bytes, not base64.
  if (takesBytes && typeof value === 'string') return new TextEncoder().encode(value);
  return fromJsonValue(kind, value);
}

function parseJson(kind: ParamKind, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    if (kind === 'int')
      throw new ParamError(`invalid 64-bit integer encoding ${JSON.stringify(shorten(text))}, expected string`);
    throw new ParamError(`invalid character ${JSON.stringify(text[0])} looking for beginning of value`);
  }
}

function parseInteger(text: string): number {
  if (!/^-?(0|[1-9][0-9]*)$/.test(text)) {
    throw new ParamError(
      text === '' ? 'unexpected end of JSON input' : `${JSON.stringify(shorten(text))} is not an integer`,
    );
  }
  const value = Number(text);
  // Heights, pages and counts never come near 2^53.
  if (!Number.isSafeInteger(value))
    throw new ParamError(`json: cannot unmarshal number ${shorten(text)} into Go value of type int64`);
  return value === 0 ? 0 : value;
}

function parseBase64(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  // Buffer skips what is not base64, which the length shows, and takes the URL alphabet for the plain one.
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const urlSafe = text.includes('-') || text.includes('_');
  if (urlSafe || text.length % 4 !== 0 || (text.length / 4) * 3 - padding !== bytes.length) throw base64Error(text);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

function base64Error(text: string): ParamError {
  const bad = text.search(/[^A-Za-z0-9+/]/);
  return new ParamError(`illegal base64 data at input byte ${bad < 0 ? text.length : bad}`);
}

function parseHex(text: string): Uint8Array {
  const bad = text.search(/[^0-9a-fA-F]/);
  if (bad >= 0) {
    const character = text[bad] as string;
    const point = character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    throw new ParamError(`encoding/hex: invalid byte: U+${point} '${character}'`);
  }
  if (text.length % 2 !== 0) throw new ParamError('encoding/hex: odd length hex string');
  return fromHex(text);
}

function failInteger(value: unknown): never {
  throw new ParamError(`invalid 64-bit integer encoding ${JSON.stringify(describe(value))}, expected string`);
}

/** Go's wording, which clients show to people as it stands. */
function failType(value: unknown, wanted: string): never {
  const kind = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  throw new ParamError(`json: cannot unmarshal ${kind} into Go value of type ${wanted}`);
}
