import { homePaths, readTextFile } from '#config/home.ts';
import { usageError } from './errors.ts';
import { DEFAULT_PREFIX } from './genesis-builder.ts';
import { at } from './json-shape.ts';

/** The prefix of addresses: as given, or the genesis file's in this home, or the default when there is none. */
export async function chainPrefix(home: string, given: string | undefined): Promise<string> {
  if (given !== undefined) return given;
  const path = homePaths(home).genesisFile;
  const text = await readTextFile(path);
  if (text === undefined) return DEFAULT_PREFIX;
  try {
    const prefix = at(JSON.parse(text), 'app_state.chain.bech32_prefix');
    if (typeof prefix === 'string') return prefix;
  } catch {
    throw usageError(`${path}: not a JSON file; restore it, or give --prefix`);
  }
  return DEFAULT_PREFIX;
}
