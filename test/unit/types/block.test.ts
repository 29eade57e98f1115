import assert from 'node:assert/strict';
import { Block as ProtoBlock } from 'cosmjs-types/tendermint/types/block';
import { sha256 } from '#crypto/hash.ts';
import { merkleProofs } from '#crypto/merkle.ts';
import {
  type Block,
  blockIdOf,
  checkBlockBasics,
  checkHeaderBasics,
  encodeBlock,
  hashTxs,
  makePartSet,
  partSetHeaderOf,
  txHash,
  verifyPart,
} from '#types/block.ts';
import { blockIdKey, equalBlockIds, isNilBlockId, NIL_BLOCK_ID } from '#types/block-id.ts';
import { EMPTY_COMMIT, hashCommit } from '#types/commit.ts';
import { type DuplicateVoteEvidence, hashEvidenceList, makeDuplicateVoteEvidence } from '#types/evidence.ts';
import { PART_BYTES } from '#types/limits.ts';
import { hashResults } from '#types/results.ts';
import { PRECOMMIT, PREVOTE } from '#types/vote.ts';
import { EMPTY_BYTES, toHex } from '#util/bytes.ts';
import { makeBlock, makeBlockId, makeDuplicateVotes, makeHeader, makeValidators, NOW, signVote } from './fixtures.ts';

const keyed = makeValidators([5n, 4n, 3n]);
const txs = [Uint8Array.of(1, 2, 3), Uint8Array.of(4), new Uint8Array(70_000).fill(9)];
const block = makeBlock(keyed, txs, [makeDuplicateVotes(keyed, 3)]);
const badBlock = { name: 'BizraError', code: 'bad_block' };
const withHeader = (fields: Partial<Block['header']>): Block => ({ ...block, header: { ...block.header, ...fields } });

