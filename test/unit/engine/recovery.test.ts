import assert from 'node:assert/strict';
import type { Consensus } from '#consensus/consensus.ts';
import type { Effect } from '#consensus/effect.ts';
import type { HeightContext, Input } from '#consensus/input.ts';
import { recoverHeight } from '#engine/recovery.ts';
import { decodeWalRecord, encodeMuteRecord, encodeWalRecord, type HeightParent, parentOf } from '#engine/wal-record.ts';
import { SIGNER_STEP } from '#signer/last-signed.ts';
import { encodeBlock } from '#types/block.ts';
import { NIL_BLOCK_ID } from '#types/block-id.ts';
import { PRECOMMIT, PREVOTE, type VoteType } from '#types/vote.ts';
import { idOf, makeBlock, START } from '../consensus/bench.ts';

const HEIGHT = 7;
const CONTEXT = { height: HEIGHT } as HeightContext;
const PARENT: HeightParent = {
  genesisHash: new Uint8Array(32).fill(1),
  lastBlockId: idOf('last'),
  appHash: new Uint8Array(32).fill(3),
};
const UNDER_WAY = { context: CONTEXT, parent: PARENT };
const RECORD_PARTS = { encodedBlock: encodeBlock, parent: () => parentOf(PARENT) };

function sign(type: VoteType, round = 0): Effect {
  const vote = { type, height: HEIGHT, round, blockId: NIL_BLOCK_ID, timestamp: 1n, validatorIndex: 0 };
  return { kind: 'sign', message: { kind: 'vote', vote: { ...vote, validatorAddress: new Uint8Array(20) } } };
}

/** A core that answers each input with the next of these effects. */
function coreThatAsks(...answers: readonly (readonly Effect[])[]): Consensus {
  const next = [...answers];
  return { handle: () => next.shift() ?? [] } as unknown as Consensus;
}

const whole = (records: readonly Uint8Array[]) => ({ records, damage: undefined });
const damaged = (records: readonly Uint8Array[]) => ({ records, damage: { offset: 1, size: 2 } });

function log(...inputs: readonly Input[]): Uint8Array[] {
  const started: Input = { kind: 'newHeight', now: 1n, context: CONTEXT };
  return [started, ...inputs].map((input) => encodeWalRecord(input, RECORD_PARTS) as Uint8Array);
}

