import { commits, type Mutation, mutationsOf, testsOf, validatorSets } from '../mutation.ts';

const blockTimes = testsOf('test/unit/types/block-time.test.ts');
const strict = testsOf('test/unit/types/commit-fields.test.ts');

const MEDIAN = mutationsOf('src/types/commit.ts', [
  [
    'block time: commit-flag votes alone',
    'if (sig.flag !== FLAG_COMMIT) continue;\n    const validator',
    'if (sig.flag === FLAG_ABSENT) continue;\n    const validator',
    [commits('nil votes are not weighed'), blockTimes('weighted median')],
  ],
  [
    'block time: sorted by time',
    'votes.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));',
    '',
    [commits('equal powers, odd count: the middle'), blockTimes('weighted median')],
  ],
  [
    'block time: half, rounded up',
    'const half = (total + 1n) / 2n;',
    'const half = total / 2n;',
    [commits('half of an odd total is rounded up: 2 of 3')],
  ],
  [
    'block time: half is enough',
    'return cumulative >= half;',
    'return cumulative > half;',
    [commits('exactly half, by the first'), commits('equal powers, even count')],
  ],
  [
    'block time: weighed by power',
    'votes.push({ time: sig.timestamp, power: validator.votingPower });\n    total += validator.votingPower;',
    'votes.push({ time: sig.timestamp, power: 1n });\n    total += 1n;',
    [commits('a heavy one decides'), blockTimes('weighted median')],
  ],
  [
    'block time, commit-sig-address-bound: the address is that of the place',
    'const matches = validator !== undefined && equalBytes(validator.address, sig.validatorAddress);',
    'const matches = validator !== undefined;',
    [commits('commit-sig-address-bound: the power is that of the place')],
  ],
  [
    'block time: one entry a validator',
    'signatures.length === validators.size,',
    'signatures.length > 0,',
    [strict('counts of entries')],
  ],
  [
    'an absent entry is blank',
    'if (!isBlank) throw',
    'if (signature.length > 0) throw',
    [strict('an absent entry with content is not decoded')],
  ],
  [
    'a vote for nil signs nil',
    'blockId: sig.flag === FLAG_COMMIT ? commit.blockId : NIL_BLOCK_ID,',
    'blockId: commit.blockId,',
    [strict('what each entry signs')],
  ],
  [
    'the time of an entry is signed',
    'timestamp: sig.timestamp,\n  });',
    'timestamp: commit.signatures[0]?.timestamp ?? sig.timestamp,\n  });',
    [strict('what each entry signs')],
  ],
  [
    'the round of a commit is signed',
    'round: commit.round,\n    blockId: sig',
    'round: 0,\n    blockId: sig',
    [strict('what each entry signs')],
  ],
]);

