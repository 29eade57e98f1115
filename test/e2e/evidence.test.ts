import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Comet38Client } from '@cosmjs/tendermint-rpc';
import { validatorAddress } from '#crypto/address.ts';
import { type Ed25519KeyPair, signEd25519 } from '#crypto/ed25519.ts';
import { sha256 } from '#crypto/hash.ts';
import { evidenceJson } from '#rpc/json.ts';
import { readKeyFile } from '#signer/key-file.ts';
import { NodeFiles } from '#storage/node-files.ts';
import { makeDuplicateVoteEvidence } from '#types/evidence.ts';
import { parseTime } from '#types/time.ts';
import { ValidatorSet } from '#types/validator-set.ts';
import { PREVOTE, type UnsignedVote, type Vote, voteSignBytes } from '#types/vote.ts';
import { equalBytes } from '#util/bytes.ts';
import { Devnet } from './support/devnet.ts';
import { appHashAt, call, until, waitForHeight } from './support/rpc.ts';

interface BlockAnswer {
  readonly block: {
    readonly header: { readonly height: string; readonly time: string };
    readonly evidence: { readonly evidence: readonly unknown[] };
  };
}

interface ResultsAnswer {
  readonly finalize_block_events: readonly { readonly type: string }[];
  readonly validator_updates: readonly { readonly pub_key: { readonly Sum: { readonly value: object } } }[] | null;
}

interface ValidatorsAnswer {
  readonly total: string;
  readonly validators: readonly {
    readonly address: string;
    readonly pub_key: { readonly value: string };
    readonly voting_power: string;
  }[];
}

/** Its votes are made with its key, which it does not know of. */
const GUILTY = 3;

