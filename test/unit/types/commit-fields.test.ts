import assert from 'node:assert/strict';
import { InlineVerifier, type Verifier } from '#crypto/verifier.ts';
import { NIL_BLOCK_ID } from '#types/block-id.ts';
import {
  ABSENT_COMMIT_SIG,
  type Commit,
  type CommitSig,
  commitSignBytes,
  decodeCommit,
  encodeCommit,
  FLAG_ABSENT,
  FLAG_COMMIT,
  FLAG_NIL,
  medianTime,
} from '#types/commit.ts';
import { verifyCommit } from '#types/commit-verification.ts';
import { PRECOMMIT, voteSignBytes } from '#types/vote.ts';
import { toHex } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { alteredCommits } from './altered-commits.ts';
import { CHAIN_ID, makeBlockId, makeCommit, makeValidators, NOW } from './fixtures.ts';

const [A, C, N] = [FLAG_ABSENT, FLAG_COMMIT, FLAG_NIL] as const;
const HEIGHT = 3;
const blockId = makeBlockId(7);
const keyed = makeValidators([5n, 4n, 4n, 3n, 1n, 1n]);
const { validators } = keyed;
// 13 of 18 for the block, one for nil, one absent.
const commit = makeCommit(keyed, HEIGHT, blockId, [C, C, C, N, C, A]);

const verify = (altered: Commit, verifier: Verifier = new InlineVerifier()): Promise<void> =>
  verifyCommit(verifier, CHAIN_ID, validators, blockId, HEIGHT, altered);

describe('fields of a commit', () => {
  it('is valid as it stands, and comes back from its bytes', async () => {
    await verify(commit);
    await verify(decodeCommit(encodeCommit(commit)));
  });

  it('commit-sig-address-bound, commit-foreign-signatures: whatever is altered is refused', async () => {
    const altered = alteredCommits(keyed, commit);
    assert.ok(altered.length > 150, `${altered.length} alterations`);
    for (const [what, other] of altered) {
      const isUnchanged = toHex(encodeCommit(other)) === toHex(encodeCommit(commit));
      assert.ok(!isUnchanged, `${what} changes something`);
      await assert.rejects(verify(other), BizraError, what);
    }
  });

  it('what is altered besides the signed bytes is refused even by a verifier that says yes to all', async () => {
    const gullible: Verifier = { verify: async (items) => items.map(() => true) };
    const unsigned = alteredCommits(keyed, commit).filter(([what]) => /address|entries|twice|left out/.test(what));
    assert.ok(unsigned.length > 30);
    for (const [what, other] of unsigned) {
      // A missing signature is a matter of decoding and of the verifier.
      if (!what.includes('signature left out'))
        await assert.rejects(verify(other, gullible), { code: 'bad_commit' }, what);
    }
  });

  it('commit-foreign-signatures: one bad entry costs the commit, however much power is left without it', async () => {
    const all = makeCommit(keyed, HEIGHT, blockId);
    for (const index of all.signatures.keys()) {
      const entry = { ...(all.signatures[index] as CommitSig), signature: new Uint8Array(64) };
      await assert.rejects(verify({ ...all, signatures: all.signatures.with(index, entry) }), {
        code: 'bad_signature',
      });
    }
  });

  it('an absent entry with content is refused', async () => {
    const { signatures } = makeCommit(keyed, HEIGHT, blockId);
    const last = signatures[5] as CommitSig;
    for (const change of [
      { validatorAddress: last.validatorAddress },
      { timestamp: last.timestamp },
      { signature: last.signature },
    ]) {
      const other = { ...commit, signatures: commit.signatures.with(5, { ...ABSENT_COMMIT_SIG, ...change }) };
      await assert.rejects(verify(other), { code: 'bad_commit', message: /absent entry 5/ });
      assert.throws(() => decodeCommit(encodeCommit(other)), { code: 'bad_encoding' });
    }
  });

  it('an absent entry with content is not decoded', () => {
    for (const change of [
      { validatorAddress: new Uint8Array(20) },
      { timestamp: NOW },
      { signature: new Uint8Array(64) },
    ]) {
      const other = { ...commit, signatures: commit.signatures.with(5, { ...ABSENT_COMMIT_SIG, ...change }) };
      assert.throws(() => decodeCommit(encodeCommit(other)), { code: 'bad_encoding' });
    }
  });

  it('counts of entries other than that of the validators are refused, by verification and by block time', async () => {
    const { signatures } = commit;
    for (const entries of [signatures.slice(0, -1), [...signatures, ABSENT_COMMIT_SIG]]) {
      const other = { ...commit, signatures: entries };
      await assert.rejects(verify(other), { code: 'bad_commit' });
      assert.throws(() => medianTime(other, validators), { code: 'bad_commit' });
    }
  });

  it('what each entry signs is its precommit: all that is read of it later is in there, or follows from its place', () => {
    for (const [index, sig] of commit.signatures.entries()) {
      if (sig.flag === FLAG_ABSENT) continue;
      const vote = {
        type: PRECOMMIT,
        height: HEIGHT,
        round: commit.round,
        blockId: sig.flag === FLAG_COMMIT ? blockId : NIL_BLOCK_ID,
        timestamp: sig.timestamp,
        validatorAddress: sig.validatorAddress,
        validatorIndex: index,
      } as const;
      const expected = toHex(voteSignBytes(CHAIN_ID, vote));
      assert.equal(toHex(commitSignBytes(CHAIN_ID, commit, index)), expected);
      // Each field changes the bytes, but for those that the place determines.
      for (const other of [
        { ...vote, height: HEIGHT + 1 },
        { ...vote, round: commit.round + 1 },
        { ...vote, timestamp: vote.timestamp + 1n },
        { ...vote, blockId: sig.flag === FLAG_COMMIT ? NIL_BLOCK_ID : blockId },
        { ...vote, blockId: makeBlockId(8) },
        { ...vote, type: 1 as const },
      ])
        assert.notEqual(toHex(voteSignBytes(CHAIN_ID, other)), expected);
      assert.notEqual(toHex(voteSignBytes('other-1', vote)), expected);
    }
  });
});