const VERIFICATION = mutationsOf('src/types/commit-verification.ts', [
  [
    'all signatures, those for nil too (commit-foreign-signatures)',
    'signed.push({ index, validator });\n    if (sig.flag === FLAG_COMMIT) power',
    'if (sig.flag === FLAG_COMMIT) signed.push({ index, validator });\n    if (sig.flag === FLAG_COMMIT) power',
    [commits('commit-foreign-signatures, evidence-all-signatures')],
  ],
  [
    'all signatures, those beyond 2/3 too (commit-foreign-signatures)',
    'if (sig.flag === FLAG_COMMIT) power += validator.votingPower;\n',
    'if (sig.flag === FLAG_COMMIT) power += validator.votingPower;\n    if (hasTwoThirds(power, validators.totalPower)) break;\n',
    [commits('commit-foreign-signatures, evidence-all-signatures'), strict('commit-foreign-signatures')],
  ],
  [
    'power for nil is no power for the block',
    'if (sig.flag === FLAG_COMMIT) power += validator.votingPower;\n',
    'power += validator.votingPower;\n',
    [commits('accepts more than two thirds, and nil and absent beside it')],
  ],
  [
    'power is checked',
    'checkPower(power, validators.totalPower, hasTwoThirds(power, validators.totalPower));\n  await checkSignatures(verifier, chainId, commit, signed);\n}\n\nexport type',
    'await checkSignatures(verifier, chainId, commit, signed);\n}\n\nexport type',
    [commits('accepts more than two thirds, and nil and absent beside it')],
  ],
  [
    'signatures are checked',
    'checkPower(power, validators.totalPower, hasTwoThirds(power, validators.totalPower));\n  await checkSignatures(verifier, chainId, commit, signed);\n}\n\nexport type',
    'checkPower(power, validators.totalPower, hasTwoThirds(power, validators.totalPower));\n}\n\nexport type',
    [commits('commit-foreign-signatures, evidence-all-signatures'), strict('commit-foreign-signatures')],
  ],
  [
    'commit-sig-address-bound: entry i is of validator i',
    'validator !== undefined && equalBytes(validator.address, sig.validatorAddress),',
    'validator !== undefined,',
    [commits('commit-sig-address-bound: every altered field'), strict('commit-sig-address-bound')],
  ],
  ['one entry a validator', 'entries === validators.size,', 'entries > 0,', [strict('counts of entries')]],
  [
    'of this height',
    "check(commit.height === height, 'bad_commit'",
    "check(commit.height > 0, 'bad_commit'",
    [commits('refuses another size, height, round, block, chain and set')],
  ],
  [
    'for this block',
    'equalBlockIds(commit.blockId, blockId),',
    'commit.blockId.hash.length === blockId.hash.length,',
    [commits('refuses another size, height, round, block, chain and set')],
  ],
  [
    'every verdict counts',
    'const firstBad = signed[verdicts.findIndex((valid) => !valid)];',
    'const firstBad = signed[verdicts.slice(0, 1).findIndex((valid) => !valid)];',
    [commits('commit-foreign-signatures, evidence-all-signatures')],
  ],
  [
    'too few verdicts are no yes',
    'verdicts.length === items.length && firstBad === undefined,',
    'firstBad === undefined,',
    [commits('a verifier that answers too little is not taken for a yes')],
  ],
  [
    'the signature is checked with the key of the place',
    'publicKey: validator.pubKey.bytes,',
    'publicKey: (signed[0] as Signed).validator.pubKey.bytes,',
    [commits('accepts more than two thirds, and nil and absent beside it')],
  ],
  [
    'trusting: each validator once',
    "check(!seen.has(key), 'bad_commit'",
    "check(true, 'bad_commit'",
    [commits('light, trusting: more than a third of an older set, each once')],
  ],
  [
    'trusting: the trust level is sane',
    'numerator * 3n >= denominator &&',
    '',
    [commits('light, trusting: more than a third of an older set, each once')],
  ],
]);

const QUORUM = mutationsOf('src/types/quorum.ts', [
  [
    'more than two thirds',
    'return power * 3n > total * 2n;',
    'return power * 3n >= total * 2n;',
    [commits('quorum is more than two thirds, and more than one third')],
  ],
  [
    'more than one third',
    'return power * 3n > total;',
    'return power * 3n >= total;',
    [commits('quorum is more than two thirds, and more than one third')],
  ],
]);

