import { type Mutation, mutationsOf, testsOf } from '../mutation.ts';

const file = testsOf('test/unit/storage/backup/backup-file.test.ts');
const database = testsOf('test/unit/node/backup.test.ts');
const command = testsOf('test/unit/cli/backup.test.ts');
const past = testsOf('test/unit/node/key-guarding.test.ts');
const guard = testsOf('test/unit/engine/key-guard.test.ts');

const EVERY_BYTE = file('name the section of every single byte that is wrong');
const OTHER_ORDER = file('are refused with a section left out, twice, or elsewhere');

/** What a backup holds and refuses to be, and what a restored key waits for. */
export const BACKUP_RULES: readonly Mutation[] = [
  ...mutationsOf('src/storage/backup/reader.ts', [
    ['a section is what was stored', 'if (crc32c(stored) !== header.storedCrc)', 'if (false)', [EVERY_BYTE]],
    ['nothing follows the trailer', 'if (this.at < this.size)', 'if (false)', [OTHER_ORDER]],
  ]),
  ...mutationsOf('src/storage/backup/format.ts', [
    ['a section stands in its place', 'if (view.getUint32(0) !== number)', 'if (false)', [OTHER_ORDER]],
    [
      'a header claims no more than a section may hold',
      'if (Math.max(plainLength, storedLength) > SECTION_BYTES_MAX)',
      'if (false)',
      [file('take no memory for what a header claims')],
    ],
  ]),
  ...mutationsOf('src/node/backup.ts', [
    ['a backup is not made of damage', 'checkRow(key, value);', '', [database('is not made of a row that is damaged')]],
    [
      'a backup is of one height',
      'source.kv.snapshot()',
      'Object.assign(Object.create(source.kv), { release: async () => {} })',
      [database('is of one height')],
    ],
  ]),
  ...mutationsOf('src/node/restore.ts', [
    [
      'the genesis is the chain`s',
      'if (header.genesis_hash === toHex(hash)) return;',
      'return;',
      [command('refuses one of another chain, or of the same name with another genesis')],
    ],
  ]),
  ...mutationsOf('src/node/key-guarding.ts', [
    [
      'a recovered key does not count heights of the past',
      'lastBlockTime < startedAt ? height : undefined',
      'undefined',
      [past('are those of blocks that are older than the process')],
    ],
  ]),
  ...mutationsOf('src/engine/key-guard.ts', [
    [
      'a recovery is asked for once',
      'const isKnown = !recordMissing && !signer.isQuiet;',
      'const isKnown = !recordMissing;',
      [guard('needs to be told once')],
    ],
  ]),
];