describe('recovery of an unfinished height', () => {
  const precommitted = { height: HEIGHT, round: 0, step: SIGNER_STEP.precommit };

  it('asks again for the last signature, and for none that the key has passed', () => {
    // Both were asked for in one turn, and the process was killed before an answer was logged.
    const core = coreThatAsks([sign(PREVOTE), sign(PRECOMMIT)]);
    const { effects, lostSignatures, mutedHeight } = recoverHeight(core, UNDER_WAY, whole(log()), precommitted);
    assert.deepEqual(effects, [sign(PRECOMMIT)]);
    assert.deepEqual(lostSignatures, [{ height: HEIGHT, round: 0, type: PREVOTE }]);
    assert.equal(mutedHeight, 0);
  });

  it('asks for what the key has not come to yet', () => {
    const core = coreThatAsks([sign(PRECOMMIT), sign(PREVOTE, 1)]);
    const { effects, lostSignatures } = recoverHeight(core, UNDER_WAY, whole(log()), precommitted);
    assert.deepEqual(effects, [sign(PRECOMMIT), sign(PREVOTE, 1)]);
    assert.deepEqual(lostSignatures, []);
  });

  it('signs nothing at a height where the key is ahead of the log', () => {
    const core = coreThatAsks([sign(PREVOTE)]);
    assert.equal(recoverHeight(core, UNDER_WAY, whole(log()), precommitted).mutedHeight, HEIGHT);
  });

  it('does not ask again for what the log answers', () => {
    const core = coreThatAsks([sign(PREVOTE), sign(PRECOMMIT)]);
    const refused: Input = { kind: 'signRefused', now: 2n, height: HEIGHT, round: 0, type: PREVOTE };
    const { effects, lostSignatures } = recoverHeight(core, UNDER_WAY, whole(log(refused)), precommitted);
    assert.deepEqual(effects, [sign(PRECOMMIT)]);
    assert.deepEqual(lostSignatures, []);
  });

  it('a timer that had fired before it was set anew is no answer to the newer one', () => {
    const timer = (round: number): Effect => ({ kind: 'schedule', height: HEIGHT, round, step: 'propose', delayMs: 9 });
    const fired = (round: number, height = HEIGHT): Input => ({
      kind: 'timeout',
      now: 2n,
      height,
      round,
      step: 'propose',
    });
    const stale = recoverHeight(
      coreThatAsks([timer(1)]),
      UNDER_WAY,
      whole(log(fired(0), fired(1, HEIGHT - 1))),
      undefined,
    );
    assert.deepEqual(stale.effects, [timer(1)]);
    const answered = recoverHeight(coreThatAsks([timer(1)]), UNDER_WAY, whole(log(fired(1))), undefined);
    assert.deepEqual(answered.effects, []);
  });

  it('stays muted once it was, whatever the log leads to since', () => {
    const core = coreThatAsks([sign(PREVOTE), sign(PRECOMMIT)]);
    const muted = [encodeMuteRecord(HEIGHT), ...log()];
    assert.equal(recoverHeight(core, UNDER_WAY, whole(muted), precommitted).mutedHeight, HEIGHT);
  });

  it('is muted up to the height of a key that is ahead of the whole chain', () => {
    const ahead = { ...precommitted, height: HEIGHT + 50 };
    assert.equal(recoverHeight(coreThatAsks(), UNDER_WAY, whole([]), ahead).mutedHeight, HEIGHT + 50);
    assert.equal(recoverHeight(coreThatAsks(), UNDER_WAY, whole(log()), ahead).mutedHeight, HEIGHT + 50);
  });

  it('refuses a log with a record of a kind that there is not, of whatever height', () => {
    const foreign = Uint8Array.of(99, 1, 2, 3);
    for (const records of [[foreign], [...log(), foreign]])
      assert.throws(() => recoverHeight(coreThatAsks(), UNDER_WAY, whole(records), undefined), { code: 'damaged_wal' });
  });

  it('a record without a step says nothing of what was signed', () => {
    const quiet = { height: HEIGHT + 5, round: 0, step: SIGNER_STEP.none };
    assert.equal(recoverHeight(coreThatAsks(), UNDER_WAY, whole(log()), quiet).mutedHeight, 0);
    assert.equal(recoverHeight(coreThatAsks(), UNDER_WAY, whole([]), quiet).mutedHeight, 0);
  });

  it('a damaged log mutes where the key may have signed, and begins anew where it has not', () => {
    const below = { ...precommitted, height: HEIGHT - 1 };
    const quiet = { height: HEIGHT, round: 0, step: SIGNER_STEP.none };
    const ahead = { ...precommitted, height: HEIGHT + 50 };
    for (const [last, until] of [
      [undefined, 0],
      [below, 0],
      [precommitted, HEIGHT],
      [quiet, HEIGHT],
      [ahead, HEIGHT + 50],
    ] as const) {
      const recovered = recoverHeight(coreThatAsks([sign(PREVOTE)]), UNDER_WAY, damaged(log()), last);
      assert.deepEqual([recovered.started, recovered.mutedHeight], [false, until]);
    }
    const muted = damaged([encodeMuteRecord(HEIGHT), ...log()]);
    assert.equal(recoverHeight(coreThatAsks(), UNDER_WAY, muted, below).mutedHeight, HEIGHT);
  });

  describe('a log of another parent', () => {
    const fill = (value: number) => new Uint8Array(32).fill(value);
    const others: readonly HeightParent[] = [
      { ...PARENT, genesisHash: fill(9) },
      { ...PARENT, lastBlockId: idOf('other') },
      { ...PARENT, appHash: fill(9) },
    ];
    const recoveredOn = (parent: HeightParent, records: readonly Uint8Array[], last = precommitted) =>
      recoverHeight(coreThatAsks([sign(PRECOMMIT)]), { context: CONTEXT, parent }, whole(records), last);

    it('leads to nothing, and mutes where the key has signed at that height', () => {
      assert.deepEqual([recoveredOn(PARENT, log()).started, recoveredOn(PARENT, log()).mutedHeight], [true, 0]);
      for (const parent of others) {
        const { started, effects, mutedHeight } = recoveredOn(parent, log());
        assert.deepEqual([started, effects, mutedHeight], [false, [], HEIGHT]);
        assert.ok(recoveredOn(parent, log(), { ...precommitted, height: HEIGHT - 1 }).mutedHeight < HEIGHT);
        assert.equal(recoveredOn(parent, [encodeMuteRecord(HEIGHT), ...log()]).mutedHeight, HEIGHT);
      }
    });

    it('does not hide what was begun on this one behind it', () => {
      const [foreign] = others as [HeightParent];
      const began = (parent: HeightParent) =>
        encodeWalRecord(
          { kind: 'newHeight', now: 1n, context: CONTEXT },
          { ...RECORD_PARTS, parent: () => parentOf(parent) },
        );
      const records = [began(foreign), began(PARENT)] as Uint8Array[];
      assert.equal(recoveredOn(PARENT, records).started, true);
      assert.equal(recoveredOn(PARENT, records.reverse()).started, false);
    });

    it('is known by its blocks as well, where it was written before heights named their parents', () => {
      const block = makeBlock(HEIGHT, START);
      const named = { ...PARENT, appHash: block.header.appHash };
      const [started, ...inputs] = log(
        { kind: 'block', now: 1n, blockId: idOf('a'), block },
        { kind: 'blockValidity', now: 1n, blockId: idOf('a'), verdict: 'valid' },
      ) as [Uint8Array, ...Uint8Array[]];
      const unnamed = [started.subarray(0, 3), ...inputs];
      assert.deepEqual(decodeWalRecord(unnamed[0] as Uint8Array), {
        kind: 'newHeight',
        now: 1n,
        height: HEIGHT,
        parent: undefined,
      });
      assert.equal(recoveredOn(named, unnamed).started, true);
      assert.equal(recoveredOn(PARENT, unnamed).started, false);
      assert.equal(recoveredOn(PARENT, unnamed.slice(0, 2)).started, true, 'what was not called valid does not count');
    });
  });
});
