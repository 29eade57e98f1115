import { type Mutation, mutationsOf, testsOf } from '../mutation.ts';

const past = testsOf('test/unit/state/past.test.ts');
const pruning = testsOf('test/unit/node/pruning.test.ts');
const limits = testsOf('test/unit/node/prune-limits.test.ts');
const pace = testsOf('test/unit/node/prune-pace.test.ts');
const scrub = testsOf('test/unit/storage/level-files/scrub.test.ts');
const indexer = testsOf('test/unit/indexer/indexer.test.ts');
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
      'past: the commit of a block that is deleted stays',
      'if (block !== undefined && height - 1 >= this.ranges.headerBase && block',
      'if (block !== undefined && height < 0 && block',
      [pruning('and keeps the headers')],
    ],
  ]),
  ...mutationsOf('src/storage/block-store.ts', [
    [
      'past: the commit of the next block stays',
      'if (block.lastCommit.signatures.length > 0) putCommit(batch, block.lastCommit);',
      '',
      [pruning('becomes the one that the next block carries')],
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
  ...mutationsOf('src/node/prune-pace.ts', [
    [
      'pruner: only its own slices count',
      'this.sliceStartMs = this.components.clock.monotonicMs();',
      '',
      [pace('counts its own work'), pace('takes its least share')],
    ],
    [
      'pruner: its share is bounded',
      'Math.min(1, Math.max(0, behind))',
      'Math.max(0, behind)',
      [pace('up to its bound')],
    ],
    [
      'pruner: time is not saved up',
      'Math.min(this.sliceMs, this.creditMs',
      'Math.min(1e9, this.creditMs',
      [pace('after a long rest')],
    ],
    ['pruner: rows are counted', 'this.creditRows -= rows;', '', [pace('counts rows')]],
  ]),
  ...mutationsOf('src/indexer/indexer.ts', [
    [
      "pruner: a failure's row may be that of another height",
      'if (this.isOfHeight(hash, height)) void deletes',
      'void deletes',
      [indexer('only when it is its own')],
    ],
    [
      "pruner: a failure's row is looked at and deleted while no block is written",
      'await deletes.whenQuiet();',
      '',
      [indexer('is not deleted when its bytes succeeded meanwhile')],
    ],
  ]),
  ...mutationsOf('src/storage/level-files/scrub.ts', [
    [
      'held tables: merged ones come before each step of a live one',
      'await this.verifyMerged();\n      next = this',
      'next = this',
      [scrub('before the next step')],
    ],
    [
      'held tables: compactions wait behind the bound',
      'this.guard.heldBytes(this.damaged) > HELD_BYTES_MAX',
      'this.guard.heldBytes(this.damaged) < 0',
      [scrub('lets compactions wait')],
    ],
  ]),
];
