import {
  bounds,
  heights,
  type Mutation,
  mutationsOf,
  rules,
  story,
  testsOf,
  voteKeeper,
  voteSet,
} from '../mutation.ts';

const exchange = testsOf('test/unit/engine/exchange.test.ts');

const SETS = mutationsOf('src/consensus/vote-set.ts', [
  [
    'a polka or commit is more than 2/3 of the power',
    'this.isQuorum(tally.power, this.validators.totalPower)',
    'tally.power * 3n >= this.validators.totalPower * 2n',
    [rules('is not exactly 2/3')],
  ],
  [
    'a polka or commit is more than half of the power',
    'this.isQuorum(tally.power, this.validators.totalPower)',
    'tally.power * 2n >= this.validators.totalPower',
    [voteSet('agrees at more than 2/3 for one value'), story('l49 decide'), story('l36 lock')],
  ],
  [
    'power counts, not heads',
    'tally.power += this.powerOf(vote.validatorIndex);',
    'tally.power += this.validators.totalPower / BigInt(this.validators.size);',
    [rules('is more than 2/3 of the power, not of the heads'), voteSet('sums powers as they are')],
  ],
  [
    'a vote counts once',
    'if (blockIdKey(earlier.blockId) === key) return NOT_ADDED;',
    'if (blockIdKey(earlier.blockId) === key) {\n      this.count(key, vote);\n      return NOT_ADDED;\n    }',
    [voteSet('counts a vote once')],
  ],
  [
    'a validator counts once towards +2/3 of any votes',
    'this.count(key, vote);\n    return true;',
    'this.count(key, vote);\n    this.power += this.powerOf(vote.validatorIndex);\n    return true;',
    [voteSet('counts a second vote for a value that a peer claims, without counting the validator twice')],
  ],
  [
    'a second vote counts for a claimed value only',
    'return tally.claimed || tally.blockId === this.agreed;',
    'return true;',
    [voteSet('tells of a double vote once, and keeps the first')],
  ],
  [
    'a second vote counts for a claimed value',
    'return tally.claimed || tally.blockId === this.agreed;',
    'return tally.blockId === this.agreed;',
    [
      voteSet('counts a second vote for a value that a peer claims'),
      rules('L42: the newest polka for a valid block becomes the valid value after my precommit as well'),
      story('polka certificate repeated'),
    ],
  ],
  [
    'each peer claims once',
    '|| this.claims.has(peer)) return;',
    ') return;',
    [voteSet('hears each peer once, and 64 of them')],
  ],
  ['claims are bounded', 'this.claims.size >= MAX_CLAIMS ||', '', [voteSet('hears each peer once, and 64 of them')]],
  [
    'a majority never changes',
    'if (this.agreed === undefined && this',
    'if (this',
    [voteSet('never changes its majority')],
  ],
  [
    'evidence is told once',
    'if (this.caught.has(index)) return false;',
    '',
    [voteSet('tells of a double vote once, and keeps the first'), bounds('evidence of one double voter is told once')],
  ],
  [
    'commit-foreign-signatures: a commit holds votes for its block or nil',
    'if (first !== undefined && isNilBlockId(first.blockId)) return',
    'if (first !== undefined) return',
    [voteSet('commit-foreign-signatures'), heights('takes nil as nil, leaves out other blocks, rounds and types')],
  ],
  [
    'commit-foreign-signatures: nil is flagged as nil',
    'return commitSig(FLAG_NIL, first);',
    'return commitSig(FLAG_COMMIT, first);',
    [voteSet('commit-foreign-signatures'), rules('decide it in a round that is over')],
  ],
  [
    'a vote names its validator by index and address',
    'return validator !== undefined && equalBytes(validator.address, vote.validatorAddress);',
    'return validator !== undefined;',
    [voteSet('vote-index-bounds'), voteKeeper('vote-index-bounds'), bounds('vote-index-bounds')],
  ],
]);

