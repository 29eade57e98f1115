import { bounds, heights, type Mutation, mutationsOf, rules, story, times } from '../mutation.ts';

/** What a rule does when it acts. */
const ACTIONS = mutationsOf('src/consensus/actions.ts', [
  [
    'L14: the proposer alone proposes',
    'if (state.isProposer && state.proposal === undefined) this.propose();',
    'if (state.proposal === undefined) this.propose();',
    [rules('with the propose timer, for proposer and others alike'), story('four validators')],
  ],
  [
    'L14: a proposal of mine that a peer sent back is not made again',
    'if (state.isProposer && state.proposal === undefined) this.propose();',
    'if (state.isProposer) this.propose();',
    [rules('does not propose where its proposal is known already')],
  ],
  [
    'L15-16: the valid value is proposed again',
    'if (state.valid !== undefined) {\n      this.signProposal(state.valid.blockId, state.valid.round);\n      return;\n    }\n',
    '',
    [rules('proposes the valid value again with its round'), story('l42 valid value'), story('hidden lock')],
  ],
  [
    'L19: a valid value is proposed with its round',
    'if (state.valid !== undefined) {\n      this.signProposal(state.valid.blockId, state.valid.round);',
    'if (state.valid !== undefined) {\n      this.signProposal(state.valid.blockId, -1);',
    [rules('proposes the valid value again with its round'), story('l42 valid value'), story('hidden lock')],
  ],
  [
    'L21: the propose timer, for the proposer too',
    "this.schedule('propose');",
    "if (!state.isProposer) this.schedule('propose');",
    [rules('with the propose timer, for proposer and others alike')],
  ],
  [
    'what a new round has no use for is forgotten',
    'state.prune();\n',
    '',
    [rules('and drops the proposal of rounds before the last')],
  ],
  [
    'L13: each round starts at propose',
    "state.step = 'propose';",
    "if (state.step === 'newHeight') state.step = 'propose';",
    [rules('proposes the valid value again with its round'), story('l22 fresh proposal')],
  ],
  [
    'L38: the lock',
    'this.state.locked = { round: this.state.round, blockId };',
    '',
    [rules('is locked before my precommit is signed, and replaces an older lock as soon')],
  ],
  [
    'L39: the lock is of this round',
    'this.state.locked = { round: this.state.round, blockId };',
    'this.state.locked = { round: this.state.locked?.round ?? this.state.round, blockId };',
    [rules('is locked before my precommit is signed, and replaces an older lock as soon')],
  ],
  [
    'L38: a later polka replaces the lock',
    'this.state.locked = { round: this.state.round, blockId };',
    'this.state.locked ??= { round: this.state.round, blockId };',
    [rules('is locked before my precommit is signed, and replaces an older lock as soon')],
  ],
  [
    'one signature a round and type',
    'askedToSign.add(key);',
    '',
    [rules('does not propose in a round that it left, and asks for one signature a round')],
  ],
  [
    'a body is asked for once a round',
    'if (state.requested.get(key) === state.round) return;',
    'if (state.requested.has(key)) return;',
    [rules('asks for a missing body again in the next round, once'), story('l28 proposal with polka')],
  ],
  [
    'height-arithmetic: a block of another height is invalid',
    'if (block.header.height !== this.state.height) {',
    'if (block.header.height < this.state.height) {',
    [rules('of another height is invalid without asking')],
  ],
  [
    'validity is asked once a block',
    'if (this.state.blocks.get(blockId) !== undefined) return;',
    '',
    [rules('waits for the validity, and asks for it once a block id')],
  ],
  [
    'a vote is later than the block it follows',
    'voteTime(this.now, this.timeToFollow(blockId))',
    'this.now',
    [times('follows the block voted on, and for nil the locked one')],
  ],
  [
    'a nil vote is later than the locked block',
    'isNilBlockId(blockId) ? locked?.blockId : blockId',
    'blockId',
    [times('follows the block voted on, and for nil the locked one')],
  ],
  [
    'late precommits join the last commit',
    'state.lastCommit?.commit() ?? EMPTY_COMMIT',
    'state.context.lastCommit ?? EMPTY_COMMIT',
    [heights('takes late precommits until the proposal is built'), story('late precommits')],
  ],
]);

