import assert from 'node:assert/strict';
import { HDKey } from '@scure/bip32';
import { mnemonicToSeedSync } from '@scure/bip39';
import { SignDoc, TxRaw } from 'cosmjs-types/cosmos/tx/v1beta1/tx';
import { accountAddress, encodeBech32 } from '#crypto/address.ts';
import { sha256 } from '#crypto/hash.ts';
import { merkleInnerHash, merkleLeafHash, merkleRoot } from '#crypto/merkle.ts';
import { secp256k1PublicKey, signSecp256k1, verifySecp256k1 } from '#crypto/secp256k1.ts';
import { type BlockId, NIL_BLOCK_ID } from '#types/block-id.ts';
import { canonicalVote } from '#types/canonical.ts';
import { type Header, hashHeader } from '#types/header.ts';
import { proposalSignBytes } from '#types/proposal.ts';
import { byPowerThenAddress, center, rescale, rotate, type Seat } from '#types/proposer-priority.ts';
import { parseTime, ZERO_TIME } from '#types/time.ts';
import { voteSignBytes } from '#types/vote.ts';
import { EMPTY_BYTES, fromHex, toHex } from '#util/bytes.ts';
import { at, base64Bytes, hexBytes, type Json, readJson, toHeader } from './comet-json.ts';

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('published vectors: sign bytes', () => {
  // CometBFT types/vote_test.go, TestVoteSignBytesTestVectors. Votes without type or height are not votes to us, so
  // the canonical encoder is asked directly.
  const zeroTime = '2a0b088092b8c398feffffff01';
  const table: [type: number, heightAndRound: number, chainId: string, expected: string][] = [
    [0, 0, '', `0d${zeroTime}`],
    [2, 1, '', `210802110100000000000000190100000000000000${zeroTime}`],
    [1, 1, '', `210801110100000000000000190100000000000000${zeroTime}`],
    [0, 1, '', `1f110100000000000000190100000000000000${zeroTime}`],
    [0, 1, 'test_chain_id', `2e110100000000000000190100000000000000${zeroTime}320d746573745f636861696e5f6964`],
  ];
  for (const [type, number, chainId, expected] of table) {
    it(`vote of type ${type} at ${number}/${number}, chain "${chainId}"`, () => {
      const vote = { type, height: number, round: number, blockId: NIL_BLOCK_ID, timestamp: ZERO_TIME };
      assert.equal(toHex(canonicalVote(chainId, vote)), expected);
    });
  }

  // tendermint-rs tendermint/src/vote/sign_vote.rs
  const vote = (hash: string) => ({
    type: 1 as const,
    height: 12345,
    round: 2,
    timestamp: parseTime('2017-12-25T03:00:01.234Z'),
    blockId: {
      hash: ascii(hash),
      partSetHeader: { total: 1_000_000, hash: ascii('0022446688AACCEE1133557799BBDDFF') },
    },
    validatorAddress: new Uint8Array(20),
    validatorIndex: 56789,
  });
  const parts = '122608c0843d12203030323234343636383841414343454531313333353537373939424244444646';
  const voteEnd = '2a0b08b1d381d20510809dca6f320d746573745f636861696e5f6964';
  it('vote of tendermint-rs', () => {
    const hash = toHex(ascii('DEADBEEFDEADBEEFBAFBAFBAFBAFBAFA'));
    const expected = `7c0801113930000000000000190200000000000000224a0a20${hash}${parts}${voteEnd}`;
    assert.equal(toHex(voteSignBytes('test_chain_id', vote('DEADBEEFDEADBEEFBAFBAFBAFBAFBAFA'))), expected);
  });
  it('vote of tendermint-rs whose block id has no hash but parts', () => {
    const expected = `5a08011139300000000000001902000000000000002228${parts}${voteEnd}`;
    assert.equal(toHex(voteSignBytes('test_chain_id', vote(''))), expected);
  });

  it('proposal of tendermint-rs', () => {
    const blockId: BlockId = {
      hash: fromHex('DEADBEEFDEADBEEFBAFBAFBAFBAFBAFADEADBEEFDEADBEEFBAFBAFBAFBAFBAFA'),
      partSetHeader: {
        total: 65535,
        hash: fromHex('0022446688AACCEE1133557799BBDDFF0022446688AACCEE1133557799BBDDFF'),
      },
    };
    const timestamp = parseTime('2018-02-11T07:09:22.765Z');
    const proposal = { height: 12345, round: 23456, polRound: -1, blockId, timestamp };
    assert.equal(
      toHex(proposalSignBytes('test_chain_id', proposal)),
      '8801082011393000000000000019a05b00000000000020ffffffffffffffffff012a4a0a20deadbeefdeadbeefbafbafbafbafbafadead' +
        'beefdeadbeefbafbafbafbafbafa122608ffff0312200022446688aaccee1133557799bbddff0022446688aaccee1133557799bbddff' +
        '320c08a2d8ffd30510c0f2e3ec023a0d746573745f636861696e5f6964',
    );
  });
});

