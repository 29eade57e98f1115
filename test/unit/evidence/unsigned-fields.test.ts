import assert from 'node:assert/strict';
import { InlineVerifier } from '#crypto/verifier.ts';
import { verifyEvidence } from '#evidence/verify-evidence.ts';
import { byzantineValidators } from '#light/byzantine-validators.ts';
import type { Validator } from '#types/validator-set.ts';
import { PaperChain, text } from './support.ts';

describe('fields of evidence that no signature covers', () => {
  it('commit-sig-address-bound: the address of an innocent in both votes, under the index of the guilty', async () => {
    const chain = new PaperChain();
    const evidence = chain.doubleVote(40n);
    const { voteA, voteB } = evidence;
    await verifyEvidence(new InlineVerifier(), chain.history(9), evidence);
    for (const validatorAddress of [chain.byPower(30n).validator.address, new Uint8Array(20).fill(7)]) {
      const other = { ...evidence, voteA: { ...voteA, validatorAddress }, voteB: { ...voteB, validatorAddress } };
      await assert.rejects(verifyEvidence(new InlineVerifier(), chain.history(9), other), { code: 'evidence_forged' });
    }
  });

  it('evidence-all-signatures: a forged signature at any place of a large commit', async () => {
    const chain = new PaperChain(Array.from({ length: 20 }, (_, index) => BigInt(100 + index)));
    const attack = chain.attack(3, 5, { appHash: text('a lie') });
    const { commit } = attack.conflictingBlock;
    await verifyEvidence(new InlineVerifier(), chain.history(9), attack);
    for (const at of [0, 7, 8, 9, 13, 19]) {
      const signatures = commit.signatures.map((sig, index) =>
        index === at ? { ...sig, signature: new Uint8Array(64).fill(9) } : sig,
      );
      const forged = { ...attack, conflictingBlock: { ...attack.conflictingBlock, commit: { ...commit, signatures } } };
      await assert.rejects(verifyEvidence(new InlineVerifier(), chain.history(9), forged), { code: 'evidence_forged' });
    }
  });

  it('commit-sig-address-bound: addresses of a conflicting commit are those of their places', async () => {
    const chain = new PaperChain();
    const attack = chain.attack(3, 5, { appHash: text('a lie') });
    const { commit } = attack.conflictingBlock;
    const addresses = [(chain.validators.get(1) as Validator).address, new Uint8Array(20).fill(7)];
    for (const validatorAddress of addresses) {
      const signatures = commit.signatures.map((sig, index) => (index === 0 ? { ...sig, validatorAddress } : sig));
      const conflictingBlock = { ...attack.conflictingBlock, commit: { ...commit, signatures } };
      // Who makes such evidence accuses whom it names.
      const trusted = { header: chain.header(5), commit: chain.commit(chain.header(5)) };
      const accused = byzantineValidators(conflictingBlock, chain.validators, trusted);
      const moved = { ...attack, conflictingBlock, byzantineValidators: accused };
      await assert.rejects(verifyEvidence(new InlineVerifier(), chain.history(9), moved), { code: 'evidence_forged' });
    }
  });
});