describe('block', () => {
  it('has the bytes of CometBFT when it is empty, sub-messages included', () => {
    const empty: Block = {
      header: makeHeader({ lastBlockId: NIL_BLOCK_ID }),
      txs: [],
      evidence: [],
      lastCommit: EMPTY_COMMIT,
    };
    assert.ok(toHex(encodeBlock(empty)).endsWith('12001a0022041a021200'));
    const decoded = ProtoBlock.decode(encodeBlock(block));
    assert.equal(toHex(ProtoBlock.encode(decoded).finish()), toHex(encodeBlock(block)), 'cosmjs-types reads the same');
  });

  it('has an id of header hash and part set', () => {
    const id = blockIdOf(block);
    assert.equal(id.partSetHeader.total, 2);
    assert.ok(equalBlockIds(id, blockIdOf(block, encodeBlock(block))));
    assert.ok(!equalBlockIds(id, blockIdOf({ ...block, txs: txs.slice(1) })));
  });

  it('basics: accepts itself and the first block', () => {
    checkBlockBasics(block);
    checkBlockBasics(block, txs.map(txHash));
    const first = withHeader({ lastBlockId: NIL_BLOCK_ID, lastCommitHash: hashCommit(EMPTY_COMMIT), height: 1000 });
    checkBlockBasics({ ...first, lastCommit: EMPTY_COMMIT });
  });

  it('basics: refuses contents that the header does not have', () => {
    assert.throws(() => checkBlockBasics({ ...block, txs: txs.slice(1) }), badBlock);
    assert.throws(() => checkBlockBasics({ ...block, txs: txs.toReversed() }), badBlock);
    assert.throws(() => checkBlockBasics(block, txs.slice(1).map(txHash)), badBlock);
    assert.throws(() => checkBlockBasics({ ...block, evidence: [] }), badBlock);
    assert.throws(() => checkBlockBasics({ ...block, lastCommit: EMPTY_COMMIT }), badBlock);
    const { lastCommit } = block;
    for (const changed of [
      { ...lastCommit, height: 3 },
      { ...lastCommit, blockId: makeBlockId(9) },
      { ...lastCommit, signatures: [] },
    ]) {
      assert.throws(() => checkBlockBasics({ ...block, lastCommit: changed }), badBlock);
    }
    for (const field of ['dataHash', 'lastCommitHash', 'evidenceHash'] as const) {
      assert.throws(() => checkBlockBasics(withHeader({ [field]: sha256(EMPTY_BYTES.slice()) })), badBlock);
    }
    assert.throws(() => checkBlockBasics(withHeader({ lastBlockId: NIL_BLOCK_ID })), badBlock);
  });

  it('basics: refuses headers that CometBFT refuses', () => {
    const { header } = block;
    const bad: Partial<Block['header']>[] = [
      { version: { block: 10n, app: 0n } },
      { chainId: '' },
      { height: 0 },
      { height: 2 ** 53 },
      { proposerAddress: new Uint8Array(19) },
      { validatorsHash: EMPTY_BYTES },
      { nextValidatorsHash: EMPTY_BYTES },
      { consensusHash: new Uint8Array(31) },
      { lastResultsHash: EMPTY_BYTES },
    ];
    for (const fields of bad) assert.throws(() => checkHeaderBasics({ ...header, ...fields }), { code: 'bad_header' });
  });

  it("data hash: leaves are the transactions' hashes", () => {
    assert.equal(toHex(hashTxs([])), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    const only = sha256(Uint8Array.of(1));
    assert.equal(toHex(hashTxs([only])), toHex(sha256(Uint8Array.of(0, ...only))));
  });

  it('results hash: log, info, events and codespace are not in it', () => {
    const result = { code: 1, data: Uint8Array.of(2), gasWanted: 3n, gasUsed: 4n };
    const base = toHex(hashResults([result]));
    const extra = { ...result, log: 'x', info: 'y', events: [{ type: 't', attributes: [] }], codespace: 'sdk' };
    assert.equal(toHex(hashResults([extra])), base);
    for (const changed of [{ code: 2 }, { data: EMPTY_BYTES }, { gasWanted: 5n }, { gasUsed: 5n }]) {
      assert.notEqual(toHex(hashResults([{ ...result, ...changed }])), base);
    }
    assert.notEqual(toHex(hashResults([result, result])), base);
  });
});

describe('part set', () => {
  it('cuts at 65,536 bytes and proves each part', () => {
    for (const [length, total] of [
      [1, 1],
      [PART_BYTES, 1],
      [PART_BYTES + 1, 2],
      [3 * PART_BYTES, 3],
    ] as const) {
      const bytes = new Uint8Array(length).fill(3);
      const { header, parts } = makePartSet(bytes);
      assert.equal(header.total, total);
      assert.deepEqual(partSetHeaderOf(bytes), header);
      assert.equal(
        parts.reduce((sum, part) => sum + part.bytes.length, 0),
        length,
      );
      assert.ok(parts.every((part) => verifyPart(header, part)));
    }
  });

  it('part-index-vs-proof: index, total and inner length must fit', () => {
    const bytes = Uint8Array.from({ length: 2 * PART_BYTES + 5 }, (_, i) => i % 251);
    const { header, parts } = makePartSet(bytes);
    const [first, second, third] = parts as [(typeof parts)[0], (typeof parts)[0], (typeof parts)[0]];
    assert.ok(verifyPart(header, second));
    assert.ok(!verifyPart(header, { ...second, index: 2 }), 'index beside the proof');
    assert.ok(!verifyPart(header, { ...second, index: 2, proof: { ...second.proof, index: 2 } }));
    assert.ok(!verifyPart(header, { ...first, proof: { ...first.proof, total: 4 } }));
    assert.ok(!verifyPart({ ...header, total: 4 }, first));
    assert.ok(!verifyPart(header, { ...first, bytes: first.bytes.slice(1) }));
    assert.ok(!verifyPart(header, { ...third, bytes: EMPTY_BYTES }));
    assert.ok(!verifyPart(header, { ...third, index: 3, proof: { ...third.proof, index: 3 } }));
    // Whoever cuts a block otherwise can prove his parts, but not under a set that anyone accepts.
    const cuts = [bytes.slice(0, 10), bytes.slice(10, 20)];
    const { root, proofs } = merkleProofs(cuts);
    const forged = cuts.map((cut, index) => ({ index, bytes: cut, proof: proofs[index] as (typeof proofs)[0] }));
    const verdicts = forged.map((part) => verifyPart({ total: 2, hash: root }, part));
    assert.deepEqual(verdicts, [false, true], 'a short inner part is refused');
  });
});

describe('block id', () => {
  it('nil is nil, and keys tell ids apart', () => {
    assert.ok(isNilBlockId(NIL_BLOCK_ID));
    const ids = [NIL_BLOCK_ID, makeBlockId(1), makeBlockId(2), { ...makeBlockId(1), hash: makeBlockId(2).hash }].concat(
      [{ ...makeBlockId(1), partSetHeader: { ...makeBlockId(1).partSetHeader, total: 9 } }],
    );
    assert.equal(new Set(ids.map(blockIdKey)).size, ids.length);
    for (const [i, a] of ids.entries()) {
      for (const [j, b] of ids.entries()) assert.equal(equalBlockIds(a, structuredClone(b)), i === j);
      assert.equal(isNilBlockId(a), i === 0);
    }
  });
});

describe('duplicate-vote evidence', () => {
  const base = { type: PRECOMMIT, height: 3, round: 1, timestamp: NOW, validatorIndex: 1 } as const;
  const first = signVote(keyed, { ...base, blockId: makeBlockId(1) });
  const second = signVote(keyed, { ...base, blockId: makeBlockId(2), timestamp: NOW + 5n });
  const nil = signVote(keyed, { ...base, blockId: NIL_BLOCK_ID });
  const make = (a = first, b = second): DuplicateVoteEvidence => makeDuplicateVoteEvidence(a, b, keyed.validators, NOW);

  it('evidence-time-source: order, powers and time do not depend on who saw what first', () => {
    assert.deepEqual(make(first, second), make(second, first));
    assert.equal(make().totalVotingPower, 12n);
    assert.equal(make().validatorPower, 4n);
    assert.equal(make().timestamp, NOW);
    assert.ok(isNilBlockId(make(first, nil).voteA.blockId), 'nil comes first');
    const samePartSet = { ...second, blockId: { ...first.blockId, partSetHeader: makeBlockId(2).partSetHeader } };
    assert.deepEqual(make(first, samePartSet).voteA, first, 'equal hashes are ordered by part set: total 2, then 3');
  });

  it('is no offence when height, round, type, validator or block say so', () => {
    const badEvidence = { name: 'BizraError', code: 'bad_evidence' };
    for (const other of [
      first,
      { ...first, timestamp: NOW + 1n },
      { ...second, height: 4 },
      { ...second, round: 2 },
      { ...second, type: PREVOTE as typeof PREVOTE },
      { ...second, validatorIndex: 2 },
      { ...second, validatorAddress: new Uint8Array(20) },
    ]) {
      assert.throws(() => make(first, other), badEvidence);
    }
    assert.throws(() => makeDuplicateVoteEvidence(first, second, makeValidators([1n], 8).validators, NOW), badEvidence);
  });

  it("the list's hash has the inner messages as leaves", () => {
    assert.equal(toHex(hashEvidenceList([])), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    assert.notEqual(toHex(hashEvidenceList([make()])), toHex(hashEvidenceList([make(), make(first, nil)])));
  });
});
