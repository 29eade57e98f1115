import assert from 'node:assert/strict';
import { EMPTY_BYTES } from '#util/bytes.ts';
import type { Applied } from './checkers/checkers.ts';
import { Validity } from './checkers/validity.ts';
import { GENESIS_MS } from './time/clock.ts';

const HASH = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const TX = new Uint8Array([1, 2, 3]);

interface Shape {
  readonly timeMs?: number;
  readonly on?: number;
  readonly appHash?: number;
  readonly validators?: number;
  readonly txs?: readonly Uint8Array[];
}

/** Block n has hash n, leads to app hash n and comes n seconds after genesis. */
function applied(height: number, shape: Shape = {}): Applied {
  const { timeMs = height * 1_000, on = height - 1, appHash = height - 1, validators = 9, txs = [] } = shape;
  const header = {
    time: BigInt(GENESIS_MS + timeMs) * 1_000_000n,
    lastBlockId: { hash: HASH(on), parts: { total: 1, hash: EMPTY_BYTES } },
    appHash: HASH(appHash),
    validatorsHash: HASH(validators),
    nextValidatorsHash: HASH(9),
  };
  return {
    machine: 'n0',
    height,
    block: { header, txs, evidence: [] } as unknown as Applied['block'],
    blockId: { hash: HASH(height), parts: { total: 1, hash: EMPTY_BYTES } } as unknown as Applied['blockId'],
    appHash: HASH(height),
  };
}

function follow(second: Shape): () => void {
  const validity = new Validity();
  validity.wasSent(TX);
  return () => {
    validity.decided(applied(1), 1_000, false);
    validity.decided(applied(2, second), 2_000, false);
  };
}

describe('sim: validity of decided blocks', () => {
  it('takes a chain whose blocks lead on from each other', () => {
    follow({ txs: [TX] })();
  });

  const BAD: readonly (readonly [string, Shape, RegExp])[] = [
    ['a time that stands still', { timeMs: 1_000 }, /does not advance/],
    ['a time in the future', { timeMs: 60_000 }, /ahead/],
    ['another parent', { on: 7 }, /on top of another/],
    ['another state', { appHash: 7 }, /app hash/],
    ['other validators', { validators: 7 }, /validators/],
    ['a transaction that nobody sent', { txs: [new Uint8Array([9])] }, /nobody sent/],
    ['a transaction twice', { txs: [TX, TX] }, /twice/],
  ];
  for (const [what, shape, message] of BAD) {
    it(`refuses ${what}`, () => {
      assert.throws(follow(shape), message);
    });
  }
});
