import assert from 'node:assert/strict';
import type { DecodedTx } from '#app/tx.ts';
import { sha256 } from '#crypto/hash.ts';
import { Chain, type ChainComponents } from '#engine/chain.ts';
import type { ChainState } from '#engine/chain-state.ts';
import type { CommitSig } from '#types/commit.ts';
import { type Evidence, encodeEvidenceList } from '#types/evidence.ts';
import { DEFAULT_CONSENSUS_PARAMS } from '#types/params.ts';
import { blockId, CHAIN_ID, PaperChain, text } from '../evidence/support.ts';

/** Bytes in front of a transaction of 128 to 16,383 bytes in a block. */
const FRAMING = 3;

/** What of the list fits, as the pool does it. */
function fitting(list: readonly Evidence[], maxBytes: number): Evidence[] {
  const fits: Evidence[] = [];
  for (const item of list) if (encodeEvidenceList([...fits, item]).length <= maxBytes) fits.push(item);
  return fits;
}

/** A proposer with more evidence and transactions than any block takes. */
function proposer(validators: number, maxBytes: number, maxEvidenceBytes: number) {
  const paper = new PaperChain(Array.from({ length: validators }, (_, index) => BigInt(1_000 + index)));
  const list = [1_000n, 1_001n, 1_002n, 1_003n].flatMap((power) =>
    Array.from({ length: 8 }, (_, index) => paper.doubleVote(power, 5 + index)),
  );
  const asked: number[] = [];
  const supply = {
    reap: (limit: number): DecodedTx[] => {
      asked.push(limit);
      const count = Math.floor(limit / (FRAMING + 200));
      const bytes = (length: number): DecodedTx => {
        const tx = new Uint8Array(length).fill(7);
        return { bytes: tx, hash: sha256(tx) } as unknown as DecodedTx;
      };
      const rest = limit - count * (FRAMING + 200);
      // The last one takes what is left, to the byte.
      return Array.from({ length: count }, (_, index) => bytes(index === count - 1 ? 200 + rest : 200));
    },
    hasWork: () => true,
  };
  const state: ChainState = {
    chainId: CHAIN_ID,
    initialHeight: 1,
    genesisHash: text('genesis'),
    height: 9,
    lastBlockId: blockId('last'),
    lastBlockTime: paper.time(9),
    lastValidators: paper.validators,
    validators: paper.validators,
    nextValidators: paper.validators,
    params: {
      ...DEFAULT_CONSENSUS_PARAMS,
      block: { maxBytes, maxGas: -1 },
      evidence: { ...DEFAULT_CONSENSUS_PARAMS.evidence, maxBytes: maxEvidenceBytes },
    },
    appHash: text('app'),
    lastResultsHash: text('results'),
    proofBlockDue: false,
    blockIntervalMinMs: 0,
    emptyBlockIntervalMs: 0,
  };
  const evidence = {
    reap: (limit: number) => fitting(list, limit),
    hasWork: (limit: number) => fitting(list, limit).length > 0,
  };
  const components = { supply, evidence, address: paper.validators.get(0)?.address } as unknown as ChainComponents;
  const chain = new Chain(components, state, undefined);
  const header = paper.header(9);
  const commit = paper.commit(header, 2 ** 31 - 1);
  // The longest that an entry can be: nanoseconds of nine digits, seconds of five bytes.
  const signatures = commit.signatures.map((sig): CommitSig => ({ ...sig, timestamp: header.time + 999_999_999n }));
  return { chain, asked, state, lastCommit: { ...commit, signatures } };
}

describe('the largest block', () => {
  for (const [validators, maxBytes] of [
    [4, 8_000],
    [4, 64_000],
    [100, 40_000],
  ] as const) {
    it(`evidence-overfills-block: ${validators} signatures, all evidence and all data fit into ${maxBytes} bytes`, () => {
      const { chain, lastCommit } = proposer(validators, maxBytes, 3_000);
      const { block, bytes } = chain.build(0, lastCommit, 0n);
      assert.ok(block.evidence.length > 3 && block.txs.length > 1);
      assert.ok(encodeEvidenceList(block.evidence).length <= 3_000);
      assert.ok(bytes.length <= maxBytes, `${bytes.length} bytes`);
      // Not far below either: the slack is what signatures and header might have taken.
      assert.ok(bytes.length > maxBytes - 637 - 94 - 30 * validators, `${bytes.length} bytes`);
    });
  }

  it('evidence goes first, and gives way to header and commit alone', () => {
    const { chain, asked, lastCommit } = proposer(4, 3_000, 3_000);
    const { block, bytes } = chain.build(0, lastCommit, 0n);
    assert.ok(block.evidence.length > 0);
    assert.ok(bytes.length <= 3_000, `${bytes.length} bytes`);
    assert.ok((asked[0] ?? Number.NaN) < 500);
  });

  it('a block with no room for evidence carries none, and evidence alone is then no work', () => {
    const { chain, lastCommit } = proposer(4, 1_300, 1_300);
    assert.deepEqual(chain.build(0, lastCommit, 0n).block.evidence, []);
  });
});
