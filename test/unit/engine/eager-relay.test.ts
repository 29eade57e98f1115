import assert from 'node:assert/strict';
import { Consensus } from '#consensus/consensus.ts';
import { setBit } from '#consensus/vote-set.ts';
import type { Body } from '#engine/body.ts';
import { EagerRelay } from '#engine/eager-relay.ts';
import type { RoundStepMessage } from '#network/messages.ts';
import type { PeerId } from '#ports/transport.ts';
import type { Proposal } from '#types/proposal.ts';
import { PREVOTE, type Vote } from '#types/vote.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { idOf, makeBlock, makeValidators, makeVote, START } from '../consensus/bench.ts';

const HEIGHT = 5;
const POWERS = [10n, 10n, 10n, 10n];

function report(height: number, held: readonly number[] = []): RoundStepMessage {
  const bitmap = new Uint8Array(1);
  for (const index of held) setBit(bitmap, index);
  return {
    kind: 'roundStep',
    height,
    round: 0,
    step: 'prevote',
    hasProposal: false,
    hasBlocks: [],
    votes: [{ round: 0, type: PREVOTE, bitmap }],
    lastCommit: undefined,
    headHeight: height - 1,
    baseHeight: 1,
  };
}

class Rig {
  readonly validators = makeValidators(POWERS);
  readonly consensus = new Consensus({});
  readonly clock = new ManualClock();
  readonly peers = new Map<PeerId, RoundStepMessage>();
  readonly sent: string[] = [];
  readonly wishes = new Map<PeerId, readonly number[]>();
  readonly relay: EagerRelay;

  constructor() {
    const { validators, consensus, clock, peers, sent, wishes } = this;
    this.consensus.handle({
      kind: 'newHeight',
      now: START,
      context: {
        chainId: 'test',
        height: HEIGHT,
        initialHeight: HEIGHT,
        validators,
        nextValidators: validators.incremented(1),
        lastValidators: undefined,
        lastCommit: undefined,
        lastBlockTime: START,
        proofBlockDue: true,
        blockIntervalMinMs: 0,
        emptyBlockIntervalMs: 0,
      },
    });
    this.relay = new EagerRelay({
      consensus,
      clock,
      peers,
      outlet: {
        sendVote: (peer, vote) => void sent.push(`${peer} vote ${vote.validatorIndex}`),
        sendProposal: (peer, proposal) => void sent.push(`${peer} proposal ${proposal.round}`),
        sendWish: (peer, wish) => void wishes.set(peer, [...wish.validators]),
      },
    });
    for (const peer of ['a', 'b', 'c']) peers.set(peer, report(HEIGHT));
    this.relay.heightStarted();
  }

  vote(index: number, height = HEIGHT): Vote {
    return makeVote(this.validators, index, { type: PREVOTE, height, round: 0, blockId: idOf('v') });
  }

  wish(peer: PeerId, indexes: readonly number[]): void {
    const validators = new Uint8Array(1);
    for (const index of indexes) setBit(validators, index);
    this.relay.wished(peer, { kind: 'relayWish', height: HEIGHT, validators });
  }
}

describe('eager relay', () => {
  it('passes a vote on at once, to those that asked for its author and lack it', () => {
    const rig = new Rig();
    rig.wish('a', [2]);
    rig.wish('b', [2]);
    rig.wish('c', [2]);
    rig.peers.set('b', report(HEIGHT, [2]));
    rig.relay.tookVote(rig.vote(2), 'c');
    assert.deepEqual(rig.sent, ['a vote 2'], 'b has it, c brought it');
    rig.relay.tookVote(rig.vote(1), 'c');
    assert.equal(rig.sent.length, 1, 'nobody asked for validator 1');
  });

  it('passes on nothing to a peer that is heights away', () => {
    const rig = new Rig();
    rig.wish('a', [2]);
    rig.wish('b', [2]);
    rig.peers.set('a', report(HEIGHT - 2));
    rig.peers.set('b', report(HEIGHT - 1));
    rig.relay.tookVote(rig.vote(2), 'c');
    assert.deepEqual(rig.sent, ['b vote 2'], 'one height behind it is held');
  });

  it('passes a proposal on once its block is whole, to those that asked for its proposer', () => {
    const rig = new Rig();
    const proposer = rig.validators.indexOf(rig.validators.proposer.address);
    const blockId = idOf('v');
    const proposal: Proposal = {
      height: HEIGHT,
      round: 0,
      polRound: -1,
      blockId,
      timestamp: START,
      signature: new Uint8Array(64),
    };
    rig.wish('a', [proposer]);
    rig.wish('b', [(proposer + 1) % POWERS.length]);
    rig.relay.tookProposal(proposal, 'c');
    assert.deepEqual(rig.sent, []);
    const body = (of: Proposal['blockId']): Body => ({
      blockId: of,
      block: makeBlock(HEIGHT, START),
      bytes: new Uint8Array(1),
      txHashes: [],
    });
    rig.relay.blockReady(body(idOf('other')));
    assert.deepEqual(rig.sent, []);
    rig.relay.blockReady(body(blockId));
    rig.relay.blockReady(body(blockId));
    assert.deepEqual(rig.sent, ['a proposal 0'], 'once');
  });

  it('asks the peer that brought a vote, and takes wishes back from none that is gone', () => {
    const rig = new Rig();
    rig.relay.tookVote(rig.vote(3), 'b');
    rig.relay.tellWishes();
    assert.deepEqual(rig.wishes.get('b'), [0b1000]);
    rig.wish('a', [0]);
    rig.relay.forget('a');
    rig.relay.tookVote(rig.vote(0), 'b');
    assert.deepEqual(rig.sent, []);
  });

  it('a wish for another set of validators is ignored', () => {
    const rig = new Rig();
    rig.relay.wished('a', { kind: 'relayWish', height: HEIGHT + 40, validators: new Uint8Array([255]) });
    rig.relay.tookVote(rig.vote(0), 'b');
    assert.deepEqual(rig.sent, []);
  });
});
