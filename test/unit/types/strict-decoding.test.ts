import assert from 'node:assert/strict';
import { Block as ProtoBlock } from 'cosmjs-types/tendermint/types/block';
import {
  Commit as ProtoCommit,
  Proposal as ProtoProposal,
  Vote as ProtoVote,
} from 'cosmjs-types/tendermint/types/types';
import { ValidatorSet as ProtoValidatorSet } from 'cosmjs-types/tendermint/types/validator';
import fc from 'fast-check';
import { decodeBlock, encodeBlock } from '#types/block.ts';
import { decodeBlockId, encodeBlockId } from '#types/block-id.ts';
import { decodeCommit, encodeCommit, FLAG_ABSENT, FLAG_COMMIT, FLAG_NIL } from '#types/commit.ts';
import { decodeEvidence, encodeEvidence, type LightClientAttackEvidence } from '#types/evidence.ts';
import { decodeHeader, encodeHeader } from '#types/header.ts';
import { DEFAULT_CONSENSUS_PARAMS, decodeConsensusParams, encodeConsensusParams } from '#types/params.ts';
import { decodeProposal, encodeProposal, type Proposal } from '#types/proposal.ts';
import { decodeTxResult, encodeTxResult, type TxResult } from '#types/results.ts';
import { ValidatorSet } from '#types/validator-set.ts';
import { decodeVote, encodeVote, PREVOTE, type Vote } from '#types/vote.ts';
import { concatBytes, toHex } from '#util/bytes.ts';
import {
  makeBlock,
  makeBlockId,
  makeCommit,
  makeDuplicateVotes,
  makeHeader,
  makeValidators,
  NOW,
  signVote,
} from './fixtures.ts';

const keyed = makeValidators([5n, 7n, 1n]);
const commit = makeCommit(keyed, 9, makeBlockId(3), [FLAG_COMMIT, FLAG_NIL, FLAG_ABSENT]);
const vote: Vote = signVote(keyed, {
  type: PREVOTE,
  height: 12,
  round: 3,
  blockId: makeBlockId(1),
  timestamp: NOW,
  validatorIndex: 2,
});
const proposal: Proposal = {
  height: 3,
  round: 4,
  polRound: -1,
  blockId: makeBlockId(2),
  timestamp: NOW,
  signature: new Uint8Array(64).fill(1),
};
const duplicate = makeDuplicateVotes(keyed, 4);
const attack: LightClientAttackEvidence = {
  kind: 'light-client-attack',
  conflictingBlock: {
    header: makeHeader(),
    commit,
    validators: keyed.validators.validators,
    proposer: keyed.validators.proposer,
  },
  commonHeight: 2,
  byzantineValidators: keyed.validators.validators.slice(0, 1),
  totalVotingPower: 13n,
  timestamp: NOW,
};
const result: TxResult = {
  code: 5,
  data: Uint8Array.of(1),
  log: 'spendable balance is smaller than 5: é',
  info: '',
  gasWanted: 100_000n,
  gasUsed: 2n ** 60n,
  events: [
    { type: 'transfer', attributes: [{ key: 'amount', value: '5ubizra', index: true }] },
    { type: 'empty', attributes: [{ key: 'k', value: '', index: false }] },
    { type: 'long', attributes: [{ key: 'x'.repeat(200), value: 'é'.repeat(300), index: true }] },
  ],
  codespace: 'sdk',
};

interface Codec {
  readonly bytes: Uint8Array;
  readonly recode: (bytes: Uint8Array) => Uint8Array;
}

const codecs: Readonly<Record<string, Codec>> = {
  BlockId: { bytes: encodeBlockId(makeBlockId(1)), recode: (bytes) => encodeBlockId(decodeBlockId(bytes)) },
  Header: { bytes: encodeHeader(makeHeader()), recode: (bytes) => encodeHeader(decodeHeader(bytes)) },
  Vote: { bytes: encodeVote(vote), recode: (bytes) => encodeVote(decodeVote(bytes)) },
  Proposal: { bytes: encodeProposal(proposal), recode: (bytes) => encodeProposal(decodeProposal(bytes)) },
  Commit: { bytes: encodeCommit(commit), recode: (bytes) => encodeCommit(decodeCommit(bytes)) },
  ValidatorSet: { bytes: keyed.validators.encode(), recode: (bytes) => ValidatorSet.decode(bytes).encode() },
  DuplicateVote: { bytes: encodeEvidence(duplicate), recode: (bytes) => encodeEvidence(decodeEvidence(bytes)) },
  LightClientAttack: { bytes: encodeEvidence(attack), recode: (bytes) => encodeEvidence(decodeEvidence(bytes)) },
  Block: {
    bytes: encodeBlock(makeBlock(keyed, [Uint8Array.of(1, 2), new Uint8Array(0), new Uint8Array(300)], [duplicate])),
    recode: (bytes) => encodeBlock(decodeBlock(bytes)),
  },
  TxResult: { bytes: encodeTxResult(result), recode: (bytes) => encodeTxResult(decodeTxResult(bytes)) },
};

