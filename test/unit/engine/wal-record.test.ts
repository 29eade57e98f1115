import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Input } from '#consensus/input.ts';
import { decodeWalRecord, encodeMuteRecord, encodeWalRecord } from '#engine/wal-record.ts';
import { type Block, encodeBlock } from '#types/block.ts';
import { NIL_BLOCK_ID } from '#types/block-id.ts';
import { PRECOMMIT, PREVOTE, type Vote } from '#types/vote.ts';
import { BizraError } from '#util/errors.ts';
import { idOf, makeBlock, START } from '../consensus/bench.ts';

const now = START + 123n;
const PARENT = Uint8Array.of(1, 2, 3);
const RECORD_PARTS = { encodedBlock: encodeBlock, parent: () => PARENT };
const BLOCK: Block = makeBlock(7, START);
const VOTE: Vote = {
  type: PREVOTE,
  height: 7,
  round: 2,
  blockId: idOf('a'),
  timestamp: now,
  validatorAddress: new Uint8Array(20).fill(9),
  validatorIndex: 3,
  signature: new Uint8Array(64).fill(1),
};
const PROPOSAL = {
  height: 7,
  round: 2,
  polRound: -1,
  blockId: idOf('a'),
  timestamp: now,
  signature: new Uint8Array(64).fill(2),
};

const INPUTS: readonly Input[] = [
  { kind: 'proposal', now, proposal: PROPOSAL },
  { kind: 'proposal', now, proposal: { ...PROPOSAL, polRound: 1 } },
  { kind: 'block', now, blockId: idOf('a'), block: BLOCK },
  { kind: 'vote', now, vote: VOTE },
  { kind: 'vote', now, vote: { ...VOTE, type: PRECOMMIT, blockId: NIL_BLOCK_ID, round: 2 ** 31 - 1 } },
  { kind: 'timeout', now, height: 7, round: 0, step: 'newHeight' },
  { kind: 'timeout', now, height: 7, round: 3, step: 'precommitWait' },
  { kind: 'blockValidity', now, blockId: idOf('a'), verdict: 'valid' },
  { kind: 'blockValidity', now, blockId: idOf('a'), verdict: 'invalid' },
  { kind: 'blockValidity', now, blockId: idOf('a'), verdict: 'unjudged' },
  { kind: 'blockBuilt', now, height: 7, round: 1, blockId: idOf('a'), block: BLOCK },
  { kind: 'signed', now, message: { kind: 'vote', vote: VOTE } },
  { kind: 'signed', now, message: { kind: 'proposal', proposal: PROPOSAL } },
  { kind: 'signRefused', now, height: 7, round: 1, type: 'proposal' },
  { kind: 'signRefused', now, height: 7, round: 1, type: PRECOMMIT },
  { kind: 'workAvailable', now },
  { kind: 'peerClaim', now, peer: 'a peer', height: 7, round: 2, type: PREVOTE, blockId: idOf('a') },
];

function encode(input: Input): Uint8Array {
  const record = encodeWalRecord(input, RECORD_PARTS);
  assert.ok(record !== undefined);
  return record;
}

describe('records of the consensus log', () => {
  for (const input of INPUTS) {
    it(`a ${input.kind} comes back as it was`, () => assert.deepEqual(decodeWalRecord(encode(input)), input));
  }

  it('a new height comes back as its number and its parent, and nothing is kept of a decided block', () => {
    const context = { height: 7 } as Extract<Input, { kind: 'newHeight' }>['context'];
    assert.deepEqual(decodeWalRecord(encode({ kind: 'newHeight', now, context })), {
      kind: 'newHeight',
      now,
      height: 7,
      parent: PARENT,
    });
    const commit = { height: 7, round: 0, blockId: idOf('a'), signatures: [] };
    assert.equal(encodeWalRecord({ kind: 'decided', now, block: BLOCK, commit }, RECORD_PARTS), undefined);
  });

  it('keeps heights up to 2^53 - 1', () => {
    const height = Number.MAX_SAFE_INTEGER;
    assert.deepEqual(decodeWalRecord(encodeMuteRecord(height)), { kind: 'muted', height });
  });

  it('refuses other bytes with a BizraError', () => {
    fc.assert(
      fc.property(fc.constantFrom(...INPUTS), fc.nat(), fc.nat(255), (input, at, value) => {
        const record = encode(input);
        record[at % record.length] = value;
        try {
          decodeWalRecord(record);
        } catch (error) {
          assert.ok(error instanceof BizraError && error.code === 'damaged_wal', String(error));
        }
      }),
    );
    assert.throws(() => decodeWalRecord(new Uint8Array([99, 0])), /unknown kind 99/);
  });
});
