import assert from 'node:assert/strict';
import { coins, DirectSecp256k1HdWallet, Registry } from '@cosmjs/proto-signing';
import { calculateFee, defaultRegistryTypes, GasPrice, SigningStargateClient } from '@cosmjs/stargate';
import { TxRaw } from 'cosmjs-types/cosmos/tx/v1beta1/tx';
import { AddressBook } from '#app/address.ts';
import { Modules } from '#app/modules.ts';
import { directSignDigest } from '#app/sign-doc.ts';
import { TxDecoder } from '#app/tx-decoder.ts';
import { addressText, keyOfMnemonic, newMnemonic } from '#cli/account-key.ts';
import { feeOf, parseCoin, sendMessage, signTx, unsignedTx } from '#cli/tx-builder.ts';
import { verifySecp256k1 } from '#crypto/secp256k1.ts';

describe('transactions', () => {
  it('are byte for byte what cosmjs signs', async () => {
    const mnemonic = newMnemonic();
    const wallet = await DirectSecp256k1HdWallet.fromMnemonic(mnemonic, { prefix: 'bizra' });
    const key = await keyOfMnemonic(mnemonic);
    const from = addressText('bizra', key.address);
    const client = await SigningStargateClient.offline(wallet, { registry: new Registry(defaultRegistryTypes) });
    const messages = [
      {
        typeUrl: '/cosmos.bank.v1beta1.MsgSend',
        value: { fromAddress: from, toAddress: from, amount: coins(7, 'ubizra') },
      },
    ];
    for (const [sequence, memo, timeout] of [
      [0, '', 0n],
      [300, 'thanks', 9_000_000_000n],
    ] as const) {
      const fee = { amount: coins(2_500, 'ubizra'), gas: '100000' };
      const signer = { accountNumber: 12n, sequence, chainId: 'c-1' };
      const expected = await client.sign(from, messages, fee, memo, signer, timeout);
      const actual = signTx(
        key,
        { chainId: 'c-1', accountNumber: 12n, sequence: BigInt(sequence) },
        {
          messages: [sendMessage(from, from, [{ denom: 'ubizra', amount: '7' }])],
          fee: feeOf(100_000n, '0.025ubizra'),
          gasLimit: 100_000n,
          memo,
          timeoutHeight: timeout,
        },
      );
      assert.deepEqual(actual, TxRaw.encode(expected).finish());
    }
  });

  it('number-text-edges: gas, sequence, account number and timeout height of every size are what the node reads', async () => {
    const modules = new Modules(new AddressBook('bizra'));
    const decoder = new TxDecoder(modules.addresses, modules.messages);
    const key = await keyOfMnemonic(newMnemonic());
    const from = addressText('bizra', key.address);
    const messages = [sendMessage(from, from, [{ denom: 'ubizra', amount: '7' }])];
    const chainId = new TextEncoder().encode('c-1');
    // cosmjs-types alone writes those from 2^31 to 2^32 - 1 as zeros.
    for (const value of [1n, 2n ** 31n - 1n, 2n ** 31n, 3_000_000_000n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 63n - 1n]) {
      const signer = { chainId: 'c-1', accountNumber: value, sequence: value };
      const content = { messages, fee: [], gasLimit: value, timeoutHeight: value };
      const tx = decoder.decode(signTx(key, signer, content));
      assert.deepEqual(
        [tx.fee?.gasLimit, tx.signerInfos[0]?.sequence, tx.timeoutHeight, tx.messageFault],
        [value, value, value, undefined],
      );
      const digest = directSignDigest(tx, chainId, value);
      assert.ok(verifySecp256k1(key.publicKey, digest, tx.signatures[0] as Uint8Array), `account number ${value}`);
    }
  });

  it('for simulation carry one empty signature', async () => {
    const key = await keyOfMnemonic(newMnemonic());
    const raw = TxRaw.decode(unsignedTx(key.publicKey, 4n, { messages: [], fee: [], gasLimit: 0n }));
    assert.deepEqual(
      raw.signatures.map((signature) => signature.length),
      [0],
    );
  });

  it('cost what cosmjs computes, rounded up, and nothing at a price of zero', () => {
    for (const [gas, price] of [
      [100_000, '0.025ubizra'],
      [77_777, '0.025ubizra'],
      [1, '0.000001ubizra'],
      [5, '3uatom'],
    ] as const) {
      const expected = calculateFee(gas, GasPrice.fromString(price)).amount;
      assert.deepEqual(feeOf(BigInt(gas), price), expected);
    }
    assert.deepEqual(feeOf(100n, ''), []);
    assert.deepEqual(feeOf(100n, '0ubizra'), []);
    for (const price of ['x', '1', '-1ubizra', '1,ubizra', '.5ubizra', '1.ubizra']) {
      assert.throws(() => feeOf(1n, price), { code: 'usage' }, price);
    }
  });

  it('number-text-edges: amounts are digits and a denomination', () => {
    assert.deepEqual(parseCoin('1000ubizra'), { amount: '1000', denom: 'ubizra' });
    assert.deepEqual(parseCoin(`1ibc/${'A'.repeat(64)}`).denom, `ibc/${'A'.repeat(64)}`);
    for (const text of ['', '1', 'ubizra', '-1ubizra', '1.5ubizra', '0ubizra', '1 000ubizra', '0x1ubizra', '1ub']) {
      assert.throws(() => parseCoin(text), { code: 'usage' }, text);
    }
  });
});
