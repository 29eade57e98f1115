import { type Mutation, mutationsOf, testsOf } from '../mutation.ts';

const past = testsOf('test/unit/state/past.test.ts');
const pruning = testsOf('test/unit/node/pruning.test.ts');
const limits = testsOf('test/unit/node/prune-limits.test.ts');
const store = testsOf('test/unit/storage/block-store.test.ts');

/** What is kept of old heights, and that a lost row of it is noticed. */
export const PAST_RULES: readonly Mutation[] = [
  ...mutationsOf('src/state/history-view.ts', [
    [
      'past: an undo row follows the one before it',
      'if (writtenAt > this.height) throw damaged(rowKey',
      'if (writtenAt < 0) throw damaged(rowKey',
      [past('never lets a wrong value out')],
    ],
    [
      'past: a leaf or a deletion is not newer than the height',
      'if (changedAt > this.height) throw',
      'if (changedAt < 0) throw',
      [past('never lets a wrong value out')],
    ],
  ]),
  ...mutationsOf('src/state/undo-rows.ts', [
    [
      'past: a checksum covers the key of its row',
      'crc32c(record, 0, end, crc32c(rowKey))',
      'crc32c(record, 0, end, rowKey.length)',
      [past('took the place of another')],
    ],
    ['past: rows sort as their keys do', 'if (byte === 0) out[at++] = 0xff;', '', [past('a time-travel query equals')]],
  ]),
  ...mutationsOf('src/state/scratch-versions.ts', [
    [
      'past: every height has its list of changed keys',
      'if (expected !== later.height + 1) throw',
      'if (expected < 0) throw',
      [past('is noticed by proofs')],
    ],
    [
      'past: a proof costs no more than its budget',
      'if (++this.leaves > leavesMax) throw',
      'if (++this.leaves < 0) throw',
      [past('are refused below the base')],
    ],
    [
      'past: no more queries wait than fit',
      'if (this.queue.size > WAITING_MAX) throw busy();',
      '',
      [past('leave no nodes behind')],
    ],
  ]),
  ...mutationsOf('src/node/prune-limits.ts', [
    [
      'past: two heights stay',
      'head - Math.max(retainBlocks, KEPT_HEIGHTS) + 1',
      'head - retainBlocks + 1',
      [limits('never the last two')],
    ],
    [
      'past: what a snapshot needs stays',
      'Math.min(wanted, neededFrom ?? wanted)',
      'wanted',
      [limits('nothing that a snapshot needs')],
    ],
    [
      'past: headers stay for evidence',
      'if (time === undefined || !isExpired(params, now, { height, time })) break;',
      'if (time === undefined) break;',
      [limits('keeps headers')],
    ],
  ]),
  ...mutationsOf('src/storage/block-pruner.ts', [
    [
      'past: the commit of the next block stays',
      'if (block !== undefined && height - 1 >= this.ranges.headerBase)',
      'if (block !== undefined && height < 0)',
      [pruning('and keeps the headers')],
    ],
  ]),
  ...mutationsOf('src/storage/block-ranges.ts', [
    [
      'past: header rows count once their batch shows',
      'this.visibleHeaderBase > this.putHeaderBase && this.shows(this.putHeaderBase)',
      'this.visibleHeaderBase > this.putHeaderBase',
      [store('takes headers of earlier heights')],
    ],
  ]),
];