describe('evidence, over processes and RPC', () => {
  let net: Devnet;
  let client: Comet38Client;
  let key: Ed25519KeyPair;
  let address: Uint8Array;

  before(async function () {
    this.timeout(150_000);
    net = await Devnet.start('--validators', '4');
    client = await Comet38Client.connect(net.node(0).rpc);
    key = await readKeyFile(new NodeFiles(), join(net.node(GUILTY).home, 'config', 'priv_validator_key.json'));
    address = validatorAddress({ type: 'ed25519', bytes: key.publicKey });
    await waitForHeight(net.node(0).rpc, 4);
  });

  after(async function () {
    this.timeout(60_000);
    client?.disconnect();
    await net?.stop();
  });

  const rpc = (index: number): string => net.node(index).rpc;
  const blockOf = (index: number, height: number) => call<BlockAnswer>(rpc(index), 'block', { height: String(height) });

  /** Two prevotes of the guilty one for blocks that do not exist, at a height that does. */
  const doubleVote = async (height: number, round: number) => {
    const { validators } = await call<ValidatorsAnswer>(rpc(0), 'validators', { height: String(height) });
    const set = ValidatorSet.create(
      validators.map(({ pub_key, voting_power }) => ({
        pubKey: { type: 'ed25519', bytes: new Uint8Array(Buffer.from(pub_key.value, 'base64')) },
        votingPower: BigInt(voting_power),
      })),
    );
    const { block } = await blockOf(0, height);
    const time = parseTime(block.header.time);
    const vote = (name: string): Vote => {
      const hash = sha256(new TextEncoder().encode(name));
      const unsigned: UnsignedVote = {
        type: PREVOTE,
        height,
        round,
        blockId: { hash, partSetHeader: { total: 1, hash } },
        timestamp: time,
        validatorAddress: address,
        validatorIndex: set.indexOf(address),
      };
      return { ...unsigned, signature: signEd25519(key.privateKey, voteSignBytes(net.ready.chain_id, unsigned)) };
    };
    return makeDuplicateVoteEvidence(vote('one'), vote('two'), set, time);
  };

  const headOf = async (index: number): Promise<number> => {
    const { sync_info } = await call<{ sync_info: { latest_block_height: string } }>(rpc(index), 'status');
    return Number(sync_info.latest_block_height);
  };

  /** The height whose block carries evidence, on this node. */
  const findEvidence = async (index: number, from: number): Promise<number | undefined> => {
    for (let height = from; height <= (await headOf(index)); height++) {
      if ((await blockOf(index, height)).block.evidence.evidence.length > 0) return height;
    }
    return undefined;
  };

  it('forged evidence is refused in one line that says why', async () => {
    const evidence = await doubleVote(2, 0);
    const forged = { ...evidence, totalVotingPower: evidence.totalVotingPower + 1n };
    await assert.rejects(
      call(rpc(0), 'broadcast_evidence', { evidence: evidenceJson(forged) }),
      /evidence states power/,
    );
  });

  it('broadcast_evidence convicts a validator: once, on all nodes, in the words of CometBFT', async function () {
    this.timeout(90_000);
    const evidence = await doubleVote(2, 0);
    const json = evidenceJson(evidence);
    const { hash } = await call<{ hash: string }>(rpc(1), 'broadcast_evidence', { evidence: json });
    assert.match(hash, /^[0-9A-F]{64}$/);
    let height = 0;
    await until('the evidence is in a block', async () => {
      height = (await findEvidence(0, 3)) ?? 0;
      return height > 0;
    });
    await waitForHeight(rpc(0), height + 4);
    for (const index of [0, 1, 2]) {
      await waitForHeight(rpc(index), height + 4);
      assert.deepEqual((await blockOf(index, height)).block.evidence.evidence, [json]);
      const results = await call<ResultsAnswer>(rpc(index), 'block_results', { height: String(height) });
      assert.deepEqual(
        results.finalize_block_events.map(({ type }) => type),
        ['slash', 'slash'],
      );
      assert.deepEqual(results.validator_updates, [
        {
          pub_key: {
            Sum: {
              type: 'tendermint.crypto.PublicKey_Ed25519',
              value: { ed25519: Buffer.from(key.publicKey).toString('base64') },
            },
          },
        },
      ]);
      const sizes = await Promise.all(
        [0, 1, 2].map((more) => call<ValidatorsAnswer>(rpc(index), 'validators', { height: String(height + more) })),
      );
      assert.deepEqual(
        sizes.map(({ total }) => total),
        ['4', '4', '3'],
      );
    }
    // Told again, and another crime of the same validator: answered, and in no block.
    assert.deepEqual(await call(rpc(2), 'broadcast_evidence', { evidence: json }), { hash });
    await call(rpc(0), 'broadcast_evidence', { evidence: evidenceJson(await doubleVote(2, 1)) });
    const head = await headOf(0);
    await waitForHeight(rpc(0), head + 3);
    assert.equal(await findEvidence(0, height + 1), undefined);
  });

  it('clients read it: cosmjs shows block, validators and events', async () => {
    const height = (await findEvidence(0, 3)) ?? 0;
    const { block } = await client.block(height);
    assert.equal(block.evidence.length, 1);
    const { validatorUpdates } = await client.blockResults(height);
    assert.deepEqual(
      validatorUpdates.map(({ votingPower }) => votingPower),
      [0n],
    );
    const after = await client.validatorsAll(height + 2);
    assert.equal(after.validators.length, 3);
    assert.ok(after.validators.every((validator) => !equalBytes(validator.address, address)));
    const found = await client.blockSearchAll({ query: `slash.reason = 'double_sign'` });
    assert.deepEqual(
      found.blocks.map((one) => one.block.header.height),
      [height],
    );
  });

  it('the convict goes on as a full node, over a restart, and all agree', async function () {
    this.timeout(90_000);
    await net.kill(GUILTY);
    const height = (await headOf(0)) + 2;
    await waitForHeight(rpc(0), height);
    await net.restart(GUILTY);
    await waitForHeight(rpc(GUILTY), height + 1);
    const hashes = await Promise.all([0, 1, 2, GUILTY].map((index) => appHashAt(rpc(index), height + 1)));
    assert.equal(new Set(hashes).size, 1);
  });
});