const BLOCK_TIME = mutationsOf('src/consensus/block-time.ts', [
  [
    'the clock guard is 60 s',
    '60_000n * NS_PER_MS',
    '61_000n * NS_PER_MS',
    [rules('gets nil when its block is more than 60 s ahead of my clock')],
  ],
  [
    'previous + 1 ms passes the clock guard',
    '&& time !== lastBlockTime + MIN_TIME_STEP_NS',
    '',
    [
      rules('passes the clock guard at exactly previous + 1 ms'),
      times('refuses more than 60 s ahead'),
      story('clock guard'),
    ],
  ],
  [
    'the clock guard looks ahead only',
    'time > now + MAX_AHEAD_NS &&',
    '(time > now + MAX_AHEAD_NS || time < now - MAX_AHEAD_NS) &&',
    [times('refuses more than 60 s ahead')],
  ],
  [
    'block time advances by 1 ms at least',
    'return median > earliest ? median : earliest;',
    'return median;',
    [times('block time is at least previous + 1 ms')],
  ],
  [
    'the first block has genesis time',
    'if (context.height === context.initialHeight) return context.lastBlockTime;',
    'if (context.height === context.initialHeight) return context.lastBlockTime + MIN_TIME_STEP_NS;',
    [times('block time is genesis time at the initial height'), heights('is built on an empty commit at genesis time')],
  ],
  [
    'a vote is 1 ms later than what it follows',
    'return now > earliest ? now : earliest;',
    'return now > after ? now : after;',
    [times('vote time is now, or 1 ms after the block that the vote follows')],
  ],
  [
    'a vote has my time where that is later',
    'return now > earliest ? now : earliest;',
    'return earliest;',
    [times('vote time is now, or 1 ms after the block that the vote follows')],
  ],
]);

const TIMEOUTS = mutationsOf('src/consensus/timeouts.ts', [
  [
    'the propose timeout is capped',
    'Math.min(timeouts.proposeMs + timeouts.proposeStepMs * round, timeouts.proposeMaxMs)',
    'timeouts.proposeMs + timeouts.proposeStepMs * round',
    [times('timeouts grow by a fixed step and are capped'), story('many rounds')],
  ],
  [
    'the vote timeouts are capped',
    'Math.min(timeouts.voteMs + timeouts.voteStepMs * round, timeouts.voteMaxMs)',
    'timeouts.voteMs + timeouts.voteStepMs * round',
    [times('timeouts grow by a fixed step and are capped'), story('many rounds')],
  ],
  [
    'the propose timeout grows',
    'timeouts.proposeStepMs * round',
    'timeouts.proposeStepMs',
    [times('timeouts grow by a fixed step and are capped'), story('many rounds')],
  ],
  [
    'the vote timeouts grow',
    'timeouts.voteStepMs * round',
    'timeouts.voteStepMs',
    [times('timeouts grow by a fixed step and are capped'), story('many rounds')],
  ],
  [
    'a dead proposer costs 600 ms',
    'proposeMs: 600,',
    'proposeMs: 6_000,',
    [times('timeouts grow by a fixed step and are capped'), story('l55 round skip')],
  ],
]);

