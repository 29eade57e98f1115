import { genesisError } from './errors.ts';

/** What JSON can say. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** A module's part of a genesis document that is written: lists of any length come entry by entry. */
export type GenesisPart = Readonly<Record<string, Json | AsyncIterable<Json>>>;

/** Readers of the genesis document's JSON. Each names the field in its error. */

export function genesisObject(value: unknown, field: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw genesisError(field, `expected an object, got ${show(value)}`);
  }
  return value as Record<string, unknown>;
}

export function genesisList(value: unknown, field: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw genesisError(field, `expected a list, got ${show(value)}`);
  return value;
}

export function genesisText(value: unknown, field: string): string {
  if (typeof value !== 'string') throw genesisError(field, `expected a string, got ${show(value)}`);
  return value;
}

export function genesisBoolean(value: unknown, field: string): boolean {
  if (typeof value !== 'boolean') throw genesisError(field, `expected true or false, got ${show(value)}`);
  return value;
}

/** An integer from `min` to `max`, as a JSON string (the SDK's way) or number. */
export function genesisNumber(value: unknown, field: string, min: number, max: number): number {
  const text = typeof value === 'number' ? String(value) : value;
  const number = typeof text === 'string' && /^(?:0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= min && number <= max)) {
    throw genesisError(field, `expected an integer from ${min} to ${max}, got ${show(value)}`);
  }
  return number;
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 80);
}
