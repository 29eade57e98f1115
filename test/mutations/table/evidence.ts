import { type Mutation, mutationsOf, testsOf } from '../mutation.ts';

const verify = testsOf('test/unit/evidence/verify-evidence.test.ts');
const unsigned = testsOf('test/unit/evidence/unsigned-fields.test.ts');

const KEY_SWAP = [verify('lca-byzantine-key-swap')];
const EVERY_FIELD = [verify('every other field of a double vote counts, too')];

export const EVIDENCE_RULES: readonly Mutation[] = [
  ...mutationsOf('src/evidence/verify-evidence.ts', [
    [
      'evidence-once-and-in-time: early is nobody at fault',
      'if (height > history.height) {',
      'if (height > history.height + 1_000) {',
      [verify('evidence-once-and-in-time')],
    ],
    [
      'evidence-time-source',
      'evidence.timestamp === header.time,',
      'evidence.timestamp > 0n,',
      [verify('evidence-time-source')],
    ],
    [
      'expired evidence is refused',
      'if (isExpired(history.params, history, { height, time: header.time })) {',
      'if (false) {',
      [verify('expires when it is too old in blocks and in time')],
    ],
    [
      'evidence before the first height is forged',
      'genuine(height >= history.initialHeight,',
      'genuine(true,',
      [verify('heights before the first are forged')],
    ],
  ]),
  ...mutationsOf('src/evidence/evidence.ts', [
    [
      'too old in blocks and in time',
      'now.height - then.height > params.maxAgeNumBlocks && now',
      'now.height - then.height > params.maxAgeNumBlocks || now',
      [verify('expires when it is too old in blocks and in time')],
    ],
  ]),
  ...mutationsOf('src/evidence/duplicate-vote.ts', [
    [
      'the validator is that of the index',
      'validator !== undefined && equalBytes(validator.address, voteA.validatorAddress),',
      'validator !== undefined,',
      [unsigned('the address of an innocent in both votes')],
    ],
    [
      'powers are those of the height',
      'validator.votingPower === evidence.validatorPower && validators.totalPower === evidence.totalVotingPower,',
      'true,',
      EVERY_FIELD,
    ],
    ['both signatures count', 'verdicts.every(Boolean)', 'verdicts.some(Boolean)', EVERY_FIELD],
    ['the votes are checked', '  checkVotes(evidence);\n  const', '  const', EVERY_FIELD],
  ]),
  ...mutationsOf('src/evidence/light-attack.ts', [
    ['lca-byzantine-key-swap: address', 'equalBytes(address, expected.address) &&', '', KEY_SWAP],
    [
      'commit-sig-address-bound: addresses of the conflicting commit are those of their places',
      'validator !== undefined && equalBytes(validator.address, sig.validatorAddress),',
      'validator !== undefined,',
      [unsigned('addresses of a conflicting commit')],
    ],
    ['lca-byzantine-key-swap: key', 'equalBytes(pubKey.bytes, expected.pubKey.bytes) &&', '', KEY_SWAP],
    ['lca-byzantine-key-swap: power', '&&\n        votingPower === expected.votingPower,', ',', KEY_SWAP],
    [
      'lca-byzantine-key-swap: number',
      'stated.length === computed.length,',
      'stated.length >= computed.length,',
      KEY_SWAP,
    ],
    [
      'evidence-all-signatures',
      'await verifySignatures(verifier, chainId, conflictingBlock, ordered.slice(FIRST_SIGNATURES));',
      '',
      [unsigned('evidence-all-signatures')],
    ],
    [
      'evidence-all-signatures: every verdict',
      'verdicts.length === items.length && wrong === undefined,',
      'wrong?.index !== 0,',
      [verify('evidence-all-signatures')],
    ],
  ]),
];
