/** What the user can do about the errors that are not the program's. */
const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: free some space, then start again',
  EDQUOT: 'the disk quota is used up: free some space, then start again',
  EIO: 'the disk reported an error: check it before starting again',
  EACCES: 'permission denied: the files must belong to the user that runs the node',
  EPERM: 'permission denied: the files must belong to the user that runs the node',
  EROFS: 'the file system is read-only: check the disk, then mount it writable',
  EMFILE: 'too many open files: raise the limit (ulimit -n)',
};

/** LevelDB passes on the system's words and not its code. */
const WORDS: readonly (readonly [words: string, code: string])[] = [
  ['No space left on device', 'ENOSPC'],
  ['Disk quota exceeded', 'EDQUOT'],
  ['Input/output error', 'EIO'],
  ['Permission denied', 'EACCES'],
  ['Read-only file system', 'EROFS'],
  ['Too many open files', 'EMFILE'],
];

/** One clause for the user about an error of the file system, by its code or words; undefined for others. */
export function ioAdvice(code: string | undefined, message: string): string | undefined {
  const known = code ?? '';
  return ADVICE[known] ?? ADVICE[WORDS.find(([words]) => message.includes(words))?.[1] ?? ''];
}
