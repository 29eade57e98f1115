import { BizraError } from '#util/errors.ts';

/** `config_invalid`: a file, variable or flag that a person must correct; the command line exits with 2. */
export const CONFIG_ERROR_CODES = ['config_invalid', 'home_invalid'] as const;
export type ConfigErrorCode = (typeof CONFIG_ERROR_CODES)[number];

/** `where` is the file, variable or flag; `remedy` starts with a verb. */
export function configError(where: string, fault: string, remedy: string): BizraError<ConfigErrorCode> {
  return new BizraError('config_invalid', `${where}: ${fault}; ${remedy}`);
}

export function homeError(path: string, fault: string, remedy: string): BizraError<ConfigErrorCode> {
  return new BizraError('home_invalid', `${path}: ${fault}; ${remedy}`);
}
