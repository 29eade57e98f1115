import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { judge, unfitTests } from './judge.ts';
import { isStale, readSource } from './source-file.ts';
import { MUTATIONS } from './table.ts';

/** Lines of arXiv 1807.04938 that say what happens; those between them only say `else`, `do` and the like. */
const PAPER_LINES = [
  14, 15, 19, 21, 22, 23, 28, 29, 34, 36, 37, 38, 39, 42, 44, 47, 49, 50, 55, 57, 58, 61, 62, 65, 66,
];
/** First lines of the paper's clauses and functions: each stands in the code where it acts. */
const PAPER_CLAUSES = [1, 11, 14, 20, 22, 28, 34, 36, 42, 44, 47, 49, 52, 55, 57, 61, 65];
/** `npm run mutations` takes all rules out; here a few from all parts of the table show that this works. */
const SAMPLE_EVERY = 30;

describe('rule mutations', () => {
  const folder = new URL('../../src/consensus/', import.meta.url);
  const source = readdirSync(folder)
    .map((file) => readSource(`src/consensus/${file}`))
    .join('\n');

  it('every text to replace is there exactly once', () => {
    assert.deepEqual(
      MUTATIONS.filter(isStale).map(({ file, rule }) => `${file}: ${rule}`),
      [],
    );
  });

  it("each clause of the paper is named in the code, and each line's rule is taken out once", () => {
    for (const line of PAPER_CLAUSES) assert.match(source, new RegExp(`\\bL${line}\\b`), `L${line} in src/consensus`);
    for (const line of PAPER_LINES)
      assert.ok(
        MUTATIONS.some(({ rule }) => new RegExp(`^[^:]*\\bL${line}\\b`).test(rule)),
        `a mutation of L${line}`,
      );
  });

  it('each scenario turns red when some rule is taken out', () => {
    const stories = readdirSync(new URL('../scenarios/', import.meta.url)).filter((file) => file.endsWith('.txt'));
    const named = new Set(MUTATIONS.flatMap(({ tests }) => tests.map(({ title }) => title)));
    const idle = stories.filter((file) => !named.has(file.replace('.txt', '').replaceAll('-', ' ')));
    assert.deepEqual(idle, []);
  });

  it('each says what it takes out, and which tests notice', () => {
    assert.ok(MUTATIONS.length > 150);
    const names = MUTATIONS.map(({ file, rule }) => `${file}: ${rule}`);
    assert.deepEqual([...new Set(names)], names);
    for (const { rule, tests, find, replace } of MUTATIONS) {
      assert.ok(tests.length > 0, rule);
      assert.notEqual(find, replace, rule);
    }
  });

  const sample = MUTATIONS.filter((_, index) => index % SAMPLE_EVERY === 0);

  it('the tests of the sample pass while the source is whole', async () => {
    assert.deepEqual(await unfitTests(sample), []);
  }).timeout(60_000);

  for (const mutation of sample)
    it(`noticed: ${mutation.rule}`, async () => {
      const { problem } = await judge(mutation);
      assert.equal(problem, undefined);
    }).timeout(90_000);
});
