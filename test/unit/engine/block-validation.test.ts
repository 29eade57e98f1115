import assert from 'node:assert/strict';
import { sha256 } from '#crypto/hash.ts';
import { InlineVerifier } from '#crypto/verifier.ts';
import { expectedBlockTime, validateBlock } from '#engine/block-validation.ts';
import { type Body, makeBody } from '#engine/body.ts';
import type { ChainState } from '#engine/chain-state.ts';
import { advance, decodeChainState, encodeChainState } from '#engine/chain-state.ts';
import type { EvidenceRules } from '#engine/evidence-validation.ts';
import { type Block, hashTxs } from '#types/block.ts';
import { hashCommit } from '#types/commit.ts';
import type { Header } from '#types/header.ts';
import { DEFAULT_CONSENSUS_PARAMS, hashConsensusParams } from '#types/params.ts';
import { BizraError } from '#util/errors.ts';
import { NodeBench } from './bench.ts';

/** These blocks carry no evidence, so the past is never asked. */
const NO_HISTORY: EvidenceRules = {
  history: {
    chainId: '',
    initialHeight: 1,
    height: 0,
    time: 0n,
    params: DEFAULT_CONSENSUS_PARAMS.evidence,
    header: () => undefined,
    signedHeader: () => undefined,
    validators: async () => undefined,
  },
  committedAt: () => undefined,
};

const OTHER = new Uint8Array(32).fill(7);

async function codeOf(state: ChainState, body: Body, gas: bigint | undefined = 1n): Promise<string> {
  try {
    await validateBlock(new InlineVerifier(), state, body, () => gas, NO_HISTORY);
    return 'valid';
  } catch (error) {
    assert.ok(error instanceof BizraError, String(error));
    return error.code;
  }
}

