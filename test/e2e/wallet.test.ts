import assert from 'node:assert/strict';
import { coins, encodePubkey, makeAuthInfoBytes, makeSignDoc } from '@cosmjs/proto-signing';
import { StargateClient } from '@cosmjs/stargate';
import { TxRaw } from 'cosmjs-types/cosmos/tx/v1beta1/tx';
import { encodeBech32 } from '#crypto/address.ts';
import { Devnet } from './support/devnet.ts';
import { call, until } from './support/rpc.ts';
import { openWallet, sendMessage, type Wallet } from './support/wallet.ts';

describe('a stranger pays with cosmjs', () => {
  let net: Devnet;
  let alice: Wallet;
  let recipient: string;

  before(async function () {
    this.timeout(90_000);
    net = await Devnet.start('--validators', '4');
    alice = await openWallet(net.ready, 0, net.node(0).rpc);
    recipient = net.ready.accounts[1]?.address ?? '';
  });

  after(async function () {
    this.timeout(30_000);
    alice?.client.disconnect();
    await net?.stop();
  });

  it('reads chain id, height, account and balances', async () => {
    assert.equal(await alice.client.getChainId(), 'bizra-devnet');
    assert.ok((await alice.client.getHeight()) >= 1);
    assert.equal((await alice.client.getAccount(alice.address))?.address, alice.address);
    assert.equal((await alice.client.getBalance(alice.address, net.ready.denom)).denom, net.ready.denom);
    assert.equal((await alice.client.getAllBalances(alice.address)).length, 1);
    assert.equal(await alice.client.getAccount(encodeBech32(net.ready.prefix, new Uint8Array(20).fill(7))), null);
  });

  it('simulates below 100,000 gas', async () => {
    const gas = await alice.client.simulate(
      alice.address,
      [sendMessage(alice.address, recipient, '1', net.ready.denom)],
      '',
    );
    assert.ok(gas > 30_000 && gas < 100_000, `a transfer takes ${gas} gas`);
  });

  it('sends tokens with an automatic fee, read back from another node and found on every node', async function () {
    this.timeout(60_000);
    const { denom } = net.ready;
    const other = await StargateClient.connect(net.node(3).rpc);
    const before = BigInt((await other.getBalance(recipient, denom)).amount);
    const sent = await alice.client.sendTokens(alice.address, recipient, coins(12_345, denom), 'auto', 'hello');
    assert.equal(sent.code, 0, sent.rawLog);
    await until('node 3 has the block', async () => (await other.getHeight()) >= sent.height);
    assert.equal(BigInt((await other.getBalance(recipient, denom)).amount), before + 12_345n);
    for (const node of net.nodes) {
      const client = await StargateClient.connect(node.rpc);
      await until('the node has the block', async () => (await client.getHeight()) >= sent.height);
      assert.equal((await client.getTx(sent.transactionHash))?.height, sent.height);
      const mine = await client.searchTx([{ key: 'message.sender', value: alice.address }]);
      assert.ok(
        mine.some(({ hash }) => hash === sent.transactionHash),
        'found by sender',
      );
      client.disconnect();
    }
    other.disconnect();
  });

  it('delivers several messages in one transaction', async function () {
    this.timeout(60_000);
    const { denom } = net.ready;
    const messages = ['1', '2', '3'].map((amount) => sendMessage(alice.address, recipient, amount, denom));
    const before = BigInt((await alice.client.getBalance(recipient, denom)).amount);
    const result = await alice.client.signAndBroadcast(alice.address, messages, 'auto');
    assert.equal(result.code, 0, result.rawLog);
    assert.equal(result.msgResponses.length, 3);
    assert.equal(BigInt((await alice.client.getBalance(recipient, denom)).amount), before + 6n);
  });

  describe("refusals have the SDK's code and codespace, and write nothing", () => {
    type Change = Partial<{
      sequence: number;
      chainId: string;
      amount: string;
      memo: string;
      timeoutHeight: bigint;
      gas: number;
      breakSignature: boolean;
      typeUrl: string;
    }>;
    const refusals: readonly (readonly [name: string, change: Change, code: number])[] = [
      ['wrong sequence', { sequence: 7_777 }, 32],
      ['bad signature', { breakSignature: true }, 4],
      ['wrong chain id', { chainId: 'another-chain' }, 4],
      ['unknown message', { typeUrl: '/cosmos.bank.v1beta1.MsgNothing' }, 2],
      ['expired timeout height', { timeoutHeight: 1n }, 30],
      ['long memo', { memo: 'x'.repeat(5_000) }, 12],
      ['too little gas', { gas: 100 }, 11],
    ];

    for (const [name, change, code] of refusals) {
      it(name, async () => {
        const before = await alice.client.getBalance(alice.address, net.ready.denom);
        const { sequence } = await alice.client.getSequence(alice.address);
        const answer = await broadcast(await signed(alice, change));
        assert.equal(answer.code, code, answer.log);
        assert.equal(answer.codespace, 'sdk');
        assert.deepEqual(await alice.client.getBalance(alice.address, net.ready.denom), before);
        assert.equal((await alice.client.getSequence(alice.address)).sequence, sequence);
      });
    }

    it('malformed bytes', async () => {
      const answer = await broadcast(new Uint8Array([1, 2, 3, 4]));
      assert.deepEqual([answer.code, answer.codespace], [2, 'sdk']);
    });

    it('too little money: delivered, failed, fee and sequence kept', async function () {
      this.timeout(60_000);
      const poor = net.ready.accounts[2];
      const wallet = await openWallet(net.ready, 2, net.node(0).rpc);
      const huge = coins('9000000000000', net.ready.denom);
      const before = await wallet.client.getSequence(wallet.address);
      const result = await wallet.client.sendTokens(poor?.address ?? '', recipient, huge, {
        amount: coins(5_000, net.ready.denom),
        gas: '200000',
      });
      assert.equal(result.code, 5, result.rawLog);
      assert.equal((await wallet.client.getSequence(wallet.address)).sequence, before.sequence + 1);
      wallet.client.disconnect();
    });

    async function broadcast(tx: Uint8Array): Promise<{ code: number; codespace: string; log: string }> {
      return call(net.node(0).rpc, 'broadcast_tx_sync', { tx: Buffer.from(tx).toString('base64') });
    }

    async function signed(wallet: Wallet, change: Change): Promise<Uint8Array> {
      const { accountNumber, sequence } = await wallet.client.getSequence(wallet.address);
      const message = sendMessage(wallet.address, recipient, change.amount ?? '1', net.ready.denom);
      const bodyBytes = wallet.client.registry.encodeTxBody({
        messages: [message],
        memo: change.memo ?? '',
        timeoutHeight: change.timeoutHeight ?? 0n,
      });
      const body = change.typeUrl === undefined ? bodyBytes : replaceText(bodyBytes, message.typeUrl, change.typeUrl);
      const [account] = await wallet.signer.getAccounts();
      assert(account !== undefined);
      const pubkey = encodePubkey({
        type: 'tendermint/PubKeySecp256k1',
        value: Buffer.from(account.pubkey).toString('base64'),
      });
      const auth = makeAuthInfoBytes(
        [{ pubkey, sequence: change.sequence ?? sequence }],
        coins(5_000, net.ready.denom),
        change.gas ?? 200_000,
        undefined,
        undefined,
      );
      const doc = makeSignDoc(body, auth, change.chainId ?? net.ready.chain_id, accountNumber);
      const { signature } = await wallet.signer.signDirect(wallet.address, doc);
      const bytes = Buffer.from(signature.signature, 'base64');
      if (change.breakSignature) bytes[10] = (bytes[10] ?? 0) ^ 1;
      return TxRaw.encode({ bodyBytes: body, authInfoBytes: auth, signatures: [bytes] }).finish();
    }
  });
});

/** Rewrites the type URL inside an encoded body; both texts are ASCII, and the lengths in front are mended. */
function replaceText(body: Uint8Array, from: string, to: string): Uint8Array {
  const bytes = Buffer.from(body);
  const at = bytes.indexOf(from);
  assert(at > 3);
  const out = Buffer.concat([bytes.subarray(0, at), Buffer.from(to), bytes.subarray(at + from.length)]);
  const grown = to.length - from.length;
  out[at - 1] = (out[at - 1] ?? 0) + grown;
  // The message's own length is a two-byte varint (between 128 and 16,383 bytes).
  const low = (out[1] ?? 0) + grown;
  assert(low >= 0x80 && low <= 0xff, 'the message length stays a two-byte varint with the same high byte');
  out[1] = low;
  return out;
}