describe('published vectors: header hashes', () => {
  const named = (name: string): Uint8Array => sha256(ascii(name));
  const header: Header = {
    version: { block: 1n, app: 2n },
    chainId: 'chainId',
    height: 3,
    time: parseTime('2019-10-13T16:14:44Z'),
    lastBlockId: { hash: new Uint8Array(32), partSetHeader: { total: 6, hash: new Uint8Array(32) } },
    lastCommitHash: named('last_commit_hash'),
    dataHash: named('data_hash'),
    validatorsHash: named('validators_hash'),
    nextValidatorsHash: named('next_validators_hash'),
    consensusHash: named('consensus_hash'),
    appHash: named('app_hash'),
    lastResultsHash: named('last_results_hash'),
    evidenceHash: named('evidence_hash'),
    proposerAddress: named('proposer_address').slice(0, 20),
  };

  it('CometBFT types/block_test.go TestHeaderHash', () => {
    const expected = 'f740121f553b5418c3efbd343c2dbfe9e007bb67b0d020a0741374bab65242a4';
    assert.equal(toHex(hashHeader(header)), expected);
    assert.equal(hashHeader({ ...header, validatorsHash: EMPTY_BYTES }).length, 0);
  });

  it('tendermint-rs header_with_known_hash.json', () => {
    const expected = 'f30a71f2409fb15aacaedb6cc122dfa2525bee9cae521721b06bfdca291b8d56';
    assert.equal(toHex(hashHeader(toHeader(readJson('tendermint-rs/header.json')))), expected);
  });
});

describe('published vectors: RFC 6962', () => {
  it('CometBFT crypto/merkle/rfc6962_test.go', () => {
    const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
    assert.equal(toHex(merkleRoot([])), empty);
    const emptyLeaf = '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d';
    assert.equal(toHex(merkleLeafHash(EMPTY_BYTES)), emptyLeaf);
    assert.equal(toHex(merkleRoot([EMPTY_BYTES])), emptyLeaf);
    const leaf = '395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56';
    assert.equal(toHex(merkleLeafHash(ascii('L123456'))), leaf);
  });

  it('inner nodes (the published node has children of four bytes; ours are always 32)', () => {
    const node = 'aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb';
    assert.equal(toHex(sha256(Uint8Array.of(1, ...ascii('N123'), ...ascii('N456')))), node);
    const [left, right] = [sha256(ascii('left')), sha256(ascii('right'))];
    assert.equal(toHex(merkleInnerHash(left, right)), toHex(sha256(Uint8Array.of(1, ...left, ...right))));
  });
});

