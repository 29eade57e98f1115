import { type Mutation, mutationsOf, testsOf } from '../mutation.ts';

const copy = testsOf('test/unit/state/tree-copy.test.ts');
const tree = testsOf('test/unit/state/tree.test.ts');
const state = testsOf('test/unit/state/state.test.ts');
const saved = testsOf('test/unit/node/saved-tree.test.ts');

export const SAVED_TREE_RULES: readonly Mutation[] = [
  ...mutationsOf('src/state/tree-copy/format.ts', [
    [
      'each section has its checksum',
      'getUint32(end) !== crc32c(rest, 0, end, this.number)',
      'getUint32(end) === -1',
      [copy('one bit of it is another')],
    ],
    [
      'sections have their places',
      'crc32c(rest, 0, end, this.number)',
      'crc32c(rest, 0, end, 0)',
      [copy('after any blocks')],
    ],
  ]),
  ...mutationsOf('src/state/tree-copy/read.ts', [
    [
      'leaves give the root',
      'if (!isSame || !equalBytes(version.appHash, header.appHash))',
      'if (isSame && header.height < 0)',
      [copy('put together from two')],
    ],
    ['nothing follows the end', '|| (await reader.next()) !== undefined', '', [copy('one bit of it is another')]],
  ]),
  ...mutationsOf('src/state/tree-copy/forward.ts', [
    [
      'the lists reach back to the copy',
      'if (row === undefined) throw new UnusableCopy(',
      'if (row === undefined) continue; else if (height < 0) throw new UnusableCopy(',
      [copy('are pruned')],
    ],
    [
      'the lists go on from the copy',
      'if (height === old.height + 1 && !equalBytes(appHashBefore, old.appHash))',
      'if (height === -1 && !equalBytes(appHashBefore, old.appHash))',
      [copy('others stand in their place')],
    ],
    [
      'a rebuild that is cheaper is done',
      'if (count * COST_OF_CHANGE > trie.keys.size + GROUP)',
      'if (count < 0)',
      [copy('more than a rebuild costs')],
    ],
  ]),
  ...mutationsOf('src/state/open-tree.ts', [
    [
      'the copy leads to the root of the head',
      '  checkRoots(version, head);\n',
      '',
      [copy('in a leaf that changed since')],
    ],
    ['the copy is not ahead', 'if (saved.height > head.height)', 'if (saved.height < 0)', [copy('of a later height')]],
    ['the copy has the same stores', 'if (!isSameList)', 'if (isSameList === undefined)', [copy('of other stores')]],
  ]),
  ...mutationsOf('src/state/tree-copy/verify.ts', [
    [
      'each stored leaf is the one in the tree',
      '|| !trie.nodes.hashEquals(leaf, leafHashes, i * HASH_BYTES)',
      '',
      [copy('does not hide damage')],
    ],
    ['no stored leaf is missing', 'if (count === expected)', 'if (count <= expected)', [copy('does not hide damage')]],
  ]),
  ...mutationsOf('src/state/node-pool.ts', [
    ['nodes have numbers', 'if (pair >= this.pairsMax) throw', 'if (pair < 0) throw', [tree('that it cannot number')]],
    [
      'what two nodes lead to is counted twice',
      'else this.addReference(link);',
      'else this.addReference(0);',
      [tree('with the last that leads to them')],
    ],
    [
      'a copied leaf names its key',
      'this.retainKey(link);',
      'this.retainKey(0);',
      [tree('with the last that leads to them')],
    ],
  ]),
  ...mutationsOf('src/state/tree-update.ts', [
    [
      'a key that leaves the tree early gets its node there',
      'Math.min(this.trie.nodes.bit(node), splits[first] as number, splits[last] as number)',
      'Math.min(this.trie.nodes.bit(node), splits[first] as number)',
      [state('equals a plain map')],
    ],
    [
      'the tree stays on its side of such a node',
      'isLeftNew === (side === 1) ? node',
      'isLeftNew === (side === 0) ? node',
      [state('equals a plain map')],
    ],
    [
      "an only child takes its parent's place, and is hashed there",
      'this.fresh.moved(hasLeft ? last : this.fresh.count - 1, child, out);',
      '',
      [state('equals a plain map')],
    ],
    [
      'pairs that nobody leads to are freed',
      'this.trie.nodes.collect((to - from) * FREED_PER_CHANGE);',
      '',
      [state('as much is freed as is made')],
    ],
  ]),
  ...mutationsOf('src/state/stage.ts', [
    [
      'what is freed meanwhile does not make a version smaller',
      'trie.nodes.made - before',
      '0',
      [state('as much is freed as is made')],
    ],
  ]),
  ...mutationsOf('src/state/trie.ts', [
    [
      'walks go together as far as all hashes do',
      'bit < split; bit = nodes.bit(node)',
      'bit <= split; bit = nodes.bit(node)',
      [tree('whichever are absent')],
    ],
  ]),
  ...mutationsOf('src/state/key-arena.ts', [
    [
      'keys have numbers',
      'if (this.slabs.length === this.slabsMax) throw',
      'if (this.slabs.length < 0) throw',
      [tree('no number')],
    ],
  ]),
  ...mutationsOf('src/node/saved-tree.ts', [
    ['leaves are verified beside a copy', 'this.run(() => this.verify());', '', [saved('ends the node')]],
    ['nothing is saved after a fault', 'if (!save || !this.isWorthSaving()) return;', '', [saved('after a fault')]],
    [
      'the background ends with the node',
      'if (this.stopping) throw new Stopped();',
      '',
      [saved('when the node stops')],
    ],
  ]),
];