const ROTATION = mutationsOf('src/types/proposer-priority.ts', [
  [
    'the window is twice the total',
    'const WINDOW_FACTOR = 2n;',
    'const WINDOW_FACTOR = 3n;',
    [validatorSets('are divided by the rounded-up ratio to a window of twice the total, toward zero')],
  ],
  [
    'the ratio is rounded up',
    'const ratio = (difference + window - 1n) / window;',
    'const ratio = difference / window;',
    [validatorSets('are divided by the rounded-up ratio')],
  ],
  [
    'a newcomer starts at -1.125 of the total',
    'return -(totalAfterUpdates + (totalAfterUpdates >> 3n));',
    'return -totalAfterUpdates;',
    [validatorSets('a newcomer gets -1.125 of the total')],
  ],
  [
    'the average is rounded down',
    'sum < 0n && truncated * count !== sum ? truncated - 1n : truncated',
    'truncated',
    [validatorSets('are centered on an average that is rounded down')],
  ],
  [
    'among equals the smaller address proposes',
    'compareBytes(seat.address, leader.address) < 0',
    'compareBytes(seat.address, leader.address) > 0',
    [validatorSets('among equals the smaller address proposes')],
  ],
  [
    'the proposer pays the total',
    'proposer.proposerPriority = clamp(proposer.proposerPriority - totalPower);',
    '',
    [validatorSets('gives everyone turns in proportion to power')],
  ],
  [
    'priorities grow by power',
    'clamp(seat.proposerPriority + seat.votingPower)',
    'clamp(seat.proposerPriority + 1n)',
    [validatorSets('gives everyone turns in proportion to power')],
  ],
  [
    'order of a set: power descending',
    'return a.votingPower > b.votingPower ? -1 : 1;',
    'return a.votingPower < b.votingPower ? -1 : 1;',
    [validatorSets('is ordered by power, then address')],
  ],
  [
    'order of a set: then address ascending',
    'return compareBytes(a.address, b.address);',
    'return compareBytes(b.address, a.address);',
    [validatorSets('is ordered by power, then address')],
  ],
]);

const SETS = mutationsOf('src/types/validator-set.ts', [
  [
    'priorities are centered',
    'rescale(seats, this.totalPower);\n    center(seats);',
    'rescale(seats, this.totalPower);',
    [validatorSets('are centered on an average that is rounded down')],
  ],
  [
    'valset-update-as-set: others keep their priorities',
    'if (seat !== undefined) seat.votingPower = change.power;',
    'if (seat !== undefined) seats.set(key, { ...newSeat(change), proposerPriority: newcomerPriority(totalBeforeRemovals) });',
    [validatorSets('valset-update-as-set')],
  ],
  [
    'power 0 removes',
    'for (const [key, change] of changes) if (change.power === 0n) seats.delete(key);',
    '',
    [validatorSets('CometBFT TestValSetUpdatesBasicTestsExecute')],
  ],
  [
    'a validator is updated once',
    "check(!changes.has(key), 'bad_validator_set'",
    "check(true, 'bad_validator_set'",
    [validatorSets('power-sum-throws: bad updates are refused with a code')],
  ],
  [
    'who is removed must be there',
    "check(seat !== undefined, 'bad_validator_set', () => `removed",
    "if (seat === undefined) continue;\n      check(true, 'bad_validator_set', () => `removed",
    [validatorSets('power-sum-throws: bad updates are refused with a code')],
  ],
  [
    'power-sum-throws: the total is bounded',
    'total <= MAX_TOTAL_VOTING_POWER,\n',
    'total > 0n,\n',
    [validatorSets('power-sum-throws: bad updates are refused with a code')],
  ],
  [
    'no set is empty',
    "check(seats.size > 0, 'bad_validator_set'",
    "check(true, 'bad_validator_set'",
    [validatorSets('power-sum-throws: bad updates are refused with a code')],
  ],
  [
    'address-not-of-key, order: a set is restored in order',
    'byPowerThenAddress(previous, validator) < 0;',
    'true;',
    [validatorSets('address-not-of-key, order, power and proposer are checked when a set is restored')],
  ],
]);

const BLOCKS = mutationsOf('src/types/block.ts', [
  [
    'the last commit is for the last block',
    'lastCommit.height === header.height - 1 && equalBlockIds(lastCommit.blockId, header.lastBlockId);',
    'lastCommit.height === header.height - 1;',
    [testsOf('test/unit/types/block.test.ts')('basics: refuses contents that the header does not have')],
  ],
  [
    'the last commit is hashed',
    "checkHash(header, 'lastCommitHash', hashCommit(lastCommit));",
    '',
    [testsOf('test/unit/types/block.test.ts')('basics: refuses contents that the header does not have')],
  ],
]);

export const TYPE_RULES: readonly Mutation[] = [...MEDIAN, ...VERIFICATION, ...QUORUM, ...ROTATION, ...SETS, ...BLOCKS];
