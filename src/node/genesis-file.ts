import { readFile } from 'node:fs/promises';
import { type Genesis, parseGenesis } from '#types/genesis.ts';
import { namedError } from './start-errors.ts';

/** Throws BizraError 'genesis_invalid', and 'config_invalid' where there is none; both name the file. */
export async function readGenesis(path: string): Promise<Genesis> {
  try {
    return parseGenesis(await readFile(path, 'utf8'));
  } catch (error) {
    throw namedError(error, path, 'genesis_invalid');
  }
}
