/** One change of one file of `src`. */
export interface SourceChange {
  /** From the root of the project. */
  readonly file: string;
  /** Text that is there exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** Where a child process finds its mutation, as JSON. */
export const MUTATION_VARIABLE = 'BIZRA_MUTATION';

/** How often the text to be replaced is there: anything but once means that the table has to follow the code. */
export function countMatches(source: string, find: string): number {
  return source.split(find).length - 1;
}

export function applyMutation(source: string, { file, find, replace }: SourceChange): string {
  const matches = countMatches(source, find);
  if (matches !== 1) throw new Error(`${file}: expected one match, found ${matches}, of:\n${find}`);
  // A function, so that `$` in the replacement stands for itself.
  return source.replace(find, () => replace);
}
