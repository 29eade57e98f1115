import assert from 'node:assert/strict';
import { InlineVerifier } from '#crypto/verifier.ts';
import { EVIDENCE_UNJUDGED, type EvidenceRules, validateEvidence } from '#engine/evidence-validation.ts';
import { evidenceHash } from '#evidence/evidence.ts';
import type { ChainHistory } from '#evidence/history.ts';
import type { Block } from '#types/block.ts';
import { EMPTY_COMMIT } from '#types/commit.ts';
import { type Evidence, encodeEvidenceList } from '#types/evidence.ts';
import { DEFAULT_CONSENSUS_PARAMS } from '#types/params.ts';
import { toHex } from '#util/bytes.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import { PaperChain, text } from '../evidence/support.ts';

describe('evidence of a block', () => {
  const chain = new PaperChain();
  const committed = new Map<string, number>();
  const evidence = chain.doubleVote(40n, 5);
  const other = chain.doubleVote(30n, 5);

  beforeEach(() => committed.clear());

  const block = (list: readonly Evidence[]): Block => ({
    header: chain.header(10),
    txs: [],
    evidence: list,
    lastCommit: EMPTY_COMMIT,
  });

  const verdict = async (list: readonly Evidence[], changes: Partial<ChainHistory> = {}): Promise<string> => {
    const rules: EvidenceRules = {
      history: chain.history(9, changes),
      committedAt: (hash) => committed.get(toHex(hash)),
    };
    try {
      await validateEvidence(new InlineVerifier(), rules, block(list));
      return 'valid';
    } catch (error) {
      assert.ok(error instanceof BizraError, String(error));
      return error.code;
    }
  };

  it('none, one and several that hold', async () => {
    assert.equal(await verdict([]), 'valid');
    assert.equal(await verdict([evidence]), 'valid');
    assert.equal(await verdict([other, evidence, chain.attack(3, 5, { appHash: text('a lie') })]), 'valid');
  });

  it('comes once in a block', async () => {
    assert.equal(await verdict([evidence, other, evidence]), 'repeated_evidence');
  });

  it('comes once in a chain; a mark of this height or above is of this block, or of a future one', async () => {
    committed.set(toHex(evidenceHash(evidence)), 9);
    assert.equal(await verdict([evidence]), 'repeated_evidence');
    committed.set(toHex(evidenceHash(evidence)), 10);
    assert.equal(await verdict([evidence]), 'valid');
  });

  it('other signatures under a conflicting block do not make another offence', async () => {
    const attack = chain.attack(3, 5, { appHash: text('a lie') });
    const again = chain.attack(3, 5, { appHash: text('a lie') }, 1);
    assert.equal(await verdict([attack, again]), 'repeated_evidence');
  });

  it('takes no more bytes than the parameters allow, counted as the block has them', async () => {
    const list = [evidence, other];
    const maxBytes = encodeEvidenceList(list).length;
    const under = (limit: number): Partial<ChainHistory> => ({
      params: { ...DEFAULT_CONSENSUS_PARAMS.evidence, maxBytes: limit },
    });
    assert.equal(await verdict(list, under(maxBytes)), 'valid');
    assert.equal(await verdict(list, under(maxBytes - 1)), 'too_much_evidence');
    assert.equal(await verdict([evidence], under(0)), 'too_much_evidence');
  });

  it('whatever does not hold makes the block invalid: forged, early, or expired', async () => {
    assert.equal(await verdict([other, { ...evidence, totalVotingPower: 99n }]), 'invalid_evidence');
    assert.equal(await verdict([chain.doubleVote(40n, 10)]), 'invalid_evidence');
    const params = { maxAgeNumBlocks: 1, maxAgeDurationNs: 1n, maxBytes: 10_000 };
    assert.equal(await verdict([evidence], { params }), 'invalid_evidence');
  });

  it('of a height whose records are not here is a matter of this node, unless something else is wrong', async () => {
    const old = chain.doubleVote(40n, 3);
    const header = (height: number) => (height < 5 ? undefined : chain.header(height));
    assert.equal(await verdict([old, evidence], { header }), EVIDENCE_UNJUDGED);
    assert.equal(await verdict([old, { ...evidence, totalVotingPower: 99n }], { header }), 'invalid_evidence');
    assert.equal(await verdict([old, old], { header }), 'repeated_evidence');
  });

  it('of a height whose records are damaged is a matter of this node, too: no proposer ends it', async () => {
    const damaged = new MachineError('damaged', 'the stored block meta is damaged');
    const header = (): never => {
      throw damaged;
    };
    assert.equal(await verdict([evidence], { header }), EVIDENCE_UNJUDGED);
    assert.equal(await verdict([evidence, evidence], { header }), 'repeated_evidence');
    const rules = {
      history: chain.history(9),
      committedAt: () => {
        throw damaged;
      },
    };
    const judged = validateEvidence(new InlineVerifier(), rules, block([evidence]));
    await assert.rejects(judged, { code: EVIDENCE_UNJUDGED });
  });

  it('another fault of the machine is no verdict', async () => {
    const validators = (): Promise<never> => Promise.reject(new Error('disk'));
    await assert.rejects(verdict([evidence], { validators }), /disk/);
  });
});
