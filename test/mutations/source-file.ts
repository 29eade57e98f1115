import { readFileSync } from 'node:fs';
import type { Mutation } from './mutation.ts';
import { countMatches } from './source-change.ts';

/** Text of a file, from the root of the project. */
export function readSource(file: string): string {
  return readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
}

/** The code went on and the table did not: its text is not there exactly once. */
export function isStale({ file, find }: Mutation): boolean {
  return countMatches(readSource(file), find) !== 1;
}
