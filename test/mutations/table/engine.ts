import { type Mutation, mutationsOf, type Row, testsOf } from '../mutation.ts';

const valid = testsOf('test/unit/engine/block-validation.test.ts');
const altered = testsOf('test/unit/engine/altered-last-commit.test.ts');
const order = testsOf('test/unit/engine/order.test.ts');

/** A check of `valid(v)` that is one statement. */
function taken(rule: string, statement: string, title: string): Row {
  return [`valid(v): ${rule}`, statement, '', [valid(title)]];
}

/** What makes a block valid, and what must be durable or known before a signature. */
export const ENGINE_RULES: readonly Mutation[] = [
  ...mutationsOf('src/engine/block-validation.ts', [
    taken('basics', 'checkBlockBasics(block, body.txHashes);', 'evidenceHash: does not fit the contents'),
    [
      'valid(v): app version',
      'header.version.app !== state.params.version.app) {',
      'false) {',
      [valid('version of the app: wrong_version')],
    ],
    [
      'valid(v): chain id',
      'if (header.chainId !== state.chainId) refuse(',
      'if (header.chainId.length === 0) refuse(',
      [valid('chain id: wrong_chain_id')],
    ],
    taken(
      'last block id',
      "if (!equalBlockIds(header.lastBlockId, state.lastBlockId))\n    refuse('wrong_last_block_id', 'block builds on another block');",
      'a block on top of another block',
    ),
    taken(
      'app hash',
      "requireEqual('wrong_app_hash', 'app hash', header.appHash, state.appHash);",
      'app hash: wrong_app_hash',
    ),
    taken(
      'results hash',
      "requireEqual('wrong_last_results_hash', 'last results hash', header.lastResultsHash, state.lastResultsHash);",
      'last results hash: wrong_last_results_hash',
    ),
    taken(
      'validators hash',
      "requireEqual('wrong_validators_hash', 'validators hash', header.validatorsHash, state.validators.hash());",
      'validators hash: wrong_validators_hash',
    ),
    taken(
      'proposer',
      "if (state.validators.indexOf(header.proposerAddress) < 0) refuse('wrong_proposer', 'proposer is not a validator');",
      'proposer: wrong_proposer',
    ),
    taken('transactions', 'checkTransactions(state, block, gasWanted);', 'transactions: canonical bytes'),
    [
      'valid(v): the last commit',
      'await verifyLastCommit(verifier, state, block, verify);',
      '',
      [valid('last commit: every signature counts'), altered('commit-sig-address-bound, commit-foreign-signatures')],
    ],
    [
      'valid(v): block time',
      'if (header.time !== expectedBlockTime(state, block))',
      'if (header.time < expectedBlockTime(state, block))',
      [valid('time: wrong_time'), altered('median-time-rule')],
    ],
  ]),
  ...mutationsOf('src/engine/signing.ts', [
    [
      'nothing is signed before its past is durable',
      'if (log.isDirty) await log.sync();',
      '',
      [order('wal-own-messages: the log is synced before each signature')],
    ],
    [
      'muted: nothing is signed',
      'if (signer === undefined || height <= mutedHeight)',
      'if (signer === undefined)',
      [order('damage in the middle of the log mutes')],
    ],
  ]),
  ...mutationsOf('src/engine/engine-log.ts', [
    [
      'muted: over restarts',
      'await wal.append(encodeMuteRecord(this.mutedHeight));',
      '',
      [order('a key that is ahead of the log signs nothing')],
    ],
  ]),
];
