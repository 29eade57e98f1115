import { type Mutation, mutationsOf, testsOf } from '../mutation.ts';

const rolledBack = testsOf('test/unit/node/rollback.test.ts');
const indexed = testsOf('test/unit/indexer/indexer.test.ts');
const command = testsOf('test/unit/cli/rollback.test.ts');

const EXACT = rolledBack('leaves at each height exactly what was there when it was the head, and the blocks above it');
const AGAIN = rolledBack('rollback-and-reset: the blocks apply again to the same state, any number of times');
const LOST_UNDO = rolledBack('notices an undo row that is lost or wrong, and goes no further');
const REFUSED = rolledBack('refuses heights that are not kept, and databases without a chain');

/** What a rollback undoes, and what the next start does with the blocks that it keeps. */
export const ROLLBACK_RULES: readonly Mutation[] = [
  ...mutationsOf('src/state/rewind.ts', [
    [
      'each height goes back to the root of its header',
      'if (!equalBytes(version.appHash, appHash))',
      'if (false)',
      [LOST_UNDO],
    ],
    ['undo rows go with their height', 'batch.delete(rowKey);', '', [EXACT]],
  ]),
  ...mutationsOf('src/storage/kept-blocks.ts', [
    ['validators that a height left go with it', 'rowKey(ROW.validators, height + 1),', '', [EXACT]],
  ]),
  ...mutationsOf('src/node/rollback.ts', [
    ['index rows go with their height', 'await this.removeIndexRows(batch, height, block);', '', [EXACT]],
    [
      'evidence is as if it had not been used',
      'for (const evidence of block.evidence) deleteCommitted(batch, evidence);',
      '',
      [EXACT],
    ],
    ['nothing below what is kept is undone', 'if (to >= lowest) return;', 'return;', [REFUSED]],
  ]),
  ...mutationsOf('src/node/stored-blocks.ts', [
    [
      'stored blocks come before all else',
      'if (last === chainState.height) return chainState;',
      'return chainState;',
      [AGAIN],
    ],
  ]),
  ...mutationsOf('src/indexer/indexer.ts', [
    [
      'undoing a success brings back the failure before it',
      'if (replaced === undefined || replaced.height < this.reader.base())',
      'if (true)',
      [indexed('brings back what a success had replaced, and writes the same rows when it comes again')],
    ],
  ]),
  ...mutationsOf('src/node/replay.ts', [
    [
      'a replay compares results',
      'if (equalBytes(encoded(before, tx), encoded(now, tx))) continue;',
      'continue;',
      [command('names the first height that comes out otherwise')],
    ],
  ]),
];
