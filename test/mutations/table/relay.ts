import { type Mutation, mutationsOf, testsOf } from '../mutation.ts';

const hidden = testsOf('test/unit/engine/hidden-lock.test.ts');
const rounds = testsOf('test/unit/engine/relevant-rounds.test.ts');

const DOUBLE = hidden('a polka that a double vote hides');
const STAYED = hidden('a node that stayed in round 0');
const CLAIMED = testsOf('test/unit/engine/exchange.test.ts')('a majority that a peer does not see is claimed');

/** Hidden-lock recovery: certificates are repeated to peers that need them. */
export const RELAY_RULES: readonly Mutation[] = [
  ...mutationsOf('src/engine/vote-relay.ts', [
    ['what +2/3 agreed on is repeated', 'this.repairMajorities(peer, progress, nowMs);', '', [DOUBLE, CLAIMED]],
    ['a majority is claimed', 'this.outlet.sendClaim(peer, majority);', '', [DOUBLE]],
    [
      'a majority is repeated with its votes',
      'this.outlet.sendVotes(peer, this.consensus.votesFor(round, type, blockId));',
      '',
      [DOUBLE, CLAIMED],
    ],
    ['votes that a peer lacks are sent', 'if (votes.length > 0) this.outlet.sendVotes(peer, votes);', '', [STAYED]],
  ]),
  ...mutationsOf('src/engine/relevant-rounds.ts', [
    [
      'the newest majorities are those of the newest rounds',
      '.sort((a, b) => a.round - b.round);\n  return all',
      ';\n  return all',
      [rounds('is what was agreed on in the newest rounds')],
    ],
    [
      'L28: the polka that a proposal names is repeated however old it is',
      'all.filter((majority, index) => majority.isAwaited || index',
      'all.filter((_, index) => index',
      [rounds('is the polka that a proposal names, however old')],
    ],
    [
      'a polka for something else is not the one that is waited for',
      ' &&\n    equalBlockIds(majority.blockId, proposal.blockId);',
      ';',
      [rounds('is not a polka of the same round for something else')],
    ],
  ]),
];
