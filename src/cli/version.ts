import { readFile } from 'node:fs/promises';
import { textAt } from './json-shape.ts';

/** The package's version. `src/cli` and `dist/cli` lie equally deep under `package.json`. */
export async function readVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return textAt(JSON.parse(text), 'version');
}
