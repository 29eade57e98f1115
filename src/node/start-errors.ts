import { BizraError } from '#util/errors.ts';

/** Records whose checksums are right and that no version of this program wrote: somebody else's file. */
export function namedWalError(error: unknown, path: string): unknown {
  if (!(error instanceof BizraError) || error.code !== 'damaged_wal') return error;
  const advice = 'move it away and start again: nothing is then signed at the height that the signing record names';
  return new BizraError('damaged_wal', `${path}: ${error.message}; ${advice}`, { cause: error });
}

/** The same fault with the file's name in front. */
export function namedError(error: unknown, path: string, code: string): unknown {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
    return new BizraError('config_invalid', `${path}: there is no such file; make a home with: bizra-node init`);
  }
  return error instanceof BizraError ? new BizraError(code, `${path}: ${error.message}`, { cause: error }) : error;
}

/** What only the ledger or the database finds wrong with a genesis document. */
export function namedGenesisError(error: unknown, path: string): unknown {
  const isOfGenesis = error instanceof BizraError && (error.code === 'genesis' || error.code === 'wrong_genesis');
  return isOfGenesis ? namedError(error, path, 'genesis_invalid') : error;
}
