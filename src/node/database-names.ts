/** In the data directory. */
export const DATABASE_NAME = 'chain.db';

/*
 * Siblings of the database, by what follows its name.
 */

/** Filled anew, and begun anew after a crash. */
export const UNFINISHED_SUFFIX = '.unfinished';
/** Filled from a snapshot; it survives a crash and is gone on with. */
export const SYNCING_SUFFIX = '.syncing';
/** A second one of the same files, for those who must not change it. */
export const COPY_SUFFIX = '.copy';
export const SECOND_COPY_SUFFIX = '.second-copy';

/** None of them is of use where there is a database and no command at work: a process was killed. */
export const SIBLING_SUFFIXES = [UNFINISHED_SUFFIX, SYNCING_SUFFIX, COPY_SUFFIX, SECOND_COPY_SUFFIX] as const;