/** Decoding gives a BizraError, or a value that has exactly these bytes. */
function isRefusedOrExact(codec: Codec, bytes: Uint8Array): boolean {
  let again: Uint8Array;
  try {
    again = codec.recode(bytes);
  } catch (error) {
    assert.equal((error as Error).name, 'BizraError', String((error as Error).stack));
    assert.ok((error as Error).message.length < 500, 'message is short');
    return true;
  }
  assert.equal(toHex(again), toHex(bytes), 'decoded bytes are the canonical ones');
  return false;
}

describe('strict decoding', () => {
  for (const [name, codec] of Object.entries(codecs)) {
    describe(name, () => {
      it('keeps its own bytes', () => {
        assert.equal(toHex(codec.recode(codec.bytes)), toHex(codec.bytes));
      });

      it('refuses every truncation', () => {
        const step = Math.max(1, Math.floor(codec.bytes.length / 2000));
        for (let length = 0; length < codec.bytes.length; length += step)
          isRefusedOrExact(codec, codec.bytes.slice(0, length));
      });

      it('refuses or exactly keeps every change of one byte', () => {
        const step = Math.max(1, Math.floor(codec.bytes.length / 1000));
        for (let i = 0; i < codec.bytes.length; i += step) {
          for (const mask of [1, 0x08, 0x80, 0xff]) {
            const changed = codec.bytes.slice();
            changed[i] = (changed[i] as number) ^ mask;
            isRefusedOrExact(codec, changed);
          }
        }
      });

      it('refuses or exactly keeps inserted, removed and repeated bytes', () => {
        const arbitrary = fc.tuple(fc.nat(codec.bytes.length), fc.nat(40), fc.uint8Array({ maxLength: 12 }));
        fc.assert(
          fc.property(arbitrary, ([at, cut, added]) => {
            const changed = concatBytes(codec.bytes.slice(0, at), added, codec.bytes.slice(at + cut));
            isRefusedOrExact(codec, changed);
          }),
          { numRuns: 300 },
        );
      });

      it('refuses unknown fields and repeated ones', () => {
        assert.ok(isRefusedOrExact(codec, concatBytes(codec.bytes, Uint8Array.of(0x98, 6, 1))), 'unknown field');
        assert.ok(isRefusedOrExact(codec, concatBytes(codec.bytes, codec.bytes)), 'every field twice');
      });
    });
  }

  it('wire-lengths-and-tags: lengths beyond the end, wide tags, endless and long varints', () => {
    const hostile = [
      [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
      [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
      [0x8a, 0x80, 0x80, 0x80, 0x10, 0x00],
      [0x8a, 0x80, 0x00, 0x00],
      new Array<number>(64).fill(0xff),
      [0x0b, 0x0b, 0x0b, 0x0b],
      [0x00, 0x01],
      [0x07],
    ];
    for (const codec of Object.values(codecs)) {
      for (const bytes of hostile) assert.ok(isRefusedOrExact(codec, Uint8Array.from(bytes)));
    }
  });

  it('numbers longer than needed, explicit zeros and explicit empty fields', () => {
    const tail = encodeTxResult({ ...result, code: 0, data: new Uint8Array(0) });
    const prefixes: [number[], boolean][] = [
      [[0x08, 0x05], true],
      [[0x08, 0x85, 0x00], false],
      [[0x08, 0x85, 0x80, 0x00], false],
      [[0x08, 0x00], false],
      [[0x12, 0x01, 0x07], true],
      [[0x12, 0x81, 0x00, 0x07], false],
      [[0x12, 0x00], false],
      [[0x88, 0x00, 0x05], false],
    ];
    for (const [prefix, valid] of prefixes) {
      const bytes = concatBytes(Uint8Array.from(prefix), tail);
      assert.equal(isRefusedOrExact(codecs.TxResult as Codec, bytes), !valid, toHex(Uint8Array.from(prefix)));
    }
    const gas = [
      [0x28, 0x85, 0x00],
      [0x28, 0x00],
      [0x28, ...new Array<number>(9).fill(0xff), 0x02],
    ];
    for (const field of gas) assert.ok(isRefusedOrExact(codecs.TxResult as Codec, Uint8Array.from(field)));
  });

  it('submessage-absent: each sub-message that is left out is an error', () => {
    const absent: [string, () => unknown][] = [];
    const without = <T extends object>(
      name: string,
      proto: { decode(bytes: Uint8Array): T; encode(message: T): { finish(): Uint8Array } },
      bytes: Uint8Array,
      decode: (bytes: Uint8Array) => unknown,
    ): void => {
      for (const [field, value] of Object.entries(proto.decode(bytes))) {
        if (typeof value !== 'object' || value instanceof Uint8Array || Array.isArray(value)) continue;
        const message = { ...proto.decode(bytes), [field]: undefined };
        absent.push([`${name}.${field}`, () => decode(proto.encode(message).finish())]);
      }
    };
    without('Vote', ProtoVote, encodeVote(vote), decodeVote);
    without('Proposal', ProtoProposal, encodeProposal(proposal), decodeProposal);
    without('Commit', ProtoCommit, encodeCommit(commit), decodeCommit);
    without('Block', ProtoBlock, (codecs.Block as Codec).bytes, decodeBlock);
    without('ValidatorSet', ProtoValidatorSet, keyed.validators.encode(), ValidatorSet.decode);
    assert.deepEqual(
      absent.map(([name]) => name),
      [
        'Vote.blockId',
        'Vote.timestamp',
        'Proposal.blockId',
        'Proposal.timestamp',
        'Commit.blockId',
        'Block.header',
      ].concat(['Block.data', 'Block.evidence', 'Block.lastCommit', 'ValidatorSet.proposer']),
    );
    for (const [name, decode] of absent) assert.throws(decode, { name: 'BizraError' }, name);
  });

  it('height-arithmetic: heights beyond 2^53 - 1, zero and negative ones', () => {
    const largest = { ...vote, height: Number.MAX_SAFE_INTEGER };
    assert.equal(decodeVote(encodeVote(largest)).height, Number.MAX_SAFE_INTEGER);
    for (const height of [2n ** 53n, 2n ** 63n - 1n, 0n, -1n, -(2n ** 63n)]) {
      const bytes = ProtoVote.encode({ ...ProtoVote.decode(encodeVote(vote)), height }).finish();
      assert.throws(() => decodeVote(bytes), { code: 'bad_encoding' }, String(height));
    }
  });

  it('vote-index-bounds, types, rounds, address and signature lengths', () => {
    const good = ProtoVote.decode(encodeVote(vote));
    const bad: Partial<ProtoVote>[] = [
      { validatorIndex: 10_000 },
      { validatorIndex: -1 },
      { validatorIndex: 0x7fff_ffff },
      { type: 0 },
      { type: 3 as never },
      { type: 32 },
      { round: -1 },
      { validatorAddress: new Uint8Array(19) },
      { validatorAddress: new Uint8Array(0) },
      { signature: new Uint8Array(63) },
      { signature: new Uint8Array(0) },
      { extension: Uint8Array.of(1) },
      { extensionSignature: new Uint8Array(64) },
      { timestamp: { seconds: 0n, nanos: 1_000_000_000 } },
      { timestamp: { seconds: 0n, nanos: -1 } },
      { timestamp: { seconds: 2n ** 62n, nanos: 0 } },
      { blockId: { hash: new Uint8Array(32), partSetHeader: { total: 0, hash: new Uint8Array(0) } } },
      { blockId: { hash: new Uint8Array(31), partSetHeader: { total: 1, hash: new Uint8Array(32) } } },
    ];
    for (const fields of bad) {
      const bytes = ProtoVote.encode({ ...good, ...fields }).finish();
      assert.throws(() => decodeVote(bytes), { name: 'BizraError' }, JSON.stringify(Object.keys(fields)));
    }
  });

  it('oversized-proposal: parts beyond the largest block, rounds that cannot be', () => {
    const good = ProtoProposal.decode(encodeProposal(proposal));
    assert.equal(decodeProposal(encodeProposal({ ...proposal, polRound: 3 })).polRound, 3);
    const parts = (total: number) => ({
      blockId: { ...good.blockId, partSetHeader: { total, hash: new Uint8Array(32) } },
    });
    const bad: Partial<ProtoProposal>[] = [
      parts(1601),
      parts(2 ** 31),
      parts(2 ** 32 - 1),
      parts(0),
      { polRound: 4 },
      { polRound: -2 },
      { polRound: 5 },
      { type: 1 },
      { height: 0n },
      { signature: new Uint8Array(0) },
      { blockId: { hash: new Uint8Array(0), partSetHeader: { total: 0, hash: new Uint8Array(0) } } },
    ];
    for (const fields of bad) {
      const bytes = ProtoProposal.encode({ ...good, ...fields }).finish();
      assert.throws(() => decodeProposal(bytes), { code: 'bad_encoding' }, JSON.stringify(Object.keys(fields)));
    }
  });

  it('commit flags and their contents fit', () => {
    const good = ProtoCommit.decode(encodeCommit(commit));
    const [voted, , absent] = good.signatures as [ProtoCommit['signatures'][0], unknown, ProtoCommit['signatures'][0]];
    const bad = [
      { ...voted, blockIdFlag: 0 },
      { ...voted, blockIdFlag: 4 },
      { ...voted, validatorAddress: new Uint8Array(0) },
      { ...voted, signature: new Uint8Array(0) },
      { ...voted, signature: new Uint8Array(65) },
      { ...absent, validatorAddress: voted.validatorAddress },
      { ...absent, signature: voted.signature },
      { ...absent, timestamp: voted.timestamp },
    ];
    for (const signature of bad) {
      const bytes = ProtoCommit.encode({ ...good, signatures: [signature] }).finish();
      assert.throws(() => decodeCommit(bytes), { code: 'bad_encoding' });
    }
    for (const fields of [{ signatures: [] }, { height: 0n }, { round: -1 }]) {
      assert.throws(() => decodeCommit(ProtoCommit.encode({ ...good, ...fields }).finish()), { code: 'bad_encoding' });
    }
  });

  it('mempool-heap-amplification: a frame of tiny entries costs no more than its bytes', () => {
    const entries = 600_000;
    const data = new Uint8Array(2 * entries);
    for (let i = 0; i < entries; i++) data[2 * i] = 0x0a;
    const block = ProtoBlock.decode((codecs.Block as Codec).bytes);
    const bytes = ProtoBlock.encode({
      ...block,
      data: { txs: new Array<Uint8Array>(entries).fill(new Uint8Array(0)) },
    }).finish();
    assert.ok(bytes.length > data.length);
    assert.throws(() => decodeBlock(bytes), { code: 'bad_encoding', message: /too many transactions/ });
    const sigs = ProtoCommit.encode({ ...ProtoCommit.decode(encodeCommit(commit)), signatures: [] }).finish();
    assert.throws(() => decodeCommit(concatBytes(sigs, new Uint8Array(data.length))), { name: 'BizraError' });
  });

  it('reused-buffer-views, shared-references: decoded arrays do not look into the frame', () => {
    const frame = encodeVote(vote);
    const decoded = decodeVote(frame);
    const block = decodeBlock((codecs.Block as Codec).bytes);
    const buffer = Buffer.from(frame);
    const fromBuffer = decodeVote(buffer);
    frame.fill(0);
    buffer.fill(0);
    assert.deepEqual(decoded, vote);
    assert.deepEqual(fromBuffer, vote, 'a Buffer is copied, too, and no Buffer comes out');
    for (const tx of block.txs) assert.ok(tx.buffer.byteLength <= Math.max(tx.length, 1), 'a transaction of its own');
  });

  it('parameters: what is left out keeps its default', () => {
    assert.deepEqual(decodeConsensusParams(encodeConsensusParams(DEFAULT_CONSENSUS_PARAMS)), DEFAULT_CONSENSUS_PARAMS);
    assert.deepEqual(decodeConsensusParams(new Uint8Array(0)), DEFAULT_CONSENSUS_PARAMS);
    const params = {
      block: { maxBytes: -1, maxGas: 7 },
      evidence: { maxAgeNumBlocks: 1, maxAgeDurationNs: 1_500_000_001n, maxBytes: 0 },
      validator: { pubKeyTypes: ['ed25519', 'secp256k1'] },
      version: { app: 3n },
      abci: { voteExtensionsEnableHeight: 0 },
    };
    assert.deepEqual(decodeConsensusParams(encodeConsensusParams(params)), params);
  });
});
