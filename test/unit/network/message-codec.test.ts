import assert from 'node:assert/strict';
import fc from 'fast-check';
import { maxMessageBytes } from '#network/limits.ts';
import { decodeMessage, encodeMessage, MAX_BITMAPS, MAX_VOTES_PER_MESSAGE } from '#network/message-codec.ts';
import type { Message, RoundStepMessage } from '#network/messages.ts';
import { NIL_BLOCK_ID } from '#types/block-id.ts';
import { PRECOMMIT, PREVOTE } from '#types/vote.ts';
import { BizraError } from '#util/errors.ts';
import { blockId, bytesOf, proposal, vote } from './support/samples.ts';

const LIMITS = { maxBlockBytes: 200_000, maxTxBytes: 10_000 };

const ROUND_STEP: RoundStepMessage = {
  kind: 'roundStep',
  height: 9_000_000_000,
  round: 3,
  step: 'precommit',
  hasProposal: true,
  hasBlocks: [blockId(1), blockId(3)],
  votes: [
    { round: 3, type: PREVOTE, bitmap: Uint8Array.of(0b101) },
    { round: 1, type: PRECOMMIT, bitmap: Uint8Array.of(0) },
  ],
  lastCommit: { round: 4, bitmap: Uint8Array.of(15) },
  headHeight: 8_999_999_999,
  baseHeight: 1,
};

const MESSAGES: readonly Message[] = [
  { kind: 'proposal', proposal: proposal(), block: bytesOf(300, 7) },
  { kind: 'proposal', proposal: proposal(), block: undefined },
  { kind: 'votes', votes: [vote(0), vote(1, NIL_BLOCK_ID), vote(2)] },
  ROUND_STEP,
  { ...ROUND_STEP, step: 'newHeight', hasBlocks: [], votes: [], lastCommit: undefined, headHeight: 0, baseHeight: 0 },
  { kind: 'peerClaim', height: 7, round: 0, type: PRECOMMIT, blockId: blockId(8) },
  { kind: 'relayWish', height: 7, validators: new Uint8Array([5, 1]) },
];

describe('network messages', () => {
  for (const message of MESSAGES) {
    it(`${message.kind} comes back as it was`, () => {
      const bytes = encodeMessage(message);
      const back = decodeMessage(bytes, LIMITS);
      assert.deepEqual(back, message);
      assert.deepEqual(encodeMessage(back), bytes);
    });

    // How much of a block is there is for whoever decodes that.
    if (message.kind === 'proposal' && message.block !== undefined) continue;
    it(`${message.kind}: every cut and every appended byte is refused`, () => {
      const bytes = encodeMessage(message);
      for (let length = 0; length < bytes.length; length++) {
        assert.throws(() => decodeMessage(bytes.subarray(0, length), LIMITS), BizraError);
      }
      assert.throws(() => decodeMessage(Uint8Array.of(...bytes, 0), LIMITS), BizraError);
    });

    it(`${message.kind}: no flipped byte makes anything but a BizraError or a message`, () => {
      const bytes = encodeMessage(message);
      for (let index = 0; index < bytes.length; index++) {
        for (const mask of [1, 0x80, 0xff]) {
          const flipped = bytes.slice();
          flipped[index] = (flipped[index] as number) ^ mask;
          decodesOrRefuses(flipped);
        }
      }
    });
  }

  it('random bytes are refused with a BizraError', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 6 }), fc.uint8Array({ maxLength: 300 }), (tag, bytes) => {
        decodesOrRefuses(Uint8Array.of(tag, ...bytes));
      }),
      { numRuns: 2_000 },
    );
  });

  it('names an unknown kind', () => {
    assert.throws(() => decodeMessage(Uint8Array.of(200, 1), LIMITS), { code: 'unknown_kind' });
  });

  it('a message without votes is refused, and one with more than the bound', () => {
    assert.throws(() => decodeMessage(encodeMessage({ kind: 'votes', votes: [] }), LIMITS), { code: 'malformed' });
    const votes = Array.from({ length: MAX_VOTES_PER_MESSAGE + 1 }, () => vote(0));
    assert.throws(() => decodeMessage(encodeMessage({ kind: 'votes', votes }), LIMITS), { code: 'too_large' });
    const most = encodeMessage({ kind: 'votes', votes: votes.slice(1) });
    assert.equal(decodeMessage(most, LIMITS).kind, 'votes');
  });

  it('a roundStep with more bitmaps than there can be rounds of interest is refused', () => {
    const bitmap = { round: 0, type: PREVOTE, bitmap: Uint8Array.of(1) } as const;
    const bytes = encodeMessage({ ...ROUND_STEP, votes: Array.from({ length: MAX_BITMAPS + 1 }, () => bitmap) });
    assert.throws(() => decodeMessage(bytes, LIMITS), { code: 'too_large' });
  });

  it('a block id is whole or nil', () => {
    const half = { hash: bytesOf(32, 1), partSetHeader: { total: 0, hash: new Uint8Array(0) } };
    const bytes = encodeMessage({ kind: 'peerClaim', height: 1, round: 0, type: PREVOTE, blockId: half });
    assert.throws(() => decodeMessage(bytes, LIMITS), { code: 'malformed' });
  });

  it('stream-limit-per-protocol: a message longer than a block of the largest size, all in full, is refused', () => {
    const tooLong = new Uint8Array(maxMessageBytes(LIMITS.maxBlockBytes) + 1);
    tooLong[0] = 1;
    assert.throws(() => decodeMessage(tooLong, LIMITS), { code: 'too_large' });
  });

  it('the block of a proposal stays bytes, and is not copied', () => {
    const bytes = encodeMessage({ kind: 'proposal', proposal: proposal(), block: bytesOf(300, 7) });
    const message = decodeMessage(bytes, LIMITS);
    assert.ok(message.kind === 'proposal');
    assert.equal(message.block?.buffer, bytes.buffer);
  });
});

function decodesOrRefuses(bytes: Uint8Array): void {
  try {
    decodeMessage(bytes, LIMITS);
  } catch (error) {
    assert.ok(error instanceof BizraError, String(error));
  }
}