describe('published vectors: proposer selection (CometBFT types/validator_set_test.go)', () => {
  const seat = (name: string, votingPower: bigint, proposerPriority = 0n): Seat => ({
    address: ascii(name),
    pubKey: { type: 'ed25519', bytes: new Uint8Array(32) },
    votingPower,
    proposerPriority,
  });
  const total = (seats: readonly Seat[]): bigint => seats.reduce((sum, { votingPower }) => sum + votingPower, 0n);
  const increment = (seats: readonly Seat[], times: number): Seat => {
    rescale(seats, total(seats));
    center(seats);
    let proposer = 0;
    for (let turn = 0; turn < times; turn++) proposer = rotate(seats, total(seats));
    return seats[proposer] as Seat;
  };

  it('TestProposerSelection1: 99 proposers', () => {
    const seats = [seat('foo', 1000n), seat('bar', 300n), seat('baz', 330n)].sort(byPowerThenAddress);
    const names = Array.from({ length: 99 }, () => new TextDecoder().decode(increment(seats, 1).address));
    assert.equal(
      names.join(' '),
      'foo baz foo bar foo foo baz foo bar foo foo baz foo foo bar foo baz foo foo bar' +
        ' foo foo baz foo bar foo foo baz foo bar foo foo baz foo foo bar foo baz foo foo bar' +
        ' foo baz foo foo bar foo baz foo foo bar foo baz foo foo foo baz bar foo foo foo baz' +
        ' foo bar foo foo baz foo bar foo foo baz foo bar foo foo baz foo bar foo foo baz foo' +
        ' foo bar foo baz foo foo bar foo baz foo foo bar foo baz foo foo',
    );
  });

  it('TestProposerSelection2: who comes first with 100, 400 and 401', () => {
    const firstThree = (power: bigint): string => {
      const seats = [seat('0', 100n), seat('1', 100n), seat('2', power)].sort(byPowerThenAddress);
      return [1, 2, 3].map(() => new TextDecoder().decode(increment(seats, 1).address)).join('');
    };
    assert.equal(firstThree(100n), '012');
    assert.equal(firstThree(400n).slice(0, 2), '20');
    assert.equal(firstThree(401n), '220');
  });

  it('TestAveragingInIncrementProposerPriority', () => {
    const table: [priorities: bigint[], times: number, average: bigint][] = [
      [[1n, 2n, 3n], 1, 2n],
      [[10n, -10n, 1n], 11, 0n],
      [[100n, -10n, 1n], 1, 30n],
    ];
    for (const [priorities, times, average] of table) {
      const seats = priorities.map((priority, i) => seat('abc'.charAt(i), 0n, priority));
      increment(seats, times);
      assert.deepEqual(
        seats.map(({ proposerPriority }) => proposerPriority),
        priorities.map((priority) => priority - average),
      );
    }
  });

  it('TestAveragingInIncrementProposerPriorityWithVotingPower: eleven turns', () => {
    const proposers = [0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0];
    const won = [0n, 0n, 0n];
    for (const [i, winner] of proposers.entries()) {
      won[winner] = (won[winner] as bigint) + 1n;
      const seats = [seat('\0', 10n), seat('\x01', 1n), seat('\x02', 1n)];
      const proposer = increment(seats, i + 1);
      assert.equal(seats.indexOf(proposer), winner);
      assert.deepEqual(
        seats.map(({ proposerPriority }) => proposerPriority),
        [10n, 1n, 1n].map((power, j) => BigInt(i + 1) * power - (won[j] as bigint) * 12n),
      );
    }
  });

  it('TestAvgProposerPriority: the ends of int64', () => {
    const max = 2n ** 63n - 1n;
    const min = -(2n ** 63n);
    const table: [priorities: bigint[], average: bigint][] = [
      [[0n, 0n, 0n], 0n],
      [[max, 0n, 0n], max / 3n],
      [[max, 0n], max / 2n],
      [[max, max], max],
      [[min, min], min],
    ];
    for (const [priorities, average] of table) {
      const seats = priorities.map((priority) => seat('a', 0n, priority));
      center(seats);
      assert.deepEqual(
        seats.map(({ proposerPriority }) => proposerPriority),
        priorities.map((priority) => priority - average),
      );
    }
  });
});

describe('published vectors: cosmjs direct sign', () => {
  const data = readJson('cosmjs/direct-sign.json');
  const faucet = at(data, 'faucet');
  const node = HDKey.fromMasterSeed(mnemonicToSeedSync(at(faucet, 'mnemonic'))).derive("m/44'/118'/0'/0/0");
  const privateKey = node.privateKey as Uint8Array;

  it('key and address', () => {
    const publicKey = secp256k1PublicKey(privateKey);
    assert.equal(toHex(publicKey), toHex(base64Bytes(at(faucet, 'pubkey', 'value'))));
    assert.equal(encodeBech32('cosmos', accountAddress(publicKey)), at(faucet, 'address'));
  });

  for (const [i, vector] of (at(data, 'vectors') as readonly Json[]).entries()) {
    it(`vector ${i}`, () => {
      const inputs = at(vector, 'inputs');
      const outputs = at(vector, 'outputs');
      const bodyBytes = hexBytes(at(inputs, 'bodyBytes'));
      const authInfoBytes = hexBytes(at(inputs, 'authInfoBytes'));
      const signBytes = SignDoc.encode({
        bodyBytes,
        authInfoBytes,
        chainId: at(inputs, 'chainId'),
        accountNumber: BigInt(at(inputs, 'accountNumber')),
      }).finish();
      assert.equal(toHex(signBytes), at(outputs, 'signBytes'));
      const signature = signSecp256k1(privateKey, sha256(signBytes));
      assert.equal(toHex(signature), at(outputs, 'signature'));
      assert.ok(verifySecp256k1(secp256k1PublicKey(privateKey), sha256(signBytes), signature));
      const raw = TxRaw.encode({ bodyBytes, authInfoBytes, signatures: [signature] }).finish();
      assert.equal(toHex(raw), at(outputs, 'signedTxBytes'));
    });
  }
});
