import assert from 'node:assert/strict';
import { merkleRoot } from '#crypto/merkle.ts';
import { InlineVerifier } from '#crypto/verifier.ts';
import { blockIdOf, hashTxs, txHash } from '#types/block.ts';
import { equalBlockIds } from '#types/block-id.ts';
import { commitSignBytes, hashCommit } from '#types/commit.ts';
import { verifyCommit } from '#types/commit-verification.ts';
import { hashEvidenceList } from '#types/evidence.ts';
import { hashHeader } from '#types/header.ts';
import { JsonFields } from '#types/json-fields.ts';
import { hashConsensusParams } from '#types/params.ts';
import { consensusParamsFromJson } from '#types/params-json.ts';
import { ValidatorSet } from '#types/validator-set.ts';
import { toHex } from '#util/bytes.ts';
import { at, type Json, readJsonLines, toBlock, toBlockId, toCommit, toHeader, toValidator } from './comet-json.ts';

const verifier = new InlineVerifier();

function validatorsHash(json: readonly Json[] | null): Uint8Array {
  return json === null || json.length === 0 ? merkleRoot([]) : ValidatorSet.create(json.map(toValidator)).hash();
}

describe('tendermint-rs: recorded blocks', () => {
  it('has every header hash, part set, data, last-commit and evidence hash', () => {
    const blocks = readJsonLines('tendermint-rs/blocks.jsonl');
    let withEvidence = 0;
    for (const json of blocks) {
      const block = toBlock(at(json, 'block'));
      const name = `${at(json, 'source')} height ${block.header.height}`;
      assert.ok(equalBlockIds(blockIdOf(block), toBlockId(at(json, 'block_id'))), name);
      assert.equal(toHex(hashTxs(block.txs.map(txHash))), toHex(block.header.dataHash), name);
      assert.equal(toHex(hashCommit(block.lastCommit)), toHex(block.header.lastCommitHash), name);
      assert.equal(toHex(hashEvidenceList(block.evidence)), toHex(block.header.evidenceHash), name);
      if (block.evidence.length > 0) withEvidence++;
    }
    assert.ok(blocks.length > 100 && withEvidence >= 2, `${blocks.length} blocks, ${withEvidence} with evidence`);
  });

  it('has validators and consensus hashes and commit signatures', async () => {
    for (const json of readJsonLines('tendermint-rs/commits.jsonl')) {
      const header = toHeader(at(json, 'signed_header', 'header'));
      const commit = toCommit(at(json, 'signed_header', 'commit'));
      const validators = ValidatorSet.create((at(json, 'validators') as readonly Json[]).map(toValidator));
      const params = consensusParamsFromJson(new JsonFields(at(json, 'consensus_params'), '', 'bad_params'));
      assert.equal(toHex(validators.hash()), toHex(header.validatorsHash));
      assert.equal(toHex(hashConsensusParams(params)), toHex(header.consensusHash));
      assert.equal(toHex(hashHeader(header)), toHex(commit.blockId.hash));
      await verifyCommit(verifier, header.chainId, validators, commit.blockId, header.height, commit);
    }
  });
});

describe('tendermint-rs: light-client steps from a model', () => {
  const steps = readJsonLines('tendermint-rs/single_step.jsonl').flatMap((file) =>
    (at(file, 'input') as readonly Json[]).map((input, i) => ({
      name: `${at(file, 'name')} ${i}`,
      block: at(input, 'block'),
    })),
  );

  it('has every header and validator-set hash', () => {
    assert.equal(steps.length, 99);
    for (const { name, block } of steps) {
      const header = toHeader(at(block, 'signed_header', 'header'));
      const commit = toCommit(at(block, 'signed_header', 'commit'));
      assert.equal(toHex(hashHeader(header)), toHex(commit.blockId.hash), name);
      const validators = at(block, 'validator_set', 'validators') as readonly Json[];
      assert.equal(toHex(validatorsHash(validators)), toHex(header.validatorsHash), name);
      const next = at(block, 'next_validator_set', 'validators') as readonly Json[];
      assert.equal(toHex(validatorsHash(next)), toHex(header.nextValidatorsHash), name);
    }
  });

  it('has every signature', () => {
    let verified = 0;
    for (const { name, block } of steps) {
      const { chainId } = toHeader(at(block, 'signed_header', 'header'));
      const commit = toCommit(at(block, 'signed_header', 'commit'));
      const members = at(block, 'validator_set', 'validators') as readonly Json[] | null;
      if (members === null || members.length === 0) continue;
      const validators = ValidatorSet.create(members.map(toValidator));
      for (const [index, { validatorAddress, signature }] of commit.signatures.entries()) {
        const validator = validators.get(validators.indexOf(validatorAddress));
        if (validator === undefined) continue;
        const message = commitSignBytes(chainId, commit, index);
        const publicKey = validator.pubKey.bytes;
        assert.ok(
          verifier.verifySync({ type: 'ed25519', publicKey, message, signature }),
          `${name} signature ${index}`,
        );
        verified++;
      }
    }
    assert.equal(verified, 338);
  });
});
