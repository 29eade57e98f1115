import assert from 'node:assert/strict';
import { MAX_BLOCK_BYTES } from '#types/limits.ts';
import {
  blockBytesMax,
  type ConsensusParams,
  DEFAULT_CONSENSUS_PARAMS,
  hashConsensusParams,
  validateConsensusParams,
} from '#types/params.ts';
import { toHex } from '#util/bytes.ts';

const defaults = DEFAULT_CONSENSUS_PARAMS;
const badParams = (name: string) => (error: Error & { code?: string }) =>
  error.code === 'bad_params' && error.message.includes(name);

describe('consensus parameters', () => {
  it('without a limit of its own, a block has the one that all have', () => {
    const block = (maxBytes: number) => ({ block: { maxBytes, maxGas: -1 } });
    assert.deepEqual([blockBytesMax(block(-1)), blockBytesMax(block(9))], [MAX_BLOCK_BYTES, 9]);
  });

  it("hash: CometBFT's defaults, and only the block's limits count", () => {
    const comet: ConsensusParams = { ...defaults, block: { maxBytes: 22_020_096, maxGas: -1 } };
    const expected = '048091bc7ddc283f77bfbf91d73c44da58c3df8a9cbc867405d8b7f3daada22f';
    assert.equal(toHex(hashConsensusParams(comet)), expected);
    assert.equal(toHex(hashConsensusParams({ ...comet, version: { app: 9n } })), expected);
    assert.notEqual(toHex(hashConsensusParams({ ...comet, block: { maxBytes: 22_020_096, maxGas: 0 } })), expected);
  });

  it('unsafe-param-defaults: a block of 4 MiB, evidence as long as unbonding', () => {
    validateConsensusParams(defaults);
    assert.ok(defaults.block.maxBytes <= 4 * 1024 * 1024);
    assert.equal(defaults.evidence.maxAgeDurationNs, 21n * 24n * 3600n * 1_000_000_000n);
    assert.ok(defaults.evidence.maxAgeNumBlocks >= (21 * 24 * 3600) / 0.25);
    assert.throws(() => {
      (defaults.block as { maxBytes: number }).maxBytes = 5;
    }, TypeError);
  });

  it('param-change-throws: every bad value is an error that names its field', () => {
    const block = (fields: object) => ({ ...defaults, block: { ...defaults.block, ...fields } });
    const evidence = (fields: object) => ({ ...defaults, evidence: { ...defaults.evidence, ...fields } });
    const bad: [string, ConsensusParams][] = [
      ['block.max_bytes', block({ maxBytes: 0 })],
      ['block.max_bytes', block({ maxBytes: -2 })],
      ['block.max_bytes', block({ maxBytes: 104_857_601 })],
      ['block.max_bytes', block({ maxBytes: 1.5 })],
      ['block.max_gas', block({ maxGas: -2 })],
      ['block.max_gas', block({ maxGas: Number.NaN })],
      ['evidence.max_age_num_blocks', evidence({ maxAgeNumBlocks: 0 })],
      ['evidence.max_age_duration', evidence({ maxAgeDurationNs: 0n })],
      ['evidence.max_age_duration', evidence({ maxAgeDurationNs: 2n ** 63n })],
      ['evidence.max_bytes', evidence({ maxBytes: -1 })],
      ['evidence.max_bytes', evidence({ maxBytes: defaults.block.maxBytes + 1 })],
      ['validator.pub_key_types', { ...defaults, validator: { pubKeyTypes: [] } }],
      ['validator.pub_key_types', { ...defaults, validator: { pubKeyTypes: ['bls12381'] } }],
      ['vote_extensions_enable_height', { ...defaults, abci: { voteExtensionsEnableHeight: 5 } }],
    ];
    for (const [name, params] of bad) assert.throws(() => validateConsensusParams(params), badParams(name), name);
    validateConsensusParams(block({ maxBytes: -1, maxGas: 0 }));
    validateConsensusParams(evidence({ maxAgeDurationNs: 2n ** 63n - 1n, maxBytes: 0 }));
  });
});