const KEEPER = mutationsOf('src/consensus/vote-keeper.ts', [
  [
    'L55: more than 1/3 of the power',
    'if (hasOneThird(power, this.validators.totalPower)) return entry.round;',
    'if (power * 2n > this.validators.totalPower) return entry.round;',
    [rules('is power, not heads, and more than exactly 1/3')],
  ],
  [
    'L55: power, not heads',
    'power: this.powerOf(index) }',
    'power: this.validators.totalPower / BigInt(this.validators.size) }',
    [rules('L55: more than 1/3 of the power ahead is power, not heads'), story('l55 round skip')],
  ],
  [
    'L55: the highest round that they reached or passed',
    'b.round - a.round',
    'a.round - b.round',
    [voteKeeper('skips by power'), rules('is followed to the highest round that it reached or passed')],
  ],
  [
    'L55: the power of all who are ahead',
    'if (kept === undefined) this.powerAhead += this.powerOf(vote.validatorIndex);\n      else',
    'if (kept !== undefined)',
    [voteKeeper('forgets the power of those whom it caught up with'), rules('is followed to the highest round')],
  ],
  [
    'votes ahead are not summed up after every input',
    'if (!hasOneThird(this.powerAhead, this.validators.totalPower)) return undefined;',
    '',
    [testsOf('test/unit/consensus/many-validators.test.ts')('votes of a round ahead')],
  ],
  [
    'of rounds ahead the highest of each validator is kept',
    'if (kept.round > vote.round) return IGNORED;',
    'if (kept.round >= vote.round) return IGNORED;',
    [voteKeeper('keeps of each validator its highest round ahead, both types of it')],
  ],
  [
    'a validator is not followed to ever higher rounds',
    'kept.round < vote.round && this.mayMove(vote.validatorIndex);',
    'kept.round < vote.round;',
    [exchange('of ever higher rounds, of this height')],
  ],
  [
    'of rounds ahead a higher one replaces a lower one',
    'if (kept === undefined || kept.round < vote.round) {\n      if (kept',
    'if (kept === undefined) {\n      if (kept',
    [
      voteKeeper('keeps of each validator its highest round ahead, both types of it'),
      rules('takes the highest round of each validator only'),
    ],
  ],
  [
    'votes of rounds ahead get their place when the round comes',
    'for (const vote of entry.votes.values()) this.addNow(vote);',
    '',
    [
      rules('L55: more than 1/3 of the power ahead brings the votes along'),
      voteKeeper('finds a polka that was complete'),
    ],
  ],
  [
    'a polka is for a block',
    'majority !== undefined && !isNilBlockId(majority))',
    'majority !== undefined)',
    [voteKeeper('knows polkas and precommit majorities of all rounds, nil ones not among them')],
  ],
  [
    'prevotes make polkas, precommits make decisions',
    '(vote.type === PREVOTE ? this.polkaList : this.precommitList)',
    'this.polkaList',
    [voteKeeper('knows polkas and precommit majorities'), rules('decide it'), story('l49 decide')],
  ],
  [
    'a double vote in a round ahead is told',
    'return { added: false, conflict: earlier };',
    'return IGNORED;',
    [voteKeeper('tells of a double vote in a round ahead, once')],
  ],
  [
    'a double vote in a round ahead is told once',
    'kept.caught = true;',
    '',
    [voteKeeper('tells of a double vote in a round ahead, once')],
  ],
  [
    'claims are heard of rounds up to the current one',
    '|| round < 0 || round > this.round) return;',
    '|| round < 0) return;',
    [voteKeeper('hears a claim before the first vote of its round, but not for rounds ahead')],
  ],
  [
    'a vote is of this height and of a validator',
    'if (vote.height !== this.height || !isVoteOf(this.validators, vote)) return IGNORED;',
    '',
    [voteKeeper('vote-index-bounds')],
  ],
  [
    'a vote has a round and type that votes can have',
    'if (!isPlaced(vote)) return IGNORED;\n    return',
    'return',
    [voteKeeper('vote-index-bounds'), bounds('vote-index-bounds')],
  ],
]);

export const VOTE_RULES: readonly Mutation[] = [...SETS, ...KEEPER];
