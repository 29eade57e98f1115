import { type HomePaths, readTextFile } from '#config/home.ts';
import { type Genesis, parseGenesis } from '#types/genesis.ts';
import { BizraError } from '#util/errors.ts';
import { usageError } from './errors.ts';

/** The genesis document of a home. Throws `usage` where there is none, and what `parseGenesis` throws, with its name. */
export async function readHomeGenesis({ genesisFile }: HomePaths): Promise<Genesis> {
  const text = await readTextFile(genesisFile);
  if (text === undefined) throw usageError(`${genesisFile}: there is no such file; give the node's --home`);
  try {
    return parseGenesis(text);
  } catch (error) {
    throw error instanceof BizraError ? new BizraError(error.code, `${genesisFile}: ${error.message}`) : error;
  }
}