const PACE = mutationsOf('src/consensus/pace.ts', [
  [
    'empty-block policy: without work the empty interval',
    'work ? blockIntervalMinMs : Math.max(blockIntervalMinMs, emptyBlockIntervalMs)',
    'blockIntervalMinMs',
    [heights('is the empty interval, or the minimum one'), story('pace of blocks')],
  ],
  [
    'with work the minimum interval',
    'work ? blockIntervalMinMs : Math.max(blockIntervalMinMs, emptyBlockIntervalMs)',
    'Math.max(blockIntervalMinMs, emptyBlockIntervalMs)',
    [heights('is the minimum interval when a proof block is due'), story('pace of blocks')],
  ],
  [
    'the pause counts from the decision',
    'decidedAt + BigInt(interval)',
    'now + BigInt(interval)',
    [heights('counts from the decision of the height before'), times('from the decision on'), story('pace of blocks')],
  ],
  [
    'a clock that was set back costs one interval',
    'return ms > BigInt(max) ? max : Number(ms);',
    'return Number(ms);',
    [times('loses one interval at most to a clock that was set back'), times('in slices that a timer can hold')],
  ],
  ['a pause is rounded up', '(ns + NS_PER_MS - 1n) / NS_PER_MS', 'ns / NS_PER_MS', [times('from the decision on')]],
  [
    'nobody starts before genesis',
    'return context.height === context.initialHeight && now < context.lastBlockTime;',
    'return false;',
    [heights('lasts until genesis time at the initial height')],
  ],
]);

const CORE = mutationsOf('src/consensus/consensus.ts', [
  [
    'messages of the next height are held',
    '...(this.held?.asInputs(now) ?? [])',
    '',
    [heights('are held while this one is decided and applied'), heights('are bounded per validator')],
  ],
  [
    'precommits that came while the block was applied join the last commit',
    '...latePrecommits(before, state, now),',
    '',
    [heights('takes the precommits that arrived while the block was applied')],
  ],
  [
    'what was held for a height that was skipped is dropped',
    'context.height === before.height + 1;',
    'true;',
    [heights('of a later height, or of a height that was skipped, are not')],
  ],
  [
    'heights only go up',
    "assert(before === undefined || context.height > before.height, 'heights only go up');",
    '',
    [heights('nothing happens before the first height, and heights only go up')],
  ],
  [
    'each decision is timed anew',
    'this.decidedAt = undefined;',
    '',
    [heights('counts from the decision of each height anew')],
  ],
  [
    'the first proposal ends the pause',
    'actions.startRound(0);\n  }',
    'return;\n  }',
    [heights('ends when the proposal of round 0 arrives')],
  ],
  [
    'no proposal ends the pause before genesis',
    'if (state.round < 0 && round === 0 && !isBeforeGenesis(state.context, actions.now))',
    'if (state.round < 0 && round === 0)',
    [heights('lasts until genesis time at the initial height')],
  ],
  [
    'the proposal of a later round does not end the pause',
    'if (state.round < 0 && round === 0 &&',
    'if (state.round < 0 &&',
    [heights('does not end for the proposal of a later round')],
  ],
  [
    'one proposal a round: the first',
    ' && !state.proposals.has(round);',
    ';',
    [rules('is the one proposal of its round: the first')],
  ],
  [
    'no proposals of rounds that are over',
    'return round >= state.round && round <=',
    'return round <=',
    [bounds('proposals of rounds that are over, far ahead')],
  ],
  [
    'no proposals far ahead',
    'round <= highestProposalRound(state) && !state.proposals',
    '!state.proposals',
    [bounds('proposals of rounds that are over, far ahead')],
  ],
  [
    'oversized-proposal',
    'if (!isWellFormedProposal(proposal, state.maxBlockBytes)) return false;',
    '',
    [bounds('a proposal is bounded by the block size of the chain')],
  ],
  [
    'blocks that no rule waits for are not kept',
    'if (state.decided === undefined && state.isWanted(blockId))',
    'if (state.decided === undefined)',
    [bounds('blocks that nobody proposed or voted for are not kept')],
  ],
  [
    'two votes of one validator are evidence',
    'if (outcome.conflict !== undefined) actions.emit(',
    'if (outcome.conflict === vote) actions.emit(',
    [bounds('evidence of one double voter is told once a round and type')],
  ],
  [
    'my precommit that was signed after the decision joins the last commit',
    'if (message.vote.height !== height && message.vote.height !== height - 1) return;',
    'if (message.vote.height !== height) return;',
    [heights('takes my own precommit that was signed after the decision')],
  ],
  [
    'only signed votes are published',
    "actions.emit({ kind: 'publish', message });\n      this.takeVote",
    'this.takeVote',
    [rules('locks it and precommits'), story('four validators')],
  ],
  [
    'my own vote counts',
    '      this.takeVote(actions, message.vote);\n    } else',
    '    } else',
    [rules('locks it and precommits'), story('l36 lock')],
  ],
]);

