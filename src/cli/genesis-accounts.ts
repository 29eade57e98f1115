import { readTextFile } from '#config/home.ts';
import { usageError } from './errors.ts';
import { type GenesisAccount, parseGenesisAccounts } from './genesis-builder.ts';

/** The accounts of a `--genesis-accounts` file; none when no file was given. Throws `usage`. */
export async function readGenesisAccounts(
  path: string | undefined,
  prefix: string,
  denom: string,
): Promise<GenesisAccount[]> {
  if (path === undefined) return [];
  const text = await readTextFile(path);
  if (text === undefined) throw usageError(`genesis accounts file ${path} does not exist`);
  return parseGenesisAccounts(path, text, prefix, denom);
}
