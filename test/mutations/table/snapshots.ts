import { type Mutation, mutationsOf, testsOf } from '../mutation.ts';

const manifest = testsOf('test/unit/state/snapshot/manifest.test.ts');
const chunk = testsOf('test/unit/state/snapshot/chunk.test.ts');
const division = testsOf('test/unit/state/snapshot/division.test.ts');
const make = testsOf('test/unit/state/snapshot/make.test.ts');
const imports = testsOf('test/unit/state/snapshot/import.test.ts');
const store = testsOf('test/unit/node/snapshot-store.test.ts');
const service = testsOf('test/unit/node/snapshots.test.ts');
const file = testsOf('test/unit/node/snapshot-file.test.ts');

export const SNAPSHOT_RULES: readonly Mutation[] = [
  ...mutationsOf('src/state/snapshot/manifest.ts', [
    ['a manifest leads to the app hash', 'equalBytes(actual, appHash)', 'true', [manifest('leads to the app hash')]],
    [
      'a manifest is of its height',
      'if (manifest.height !== height) throw',
      'if (false) throw',
      [manifest('leads to the app hash')],
    ],
    [
      'a manifest has at most 100,000 chunks',
      'if (chunksLeft-- === 0)',
      'if (chunksLeft-- === -1)',
      [manifest('statesync-state-complete')],
    ],
    ['no tree is deeper than 256', 'depth === DEPTH_MAX', 'depth > DEPTH_MAX', [manifest('deeper than 256')]],
    [
      'stores are sorted and there once',
      'name <= (stores[i - 1]',
      'name < (stores[i - 1]',
      [manifest('unsorted and unprintable names')],
    ],
    ['nothing follows a manifest', '  reader.end();\n', '', [manifest('any missing and any added')]],
  ]),
  ...mutationsOf('src/state/snapshot/strict-reader.ts', [
    ['numbers have one form', 'if (byte === 0 && scale > 1)', 'if (false)', [manifest('in a longer form')]],
    ['numbers are bounded', 'if (value > max)', 'if (false)', [chunk('is refused with a longer key')]],
  ]),
  ...mutationsOf('src/state/snapshot/chunk.ts', [
    [
      'a chunk holds the leaves of its subtree',
      'if (!equalBytes(fold.finish(), hash))',
      'if (fold.finish() === hash)',
      [chunk('under its own hash and no other'), chunk('any byte changed'), imports('of a chunk that is not the one')],
    ],
    [
      'chunks are as light as chunks are',
      'if (count > 1 && weight',
      'if (false && weight',
      [chunk('heavier than chunks')],
    ],
    ['nothing follows a chunk', '  reader.end();\n', '', [chunk('any missing and any added')]],
  ]),
  ...mutationsOf('src/state/snapshot/subtree-fold.ts', [
    [
      'leaves come in order',
      'split === HASH_BITS || bitAt(keyHash, 0, split) === 0',
      'split === HASH_BITS',
      [division('out of order')],
    ],
  ]),
  ...mutationsOf('src/state/snapshot/division.ts', [
    [
      'no more than a chunk waits',
      'if (this.waitingWeight > this.weightMax) this.cutAhead();',
      '',
      [division('lets go of leaves')],
    ],
    [
      'chunks are as large as they can be',
      'if (weight <= this.weightMax)',
      'if (weight < 0)',
      [division('largest subtrees')],
    ],
  ]),
  ...mutationsOf('src/state/snapshot/pinned-state.ts', [
    [
      'values are those of the tree',
      '!nodes.hashEquals(leaves[i] as number, leafHash, 0)',
      'false',
      [make('is not made of damaged values')],
    ],
  ]),
  ...mutationsOf('src/state/snapshot/import.ts', [
    ['the sentinel is in no database', 'if (!isSentinel(key)) batch', 'batch', [imports('gives the state')]],
    [
      'a chunk and its mark are durable',
      '    await batch.write({ sync: true });\n    this.done.add(index);',
      '    await batch.write({ sync: false });\n    this.done.add(index);',
      [imports('goes on after a crash')],
    ],
    [
      'an import begins in an empty database',
      'for await (const _ of kv.iterate({ limit: 1 }))',
      'for await (const _ of kv.iterate({ limit: 0 }))',
      [imports('refuses a database that holds something')],
    ],
    [
      'marks end with the import',
      '    for (const { index } of this.chunks) batch.delete(markKey(index));\n',
      '',
      [imports('gives the state')],
    ],
  ]),
  ...mutationsOf('src/node/snapshot-store.ts', [
    [
      'what failed is removed',
      '      await this.tidy(unfinished);\n      // Renamed',
      '      // Renamed',
      [store('leaves nothing, and the error reaches')],
    ],
    [
      'damage is found on each read',
      'return checkedValue(await this.readFile(path), fromLatin1(path), what);',
      'return this.readFile(path);',
      [store('any byte changed')],
    ],
    [
      'the chain keeps its part of the disk',
      'free >= DISK_RESERVE_BYTES',
      'free >= 0',
      [store('its part of the disk')],
    ],
  ]),
  ...mutationsOf('src/node/snapshots.ts', [
    ['the recent ones stay', 'own.slice(keepRecent)', 'own.slice(keepRecent - 1)', [service('the recent ones stay')]],
    [
      'a chain that is never idle gets its snapshot',
      'const timer = this.components.clock.setTimer(WAIT_MS, over.resolve);',
      'const timer = this.components.clock.setTimer(WAIT_MS, () => {});',
      [service('while the chain is never idle')],
    ],
  ]),
  ...mutationsOf('src/node/snapshot-file.ts', [
    ['each section of a file is checked', '!== checksumOf(head, bytes)', '=== -1', [file('any byte changed')]],
    [
      'nothing follows the end of a file',
      'if (this.offset !== this.size) throw',
      'if (false) throw',
      [file('any added')],
    ],
  ]),
];
