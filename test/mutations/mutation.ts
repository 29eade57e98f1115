import type { SourceChange } from './source-change.ts';

/** A test by its file and by a text that its full title holds. */
export interface NamedTest {
  readonly file: string;
  readonly title: string;
}

/** A rule taken out of the source, and the tests that must fail then: each of them. */
export interface Mutation extends SourceChange {
  readonly rule: string;
  readonly tests: readonly NamedTest[];
}

/** Names tests of one file. */
export function testsOf(file: string): (title: string) => NamedTest {
  return (title) => ({ file, title });
}

/** A row of a table: rule, text that is there once, what replaces it, tests that must fail. */
export type Row = readonly [rule: string, find: string, replace: string, tests: readonly NamedTest[]];

export function mutationsOf(file: string, rows: readonly Row[]): Mutation[] {
  return rows.map(([rule, find, replace, tests]) => ({ file, rule, find, replace, tests }));
}

/** The paper's clauses fill two files. */
export const rules = testsOf('test/unit/consensus/rules*.test.ts');
export const heights = testsOf('test/unit/consensus/heights.test.ts');
export const bounds = testsOf('test/unit/consensus/input-bounds.test.ts');
export const times = testsOf('test/unit/consensus/time.test.ts');
export const voteKeeper = testsOf('test/unit/consensus/vote-keeper.test.ts');
export const voteSet = testsOf('test/unit/consensus/vote-set.test.ts');
export const story = testsOf('test/scenarios/scenarios.test.ts');
export const commits = testsOf('test/unit/types/commit.test.ts');
export const validatorSets = testsOf('test/unit/types/validator-set.test.ts');
