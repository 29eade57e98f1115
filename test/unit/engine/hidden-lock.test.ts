import assert from 'node:assert/strict';
import { type BlockId, equalBlockIds, NIL_BLOCK_ID } from '#types/block-id.ts';
import { PRECOMMIT, PREVOTE } from '#types/vote.ts';
import { idOf, makeVote } from '../consensus/bench.ts';
import { RelayNet, type Wire } from './relay-net.ts';

// Four equal validators; 0, 1, 2, 3 propose in rounds 0, 1, 2, 3. The first is gone soon: the others need one another.

const SEEDS = 8;
const LOSS_PERCENT = 40;
/** Virtual. Rounds are some seconds long by then. */
const LIMIT_MS = 60_000;
const [A, B, C, D] = [0, 1, 2, 3] as const;
const REST = [B, C, D];

const isVote = (message: Wire, type: number, round?: number): boolean =>
  message.kind === 'vote' && message.vote.type === type && (round === undefined || message.vote.round === round);

function isLockedOn(net: RelayNet, index: number, blockId: BlockId): boolean {
  const { lockedBlockId } = net.node(index).core;
  return lockedBlockId !== undefined && equalBlockIds(lockedBlockId, blockId);
}

/** Nodes decide the block of round 0: one of them is locked on it, and no other can have more than 2/3. */
function assertDecided(net: RelayNet, first: BlockId, seed: number): void {
  const decided = (): boolean => REST.every((index) => net.node(index).core.decided !== undefined);
  const places = (): string => REST.map((i) => `${net.node(i).core.round}/${net.node(i).core.step}`).join(' ');
  assert.ok(net.run(LIMIT_MS, decided), `seed ${seed}: no decision; ${places()}`);
  for (const index of REST)
    assert.ok(equalBlockIds(net.node(index).core.decided?.blockId as BlockId, first), `seed ${seed}: the locked block`);
}

describe('hidden locks are found over links that lose messages', () => {
  const first = idOf('0.0');

  it('a polka that one node saw: its prevotes are repeated to those who left the round without it', () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const net = new RelayNet(seed);
      // The proposal of round 0 misses C; A's prevote reaches D alone, and precommits reach nobody.
      net.filter = (from, to, message) => {
        if (message.kind === 'proposal') return to !== C || message.proposal.round > 0;
        if (message.kind === 'claim' || isVote(message, PRECOMMIT, 0)) return false;
        return !(from === A && isVote(message, PREVOTE)) || to === D;
      };
      net.start();
      assert.ok(
        net.run(3_000, () => isLockedOn(net, D, first)),
        `seed ${seed}: D is locked`,
      );
      net.kill(A);
      assert.ok(!isLockedOn(net, B, first) && !isLockedOn(net, C, first));
      net.filter = () => true;
      net.lossPercent = LOSS_PERCENT;
      assertDecided(net, first, seed);
    }
  }).timeout(60_000);

  it('a node that stayed in round 0 gets what proves a newer polka, and the older one that a proposal names', () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const net = new RelayNet(seed);
      // C is heard but hears nothing. B does not see A's prevote, so it knows of no polka; rounds go on without one.
      net.filter = (_from, to, message) => {
        if (to === C || message.kind === 'claim') return false;
        return (
          !(message.kind === 'vote' && message.vote.validatorIndex === A && isVote(message, PREVOTE, 0)) || to === D
        );
      };
      net.start();
      assert.ok(
        net.run(20_000, () => net.node(B).core.round >= 3),
        `seed ${seed}: rounds go on`,
      );
      assert.ok(isLockedOn(net, D, first) && net.node(C).core.round === 0);
      assert.ok(net.node(B).core.validBlockId === undefined, 'B does not know of the polka');
      net.kill(A);
      net.filter = () => true;
      net.lossPercent = LOSS_PERCENT;
      assertDecided(net, first, seed);
    }
  }).timeout(60_000);

  it('a polka that a double vote hides: bitmaps show no gap, the claim and its votes do', () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const net = new RelayNet(seed);
      // C misses the proposal and takes A's vote for nil; B and D see A vote for the block.
      net.filter = (_from, to, message) => {
        if (message.kind === 'proposal') return to !== C || message.proposal.round > 0;
        if (message.kind === 'claim' || isVote(message, PRECOMMIT, 0)) return false;
        return !(to === C && message.kind === 'vote' && message.vote.validatorIndex === A && message.vote.round === 0);
      };
      net.start();
      const place = { type: PREVOTE, height: 1, round: 0, blockId: NIL_BLOCK_ID } as const;
      const vote = makeVote(net.validators, A, place);
      net.run(10);
      net.node(C).receive(A, { kind: 'vote', vote });
      assert.ok(
        net.run(3_000, () => net.node(C).core.step === 'precommit'),
        `seed ${seed}`,
      );
      assert.ok(isLockedOn(net, B, first) && isLockedOn(net, D, first) && net.node(C).core.validBlockId === undefined);
      net.kill(A);
      net.filter = () => true;
      net.lossPercent = LOSS_PERCENT;
      assertDecided(net, first, seed);
      assert.ok(net.sent.claim > 0);
    }
  }).timeout(60_000);
});
