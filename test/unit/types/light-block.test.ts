import assert from 'node:assert/strict';
import {
  conflictingBlockOf,
  decodeLightBlock,
  encodeLightBlock,
  type LightBlock,
  MAX_LIGHT_BLOCK_BYTES,
  writeConflictingBlock,
} from '#types/light-block.ts';
import { encodeWith } from '#types/wire-writer.ts';
import { concatBytes } from '#util/bytes.ts';
import { LightChain, members } from '../light/support.ts';

describe('light block', () => {
  const chain = new LightChain({ heights: 9, members: (height) => members(height), absent: () => [0] });

  const hashed = (block: LightBlock): LightBlock => {
    block.validators.hash(); // computed when it is asked for, and then kept
    return block;
  };

  it('reads back as it was written, with its priorities and proposer', () => {
    for (const height of [1, 2, 9]) {
      const block = hashed(chain.block(height));
      const turned = hashed({ ...block, validators: block.validators.incremented(3) });
      for (const original of [block, turned]) {
        assert.deepEqual(hashed(decodeLightBlock(encodeLightBlock(original))), original);
      }
    }
  });

  it('is refused cut off at any byte, with more behind it, or too large', () => {
    const bytes = encodeLightBlock(chain.block(2));
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => decodeLightBlock(bytes.subarray(0, length)), { name: 'BizraError' }, `${length} bytes`);
    }
    for (const tail of [[0], [8, 1], [0x1a, 0]]) {
      assert.throws(() => decodeLightBlock(concatBytes(bytes, Uint8Array.from(tail))), { code: 'bad_encoding' });
    }
    assert.throws(() => decodeLightBlock(new Uint8Array(MAX_LIGHT_BLOCK_BYTES + 1)), { code: 'bad_encoding' });
  });

  it('is refused with validators that are no set of ours', () => {
    const block = conflictingBlockOf(chain.block(3));
    const [first] = block.validators;
    assert.ok(first !== undefined);
    const others = [
      { ...block, validators: block.validators.toReversed() },
      { ...block, validators: [first, ...block.validators] },
      { ...block, validators: [] },
      { ...block, validators: block.validators.with(0, { ...first, votingPower: 0n }) },
      { ...block, proposer: { ...block.proposer, proposerPriority: block.proposer.proposerPriority + 1n } },
      { ...block, proposer: { ...block.proposer, votingPower: 11n } },
    ];
    for (const other of others) {
      const bytes = encodeWith((writer) => writeConflictingBlock(writer, other));
      assert.throws(() => decodeLightBlock(bytes), { name: 'BizraError' });
    }
  });
});
