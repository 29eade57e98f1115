import assert from 'node:assert/strict';
import { merkleRoot } from '#crypto/merkle.ts';
import { InlineVerifier, type Verifier, type VerifyItem } from '#crypto/verifier.ts';
import type { ChainHistory } from '#evidence/history.ts';
import { isAheadOf, verifyEvidence } from '#evidence/verify-evidence.ts';
import { ABSENT_COMMIT_SIG } from '#types/commit.ts';
import { decodeEvidence, type Evidence, encodeEvidence, type LightClientAttackEvidence } from '#types/evidence.ts';
import { writeSimpleValidator } from '#types/validator.ts';
import type { Validator } from '#types/validator-set.ts';
import { encodeEach } from '#types/wire-writer.ts';
import { BizraError } from '#util/errors.ts';
import { PaperChain, SECOND, text } from './support.ts';

/** Counts what is asked of it: signatures are what costs. */
class CountingVerifier implements Verifier {
  asked = 0;
  private readonly inner = new InlineVerifier();

  verify(items: readonly VerifyItem[]): Promise<boolean[]> {
    this.asked += items.length;
    return this.inner.verify(items);
  }
}

describe('verifyEvidence', () => {
  const chain = new PaperChain();
  const lie = { appHash: text('a lie') };

  const verdict = async (evidence: Evidence, history: ChainHistory, verifier: Verifier = new InlineVerifier()) => {
    try {
      await verifyEvidence(verifier, history, evidence);
      return 'holds';
    } catch (error) {
      assert.ok(error instanceof BizraError, String(error));
      return error.code;
    }
  };

  it('two votes of a validator hold as soon as their height is applied', async () => {
    assert.equal(await verdict(chain.doubleVote(40n, 5), chain.history(5)), 'holds');
    assert.equal(await verdict(chain.doubleVote(10n, 5), chain.history(100)), 'holds');
    assert.equal(await verdict(chain.doubleVote(10n, 1), chain.history(1)), 'holds');
  });

  it('evidence-once-and-in-time: before its height is applied it is early, and nobody is at fault', async () => {
    assert.equal(await verdict(chain.doubleVote(40n, 6), chain.history(5)), 'evidence_early');
    assert.equal(await verdict(chain.attack(5, 7, lie), chain.history(5)), 'evidence_early');
  });

  it('evidence-time-source: the time is that of the block, nobody else knows one', async () => {
    const evidence = chain.doubleVote(40n);
    const other = { ...evidence, timestamp: evidence.timestamp + 1n };
    assert.equal(await verdict(other, chain.history(9)), 'evidence_forged');
    const attack = chain.attack(3, 5, lie);
    assert.equal(await verdict({ ...attack, timestamp: chain.time(5) }, chain.history(9)), 'evidence_forged');
  });

  it('expires when it is too old in blocks and in time, not in one of them alone', async () => {
    const evidence = chain.doubleVote(40n, 5);
    const under = (maxAgeNumBlocks: number, seconds: bigint): ChainHistory =>
      chain.history(15, { params: { maxAgeNumBlocks, maxAgeDurationNs: seconds * SECOND, maxBytes: 1_000 } });
    assert.equal(await verdict(evidence, under(9, 9n)), 'evidence_expired');
    assert.equal(await verdict(evidence, under(10, 9n)), 'holds');
    assert.equal(await verdict(evidence, under(9, 10n)), 'holds');
    assert.equal(await verdict(evidence, under(10, 10n)), 'holds');
  });

  it('heights that are not kept cannot be judged; heights before the first are forged', async () => {
    const without = chain.history(9, { header: () => undefined });
    assert.equal(await verdict(chain.doubleVote(40n), without), 'evidence_unknown_height');
    const unsigned = chain.history(9, { signedHeader: () => undefined });
    assert.equal(await verdict(chain.attack(3, 5, lie), unsigned), 'evidence_unknown_height');
    assert.equal(await verdict(chain.doubleVote(40n, 5), chain.history(9, { initialHeight: 6 })), 'evidence_forged');
  });

  it('vote-index-bounds: an index that is not the validator of that address, or no index at all', async () => {
    const evidence = chain.doubleVote(40n);
    for (const validatorIndex of [1, 3, 4, 9_999, 2 ** 31 - 1]) {
      const moved = {
        ...evidence,
        voteA: { ...evidence.voteA, validatorIndex },
        voteB: { ...evidence.voteB, validatorIndex },
      };
      assert.equal(await verdict(moved, chain.history(9)), 'evidence_forged', `index ${validatorIndex}`);
    }
  });

  it('every other field of a double vote counts, too', async () => {
    const evidence = chain.doubleVote(40n);
    const { voteA, voteB } = evidence;
    const altered: Partial<typeof evidence>[] = [
      { voteA: voteB, voteB: voteA },
      { voteB: voteA },
      { voteA: { ...voteA, timestamp: voteA.timestamp + 1n } },
      { voteB: { ...voteB, round: 1 } },
      { voteA: { ...voteA, round: 1 }, voteB: { ...voteB, round: 1 } },
      { voteA: { ...voteA, type: 2 }, voteB: { ...voteB, type: 2 } },
      { voteB: { ...voteB, signature: voteA.signature } },
      { totalVotingPower: 101n },
      { validatorPower: 41n },
      { validatorPower: 30n },
    ];
    for (const changes of altered) {
      assert.equal(await verdict({ ...evidence, ...changes }, chain.history(9)), 'evidence_forged');
    }
  });

  it('signatures come last: what is wrong besides costs none', async () => {
    const verifier = new CountingVerifier();
    const evidence = chain.doubleVote(40n);
    const attack = chain.attack(3, 5, lie);
    const cheap: Evidence[] = [
      { ...evidence, totalVotingPower: 1_000n },
      { ...evidence, timestamp: 0n },
      { ...attack, totalVotingPower: 1n },
      { ...attack, byzantineValidators: [] },
      { ...attack, conflictingBlock: { ...attack.conflictingBlock, header: chain.header(5) } },
    ];
    for (const item of cheap) assert.equal(await verdict(item, chain.history(9), verifier), 'evidence_forged');
    assert.equal(verifier.asked, 0);
    assert.equal(await verdict(evidence, chain.history(9), verifier), 'holds');
    assert.equal(verifier.asked, 2);
  });

  it('a commit of garbage costs a handful of signatures, whatever its size', async () => {
    const large = new PaperChain(Array.from({ length: 60 }, (_, index) => BigInt(100 + index)));
    const attack = large.attack(3, 5, lie);
    const signatures = attack.conflictingBlock.commit.signatures.map((sig) => ({
      ...sig,
      signature: new Uint8Array(64).fill(1),
    }));
    const commit = { ...attack.conflictingBlock.commit, signatures };
    const verifier = new CountingVerifier();
    const garbage = { ...attack, conflictingBlock: { ...attack.conflictingBlock, commit } };
    assert.equal(await verdict(garbage, large.history(9), verifier), 'evidence_forged');
    assert.ok(verifier.asked <= 8, `${verifier.asked} signatures`);
    assert.equal(await verdict(attack, large.history(9)), 'holds');
  });

  describe('attacks on light clients', () => {
    const forged = async (attack: LightClientAttackEvidence): Promise<void> =>
      assert.equal(await verdict(attack, chain.history(9)), 'evidence_forged');

    it('lunatic, equivocation and amnesia hold', async () => {
      const lunatic = chain.attack(3, 5, lie);
      const equivocation = chain.attack(3, 5, { dataHash: text('other data') });
      const amnesia = chain.attack(3, 5, { dataHash: text('other data') }, 2);
      assert.equal(lunatic.byzantineValidators.length, 4);
      assert.equal(equivocation.byzantineValidators.length, 4);
      assert.equal(amnesia.byzantineValidators.length, 0);
      for (const attack of [lunatic, equivocation, amnesia]) {
        assert.equal(await verdict(attack, chain.history(9)), 'holds');
      }
    });

    it('lca-byzantine-key-swap: key, address, power and order of the accused are ours', async () => {
      const attack = chain.attack(3, 5, lie);
      const accused = attack.byzantineValidators as Validator[];
      const [first, second] = accused as [Validator, Validator];
      const stranger = { type: 'ed25519', bytes: text('stranger') } as const;
      for (const byzantineValidators of [
        [{ ...first, pubKey: second.pubKey }, ...accused.slice(1)],
        [{ ...first, pubKey: stranger }, ...accused.slice(1)],
        [{ ...first, address: second.address }, ...accused.slice(1)],
        [{ ...first, votingPower: first.votingPower + 1n }, ...accused.slice(1)],
        [second, first, ...accused.slice(2)],
        accused.slice(1),
        [...accused, first],
        [],
      ]) {
        await forged({ ...attack, byzantineValidators });
      }
    });

    it('evidence-all-signatures: one forged signature anywhere, also behind two thirds', async () => {
      const attack = chain.attack(3, 5, lie);
      const { commit } = attack.conflictingBlock;
      for (const at of commit.signatures.keys()) {
        const signatures = commit.signatures.map((sig, index) =>
          index === at ? { ...sig, signature: new Uint8Array(64).fill(9) } : sig,
        );
        await forged({
          ...attack,
          conflictingBlock: { ...attack.conflictingBlock, commit: { ...commit, signatures } },
        });
      }
    });

    it('the real commit under a header that it is not for accuses nobody', async () => {
      const header = chain.makeHeader(5, lie);
      const conflictingBlock = { ...chain.attack(3, 5, lie).conflictingBlock, commit: chain.commit(chain.header(5)) };
      await forged({ ...chain.attack(3, 5, lie), conflictingBlock: { ...conflictingBlock, header } });
    });

    it('powers that the header does not have: one signer cannot make itself two thirds', async () => {
      const attack = chain.attack(3, 5, lie);
      const { header, commit, validators, proposer } = attack.conflictingBlock;
      const alone = {
        ...commit,
        signatures: commit.signatures.map((sig, index) => (index === 0 ? sig : ABSENT_COMMIT_SIG)),
      };
      const mighty = validators.map((validator, index) => ({ ...validator, votingPower: index === 0 ? 1_000n : 1n }));
      const accused = attack.byzantineValidators.slice(0, 1);
      const block = { header, commit: alone, validators: mighty, proposer };
      await forged({ ...attack, conflictingBlock: block, byzantineValidators: accused });
    });

    it('power-sum-throws: powers that add up beyond the cap are an answer, not a crash', async () => {
      const validators = chain.validators.validators.map((validator) => ({
        ...validator,
        votingPower: 2n ** 60n - 1n,
      }));
      const validatorsHash = merkleRoot(encodeEach(validators, writeSimpleValidator));
      const attack = chain.attack(3, 5, { validatorsHash });
      await forged({ ...attack, conflictingBlock: { ...attack.conflictingBlock, validators } });
      const small = validators.map((validator) => ({ ...validator, votingPower: 7n }));
      const hash = merkleRoot(encodeEach(small, writeSimpleValidator));
      const fine = chain.attack(3, 5, { validatorsHash: hash });
      const block = { ...fine.conflictingBlock, validators: small };
      assert.equal(await verdict({ ...fine, conflictingBlock: block }, chain.history(9)), 'holds');
    });

    it('what a light client takes, evidence may hold: members without power, long app hashes', async () => {
      const validators = chain.validators.validators.map((validator) =>
        validator.votingPower === 10n ? { ...validator, votingPower: 0n } : validator,
      );
      const validatorsHash = merkleRoot(encodeEach(validators, writeSimpleValidator));
      const attack = chain.attack(3, 5, { validatorsHash, appHash: new Uint8Array(200).fill(1) });
      const evidence = { ...attack, conflictingBlock: { ...attack.conflictingBlock, validators } };
      assert.equal(await verdict(decodeEvidence(encodeEvidence(evidence)), chain.history(9)), 'holds');
    });

    it('submessage-absent: empty sets and commits', async () => {
      const attack = chain.attack(3, 5, lie);
      const block = attack.conflictingBlock;
      await forged({ ...attack, conflictingBlock: { ...block, validators: [] } });
      await forged({ ...attack, conflictingBlock: { ...block, commit: { ...block.commit, signatures: [] } } });
      const signatures = block.commit.signatures.slice(1);
      await forged({ ...attack, conflictingBlock: { ...block, commit: { ...block.commit, signatures } } });
    });

    it('ahead of the chain: compared with the newest signed block, until there is one of its height', async () => {
      // Two seconds before our block 8 in time, and above it in height.
      const early = { ...lie, time: chain.time(6) };
      const attack = chain.attack(3, 20, early);
      assert.equal(await verdict(attack, chain.history(9)), 'holds');
      assert.ok(isAheadOf(chain.history(9), attack));
      assert.ok(!isAheadOf(chain.history(21), attack));
      assert.equal(await verdict(chain.attack(3, 20, lie), chain.history(9)), 'evidence_early');
      assert.equal(await verdict(chain.attack(3, 20, lie), chain.history(21)), 'holds');
    });

    it('a block of our newest height waits for the commit of ours', async () => {
      const attack = chain.attack(3, 9, lie);
      assert.equal(await verdict(attack, chain.history(9)), 'evidence_early');
      assert.equal(await verdict(attack, chain.history(10)), 'holds');
    });
  });
});