const PROPOSAL_FORM = mutationsOf('src/consensus/proposal-rules.ts', [
  [
    'L28: a polka of an earlier round',
    ' || polRound >= round) return false;',
    ') return false;',
    [bounds('oversized-proposal and odd rounds')],
  ],
  ['nil is never proposed', '!isNilBlockId(blockId) && ', '', [bounds('oversized-proposal and odd rounds')]],
  [
    'oversized-proposal: parts fit the block size',
    ' && blockId.partSetHeader.total <= maxParts(maxBlockBytes);',
    ';',
    [bounds('oversized-proposal and odd rounds'), bounds('a proposal is bounded by the block size of the chain')],
  ],
]);

const HELD = mutationsOf('src/consensus/held-messages.ts', [
  [
    'held votes are bounded per validator',
    'const VOTES_PER_VALIDATOR = 8;',
    'const VOTES_PER_VALIDATOR = 80;',
    [heights('are bounded per validator: the highest rounds stay')],
  ],
  [
    'held votes of ever higher rounds are not taken forever',
    'if ((this.taken.get(vote.validatorIndex) ?? 0) >= TAKEN_PER_VALIDATOR) return false;',
    '',
    [heights('of ever higher rounds are not taken from one validator for ever')],
  ],
  [
    'the lowest round gives way',
    'held.splice(lowest, 1);',
    'held.pop();',
    [heights('are bounded per validator: the highest rounds stay')],
  ],
  [
    'held votes are of validators',
    'if (!isVoteOf(this.validators, vote) || (vote.type',
    'if ((vote.type',
    [heights('keep nothing of strangers')],
  ],
  [
    'held proposals are few',
    ' || proposal.round >= PROPOSAL_ROUNDS_AHEAD) return false;',
    ') return false;',
    [heights('are bounded per validator: the highest rounds stay')],
  ],
  [
    'held blocks are those of held proposals',
    'if (blockIdKey(proposal.blockId) === key) ',
    '',
    [heights('keep blocks of held proposals only')],
  ],
]);

const LAST_COMMIT = mutationsOf('src/consensus/last-commit.ts', [
  [
    'late precommits are of the round of the commit',
    'if (vote.round !== this.round || vote.type !== PRECOMMIT) return',
    'if (vote.type !== PRECOMMIT) return',
    [heights('takes nil as nil, leaves out other blocks, rounds and types')],
  ],
  [
    'late precommits are precommits',
    'if (vote.round !== this.round || vote.type !== PRECOMMIT) return',
    'if (vote.round !== this.round) return',
    [heights('takes nil as nil, leaves out other blocks, rounds and types')],
  ],
  [
    'nil stays nil in a commit',
    'entry.flag === FLAG_COMMIT ? commit.blockId : NIL_BLOCK_ID',
    'commit.blockId',
    [heights('has nil precommits where the commit that decided has them')],
  ],
]);

const ROTATION = mutationsOf('src/consensus/proposer.ts', [
  [
    'proposer rotation: each round is one turn',
    'this.validators.incremented(round).proposer',
    'this.validators.incremented(1).proposer',
    [bounds('proposerAt answers where a proposal would be taken'), story('many rounds'), story('l42 valid value')],
  ],
]);

/** What happens between rounds and between heights. */
export const HEIGHT_RULES: readonly Mutation[] = [
  ...ACTIONS,
  ...BLOCK_TIME,
  ...TIMEOUTS,
  ...PACE,
  ...CORE,
  ...PROPOSAL_FORM,
  ...HELD,
  ...LAST_COMMIT,
  ...ROTATION,
];