describe('valid(v)', () => {
  let state: ChainState;
  let block: Block;

  before(async () => {
    const bench = await new NodeBench(1).install();
    await bench.start();
    await bench.run(20_000, () => bench.node.chain.state.height >= 2);
    const { chain } = bench.node;
    await bench.node.engine.stop();
    state = chain.state;
    const lastCommit = chain.heightContext().lastCommit;
    assert.ok(lastCommit !== undefined);
    block = chain.build(0, lastCommit, expectedBlockTime(state, { lastCommit })).block;
  });

  const withHeader = (changes: Partial<Header>): Body =>
    makeBody({ ...block, header: { ...block.header, ...changes } });

  it('holds for the block that a proposer builds', async () =>
    assert.equal(await codeOf(state, makeBody(block)), 'valid'));

  const altered: [field: string, code: string, changes: (header: Header) => Partial<Header>][] = [
    ['version of blocks', 'bad_header', ({ version }) => ({ version: { ...version, block: 10n } })],
    ['version of the app', 'wrong_version', ({ version }) => ({ version: { ...version, app: 99n } })],
    ['chain id', 'wrong_chain_id', () => ({ chainId: 'other' })],
    ['time', 'wrong_time', ({ time }) => ({ time: time + 1n })],
    ['app hash', 'wrong_app_hash', () => ({ appHash: OTHER })],
    ['consensus hash', 'wrong_consensus_hash', () => ({ consensusHash: OTHER })],
    ['last results hash', 'wrong_last_results_hash', () => ({ lastResultsHash: OTHER })],
    ['validators hash', 'wrong_validators_hash', () => ({ validatorsHash: OTHER })],
    ['next validators hash', 'wrong_next_validators_hash', () => ({ nextValidatorsHash: OTHER })],
    ['proposer', 'wrong_proposer', () => ({ proposerAddress: new Uint8Array(20).fill(7) })],
    ['last block id', 'bad_block', ({ lastBlockId }) => ({ lastBlockId: { ...lastBlockId, hash: OTHER } })],
    [
      'part set of the last block',
      'bad_block',
      ({ lastBlockId }) => ({ lastBlockId: { ...lastBlockId, partSetHeader: { total: 1, hash: OTHER } } }),
    ],
  ];
  for (const [field, code, changes] of altered) {
    it(`${field}: ${code}`, async () => assert.equal(await codeOf(state, withHeader(changes(block.header))), code));
  }

  it('a block on top of another block', async () => {
    const other = { ...state, lastBlockId: { ...state.lastBlockId, hash: OTHER } };
    assert.equal(await codeOf(other, makeBody(block)), 'wrong_last_block_id');
  });

  for (const field of ['dataHash', 'lastCommitHash', 'evidenceHash'] as const) {
    it(`${field}: does not fit the contents`, async () =>
      assert.notEqual(await codeOf(state, withHeader({ [field]: OTHER })), 'valid'));
  }

  it('height: must be the next, whatever the commit says', async () => {
    for (const height of [1, block.header.height - 1, block.header.height + 1, Number.MAX_SAFE_INTEGER])
      assert.notEqual(await codeOf(state, withHeader({ height })), 'valid');
  });

  it('last commit: every signature counts', async () => {
    const signatures = block.lastCommit.signatures.map((entry) => ({
      ...entry,
      signature: new Uint8Array(64).fill(3),
    }));
    const lastCommit = { ...block.lastCommit, signatures };
    const header = { ...block.header, lastCommitHash: hashCommit(lastCommit) };
    assert.equal(await codeOf(state, makeBody({ ...block, header, lastCommit })), 'wrong_last_commit');
  });

  it('transactions: canonical bytes, and sums within the parameters', async () => {
    const txs = [new Uint8Array(64).fill(1), new Uint8Array(64).fill(2)];
    const header = { ...block.header, dataHash: hashTxs(txs.map(sha256)) };
    const body = makeBody({ ...block, header, txs });
    assert.equal(await codeOf(state, body), 'valid');
    const { params } = state;
    const limited = (maxBytes: number, maxGas: number): ChainState => {
      const limits = { ...params, block: { ...params.block, maxBytes, maxGas } };
      return { ...state, params: limits };
    };
    // The hash of the parameters is in the header, so it changes with them.
    const under = async (limits: ChainState, gas: bigint): Promise<string> => {
      const fitted = { ...header, consensusHash: hashConsensusParams(limits.params) };
      return codeOf(limits, makeBody({ ...block, header: fitted, txs }), gas);
    };
    assert.equal(await under(limited(-1, 11), 6n), 'too_much_gas');
    assert.equal(await under(limited(-1, 12), 6n), 'valid');
    await assert.rejects(
      validateBlock(new InlineVerifier(), state, body, () => undefined, NO_HISTORY),
      /canonical/,
    );
  });

  it('stream-limit-per-protocol: all bytes of the block count, so that every valid one can be asked for', async () => {
    const { length } = makeBody(block).bytes;
    const under = (maxBytes: number): Promise<string> => {
      const params = { ...state.params, block: { ...state.params.block, maxBytes } };
      const header = { ...block.header, consensusHash: hashConsensusParams(params) };
      return codeOf({ ...state, params }, makeBody({ ...block, header }));
    };
    assert.deepEqual([await under(length), await under(length - 1), await under(-1)], ['valid', 'too_large', 'valid']);
  });

  it('own-proposal-valid: a transaction that peers refuse to carry makes a block invalid', async () => {
    for (const [size, code] of [
      [0, 'non_canonical_tx'],
      [63, 'non_canonical_tx'],
      [64, 'valid'],
    ] as const) {
      const txs = [new Uint8Array(size)];
      const header = { ...block.header, dataHash: hashTxs(txs.map(sha256)) };
      assert.equal(await codeOf(state, makeBody({ ...block, header, txs })), code, `${size} bytes`);
    }
  });

  it('the chain record comes back as it was', () => {
    const decoded = decodeChainState(encodeChainState(state));
    assert.deepEqual(encodeChainState(decoded), encodeChainState(state));
    assert.deepEqual({ ...decoded, ...sets(state) }, { ...state, ...sets(state) });
  });

  it('updates of a height enter the set after the next', () => {
    const update = { pubKey: { type: 'ed25519' as const, bytes: new Uint8Array(32).fill(5) }, power: 7n };
    const none = {
      blockId: state.lastBlockId,
      time: 1n,
      hadWork: false,
      consensusParams: undefined,
      appHash: OTHER,
      resultsHash: OTHER,
    };
    const at3 = advance(state, { ...none, height: 3, validatorUpdates: [update] });
    assert.equal(at3.validators.size, 1);
    assert.equal(at3.nextValidators.size, 2);
    const at4 = advance(at3, { ...none, height: 4, validatorUpdates: [] });
    assert.equal(at4.validators.size, 2);
    assert.equal(at4.lastValidators?.size, 1);
  });
});

function sets({ lastValidators, validators, nextValidators }: ChainState) {
  return { lastValidators, validators, nextValidators };
}
