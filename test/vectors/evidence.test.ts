import assert from 'node:assert/strict';
import { InlineVerifier } from '#crypto/verifier.ts';
import { verifyDuplicateVote } from '#evidence/duplicate-vote.ts';
import { evidenceHash, evidenceHeight } from '#evidence/evidence.ts';
import { verifyLightClientAttack } from '#evidence/light-attack.ts';
import { misbehaviorOf } from '#evidence/misbehavior.ts';
import { byzantineValidators } from '#light/byzantine-validators.ts';
import { evidenceFromJson } from '#rpc/evidence-from-json.ts';
import { evidenceJson } from '#rpc/json.ts';
import { type Commit, readCommit } from '#types/commit.ts';
import {
  decodeEvidence,
  type Evidence,
  encodeEvidence,
  encodeEvidenceList,
  encodeInner,
  hashEvidenceList,
} from '#types/evidence.ts';
import { type Header, readHeader } from '#types/header.ts';
import type { SignedHeader } from '#types/light-block.ts';
import { ValidatorSet } from '#types/validator-set.ts';
import { decodeWhole, readMessage } from '#types/wire.ts';
import { fromHex, toHex } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { readJsonLines } from './comet-json.ts';

interface Vector {
  readonly name: string;
  readonly evidence: string;
  readonly inner: string;
  readonly hash: string;
  readonly height: number;
  readonly validators: string;
  readonly common?: string;
  readonly trusted?: string;
  readonly byzantine?: readonly string[];
  readonly abci?: readonly string[];
  readonly error: string;
}

interface Summary {
  readonly chain_id: string;
  readonly hash_of: string;
  readonly hashes: readonly { readonly common_height: string; readonly hash: string }[];
  readonly list: readonly string[];
  readonly list_json: readonly unknown[];
  readonly list_hash: string;
  readonly list_bytes: number;
}

const KINDS = { 'duplicate-vote': 'DUPLICATE_VOTE', 'light-client-attack': 'LIGHT_CLIENT_ATTACK' } as const;

function signedHeader(hex: string): SignedHeader {
  let header: Header | undefined;
  let commit: Commit | undefined;
  decodeWhole(fromHex(hex), 'SignedHeader', 65_536, (reader) =>
    readMessage(reader, (field) => {
      if (field === 1) header = reader.message(readHeader);
      else if (field === 2) commit = reader.message(readCommit);
      else return false;
      return true;
    }),
  );
  assert.ok(header !== undefined && commit !== undefined);
  return { header, commit };
}

describe('evidence, as CometBFT 0.38.26 makes and judges it', () => {
  const [summary, ...vectors] = readJsonLines('evidence/cometbft-0.38.26.jsonl') as unknown as [Summary, ...Vector[]];
  const verifier = new InlineVerifier();

  /** Undefined when the evidence holds; else why it does not. */
  const faultOf = async (evidence: Evidence, vector: Vector): Promise<string | undefined> => {
    const validators = ValidatorSet.decode(fromHex(vector.validators));
    const chainId = summary.chain_id;
    try {
      if (evidence.kind === 'duplicate-vote') await verifyDuplicateVote(verifier, chainId, evidence, validators);
      else {
        const common = signedHeader(vector.common ?? '');
        const trusted = signedHeader(vector.trusted ?? '');
        await verifyLightClientAttack(verifier, evidence, { chainId, common, trusted, commonValidators: validators });
      }
      return undefined;
    } catch (error) {
      assert.ok(error instanceof BizraError && error.code === 'evidence_forged', String(error));
      return error.message;
    }
  };

  const decoded = (vector: Vector): Evidence | string => {
    try {
      return decodeEvidence(fromHex(vector.evidence));
    } catch (error) {
      assert.ok(error instanceof BizraError, String(error));
      return error.message;
    }
  };

  for (const vector of vectors) {
    it(`${vector.name}: ${vector.error === '' ? 'holds' : 'does not hold'}`, async () => {
      const evidence = decoded(vector);
      // Two votes that are no offence are refused before anything is asked.
      if (typeof evidence === 'string') return assert.notEqual(vector.error, '', evidence);
      assert.equal(toHex(encodeEvidence(evidence)), vector.evidence);
      assert.equal(toHex(encodeInner(evidence)), vector.inner);
      assert.equal(toHex(evidenceHash(evidence)), vector.hash);
      assert.equal(evidenceHeight(evidence), vector.height);
      const fault = await faultOf(evidence, vector);
      assert.equal(fault === undefined, vector.error === '', `ours: ${fault}, Go's: ${vector.error}`);
      assert.deepEqual(
        misbehaviorOf([evidence]).map(
          ({ kind, validator, height, totalVotingPower }) =>
            `${KINDS[kind]} ${toHex(validator.address)} ${validator.power} ${height} ${totalVotingPower}`,
        ),
        vector.abci ?? [],
      );
    });
  }

  it('names the same validators for every attack', () => {
    let named = 0;
    for (const vector of vectors) {
      const evidence = decoded(vector);
      if (typeof evidence === 'string' || evidence.kind === 'duplicate-vote') continue;
      const common = ValidatorSet.decode(fromHex(vector.validators));
      const trusted = signedHeader(vector.trusted ?? '');
      const byzantine = byzantineValidators(evidence.conflictingBlock, common, trusted);
      assert.deepEqual(
        byzantine.map(({ address }) => toHex(address)),
        vector.byzantine ?? [],
        vector.name,
      );
      named += byzantine.length;
    }
    assert.ok(named > 40);
  });

  it('hashes an attack over its block and common height', () => {
    const attack = decodeEvidence(fromHex(summary.hash_of));
    for (const { common_height, hash } of summary.hashes) {
      assert.equal(toHex(evidenceHash({ ...attack, commonHeight: Number(common_height) } as Evidence)), hash);
    }
  });

  it('reads and writes the JSON of clients', () => {
    for (const [at, json] of summary.list_json.entries()) {
      const evidence = evidenceFromJson(json);
      assert.equal(toHex(encodeEvidence(evidence)), summary.list[at]);
      assert.deepEqual(evidenceJson(evidence), json);
    }
  });

  it('hashes and counts a list', () => {
    const list = summary.list.map((hex) => decodeEvidence(fromHex(hex)));
    assert.equal(toHex(hashEvidenceList(list)), summary.list_hash);
    assert.equal(encodeEvidenceList(list).length, summary.list_bytes);
  });
});
