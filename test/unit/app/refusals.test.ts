import assert from 'node:assert/strict';
import { AuthInfo, TxRaw } from 'cosmjs-types/cosmos/tx/v1beta1/tx';
import type { CheckResult } from '#app/contract.ts';
import { Refusal } from '#app/errors.ts';
import { parseGasPrice } from '#app/gas-price.ts';
import type { TxResult } from '#types/results.ts';
import { fromHex } from '#util/bytes.ts';
import {
  blockRequest,
  buildTx,
  CHAIN_ID,
  chainOf,
  DENOM,
  genesisOf,
  send,
  type TestChain,
  type TxInput,
  wallet,
} from './support.ts';

const alice = wallet('alice');
const bob = wallet('bob');
const carol = wallet('carol');
const MILLION = 1_000_000n;

/** Account numbers: the fee collector has 0. */
function start(options: Parameters<typeof chainOf>[1] = {}, more: Parameters<typeof genesisOf>[1] = {}): TestChain {
  return chainOf(
    genesisOf(
      [
        { address: alice.text, amount: MILLION },
        { address: bob.text, amount: MILLION },
      ],
      more,
    ),
    options,
  );
}

const ALICE = { wallet: alice, sequence: 0n, accountNumber: 1n };
const payment: TxInput = { messages: [send(alice.text, bob.text, 10n)], signers: [ALICE] };

/** What admission answers: decoding, signatures, then the ante steps. */
async function admit(chain: TestChain, bytes: Uint8Array): Promise<Pick<CheckResult, 'code' | 'codespace' | 'log'>> {
  try {
    const tx = chain.ledger.decodeTx(bytes);
    const verified = await chain.ledger.verifyTx(tx);
    return verified.code === 0 ? chain.ledger.checkTx(tx, 'new') : verified;
  } catch (error) {
    assert.ok(error instanceof Refusal);
    return { code: error.registered.code, codespace: error.registered.codespace, log: error.log };
  }
}

function answer({ code, codespace, log }: Pick<CheckResult, 'code' | 'codespace' | 'log'>): string {
  return `${codespace} ${code} ${log}`;
}

interface Case {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly expected: string | RegExp;
  readonly chain?: TestChain;
}

const BAD_SIGNATURE =
  `sdk 4 signature verification failed; please verify account number (1) and chain-id (${CHAIN_ID}): ` +
  '(unable to verify single signer signature): unauthorized';

function cases(): Case[] {
  return [
    {
      name: 'sequence in the future',
      bytes: buildTx({ ...payment, signers: [{ ...ALICE, sequence: 6n }] }),
      expected: 'sdk 32 account sequence mismatch, expected 0, got 6: incorrect account sequence',
    },
    {
      name: 'bad signature',
      bytes: buildTx({ ...payment, signature: new Uint8Array(64).fill(1) }),
      expected: BAD_SIGNATURE,
    },
    {
      name: 'signature of zeros',
      bytes: buildTx({ ...payment, signature: new Uint8Array(64) }),
      expected: BAD_SIGNATURE,
    },
    {
      name: 'short signature',
      bytes: buildTx({ ...payment, signature: new Uint8Array(10).fill(1) }),
      expected: BAD_SIGNATURE,
    },
    { name: 'wrong chain id', bytes: buildTx({ ...payment, chainId: 'other-1' }), expected: BAD_SIGNATURE },
    {
      name: 'wrong account number',
      bytes: buildTx({ ...payment, signers: [{ ...ALICE, accountNumber: 7n }] }),
      expected: BAD_SIGNATURE,
    },
    {
      name: 'no signatures',
      bytes: withRaw(buildTx(payment), { signatures: [] }),
      expected: 'sdk 15 no signatures supplied',
    },
    {
      name: 'nothing at all',
      bytes: new Uint8Array(0),
      expected: 'sdk 18 must contain at least one message: invalid request',
    },
    {
      name: 'no message',
      bytes: buildTx({ ...payment, messages: [] }),
      expected: 'sdk 18 must contain at least one message: invalid request',
    },
    {
      name: 'garbage 00',
      bytes: fromHex('00'),
      expected: 'sdk 2 invalid length; proto: invalid field number: tx parse error',
    },
    {
      name: 'garbage 02',
      bytes: fromHex('02'),
      expected: 'sdk 2 invalid length; proto: invalid field number: tx parse error',
    },
    {
      name: 'garbage 000102',
      bytes: fromHex('000102'),
      expected: 'sdk 2 invalid length; proto: invalid field number: tx parse error',
    },
    { name: 'cut off', bytes: buildTx(payment).slice(0, -1), expected: /^sdk 2 .*: tx parse error$/ },
    {
      name: 'unknown message',
      bytes: buildTx({ ...payment, messages: [{ typeUrl: '/cosmos.gov.v1.MsgVote', value: new Uint8Array([8, 1]) }] }),
      expected: 'sdk 2 unable to resolve type URL /cosmos.gov.v1.MsgVote: tx parse error',
    },
    {
      name: 'long memo',
      bytes: buildTx({ ...payment, memo: 'm'.repeat(5000) }),
      expected: 'sdk 12 maximum number of characters is 256 but received 5000 characters: memo too large',
    },
    {
      name: 'memo long in bytes only',
      bytes: buildTx({ ...payment, memo: '€'.repeat(100) }),
      expected: 'sdk 12 maximum number of characters is 256 but received 300 characters: memo too large',
    },
    {
      name: 'too little gas',
      bytes: buildTx({ ...payment, fee: { gasLimit: 100n } }),
      expected: 'sdk 11 out of gas in location: ReadFlat; gasWanted: 100, gasUsed: 1000: out of gas',
    },
    {
      name: 'no gas',
      bytes: buildTx({ ...payment, fee: { gasLimit: 0n } }),
      expected: /^sdk (11|41) /,
    },
    {
      name: 'gas beyond int64',
      bytes: buildTx({ ...payment, fee: { gasLimit: 1n << 63n } }),
      expected: 'sdk 18 invalid gas supplied; 9223372036854775808 > 9223372036854775807: invalid request',
    },
    {
      name: 'fee above the balance',
      bytes: buildTx({ ...payment, fee: { amount: [{ denom: DENOM, amount: '1000001' }] } }),
      expected:
        'sdk 5 spendable balance 1000000ubizra is smaller than 1000001ubizra: insufficient funds: insufficient funds',
    },
    {
      name: 'negative fee',
      bytes: buildTx({ ...payment, fee: { amount: [{ denom: DENOM, amount: '-1' }] } }),
      expected: 'sdk 13 invalid fee provided: -1ubizra: insufficient fee',
    },
    {
      name: 'fee denominations out of order',
      bytes: buildTx({
        ...payment,
        fee: {
          amount: [
            { denom: DENOM, amount: '1' },
            { denom: 'aaa', amount: '1' },
          ],
        },
      }),
      expected: 'sdk 13 invalid fee amount: 1ubizra,1aaa: insufficient fee',
    },
    {
      name: 'fee below this node’s price',
      chain: start({ minGasPrice: parseGasPrice(`0.025${DENOM}`) }),
      bytes: buildTx({ ...payment, fee: { amount: [{ denom: DENOM, amount: '4999' }] } }),
      expected: 'sdk 13 insufficient fees; got: 4999ubizra required: 5000ubizra: insufficient fee',
    },
    {
      name: 'gas limit above the block’s',
      chain: start({}, { maxGas: 100_000 }),
      bytes: buildTx(payment),
      expected: 'sdk 41 tx gas limit 200000 exceeds block max gas 100000: invalid gas limit',
    },
    {
      name: 'fee granter',
      bytes: buildTx({ ...payment, fee: { granter: bob.text } }),
      expected: 'sdk 18 fee grants are not enabled: invalid request',
    },
    {
      name: 'signer without an account',
      bytes: buildTx({
        messages: [send(carol.text, bob.text, 1n)],
        signers: [{ wallet: carol, sequence: 0n, accountNumber: 9n }],
      }),
      expected: `sdk 9 fee payer address: ${carol.text} does not exist: unknown address`,
    },
    {
      name: 'key of another account',
      bytes: buildTx({ ...payment, signers: [{ ...ALICE, wallet: bob }] }),
      expected: `sdk 8 pubKey does not match signer address ${alice.text} with signer index: 0: invalid pubkey`,
    },
    {
      name: 'no key on the account or in the transaction',
      bytes: buildTx({ ...payment, withoutKeys: true }),
      expected: 'sdk 8 pubkey on account is not set: invalid pubkey',
    },
    {
      name: 'amino JSON signature',
      bytes: buildTx({ ...payment, mode: 127 }),
      expected:
        'sdk 37 SIGN_MODE_LEGACY_AMINO_JSON is not supported; sign with SIGN_MODE_DIRECT: feature not supported',
    },
    {
      name: 'recipient of another chain',
      bytes: buildTx({ ...payment, messages: [send(alice.text, wallet('bob', 'cosmos').text, 1n)] }),
      expected: 'sdk 7 invalid to address: invalid Bech32 prefix; expected bizra, got cosmos: invalid address',
    },
    {
      name: 'sender that is no address',
      bytes: buildTx({ ...payment, messages: [send('', bob.text, 1n)] }),
      expected: 'sdk 7 invalid from address: empty address string is not allowed: invalid address',
    },
    {
      name: 'amount zero',
      bytes: buildTx({ ...payment, messages: [send(alice.text, bob.text, 0n)] }),
      expected: 'sdk 10 0ubizra: invalid coins',
    },
    {
      name: 'amount below zero',
      bytes: buildTx({ ...payment, messages: [send(alice.text, bob.text, -1n)] }),
      expected: 'sdk 10 -1ubizra: invalid coins',
    },
  ];
}

describe('app: refusals are the SDK’s, and leave nothing', () => {
  for (const { name, bytes, expected, chain = start() } of cases()) {
    it(name, async () => {
      const checked = answer(await admit(chain, bytes));
      if (typeof expected === 'string') assert.equal(checked, expected);
      else assert.match(checked, expected);
      assert.equal(chain.ledger.pendingSequence(alice.address), 0n);
      const { txResults, changes } = await chain.block([bytes]);
      // A node's own price is no matter of validity.
      if (chain.state.height === 1 && name.includes('this node')) return;
      const executed = answer(txResults[0] as TxResult);
      if (typeof expected === 'string') assert.equal(executed, expected);
      else assert.match(executed, expected);
      assert.equal(changes.size, 0);
      assert.deepEqual(txResults[0]?.events, []);
    });
  }

  it('expired timeout height', async () => {
    const chain = start();
    for (let height = 1; height <= 58; height++) await chain.block([]);
    const bytes = buildTx({ ...payment, timeoutHeight: 1n });
    const expected = 'sdk 30 block height: 59, timeout height: 1: tx timeout height';
    assert.equal(answer(await admit(chain, bytes)), expected);
    const { txResults, changes } = await chain.block([bytes]);
    assert.equal(answer(txResults[0] as TxResult), expected);
    assert.equal(changes.size, 0);
    assert.equal((await admit(chain, buildTx({ ...payment, timeoutHeight: 60n }))).code, 0);
  });

  it('sequence in the past, before its signature is looked at', async () => {
    const chain = start();
    assert.equal((await chain.block([buildTx(payment)])).txResults[0]?.code, 0);
    const refused = 'sdk 32 account sequence mismatch, expected 1, got 0: incorrect account sequence';
    assert.equal(answer(await admit(chain, buildTx(payment))), refused);
    assert.equal(answer(await admit(chain, buildTx({ ...payment, signature: new Uint8Array(64) }))), refused);
  });

  it('too little money: admitted, then a failing result that keeps fee and sequence', async () => {
    const chain = start();
    const fee = { amount: [{ denom: DENOM, amount: '500' }], gasLimit: 200_000n };
    const bytes = buildTx({ ...payment, messages: [send(alice.text, bob.text, MILLION * 2n)], fee });
    assert.equal((await admit(chain, bytes)).code, 0);
    const { txResults } = await chain.block([bytes]);
    assert.equal(
      answer(txResults[0] as TxResult),
      'sdk 5 failed to execute message; message index: 0: spendable balance 999500ubizra is smaller than ' +
        '2000000ubizra: insufficient funds',
    );
    assert.equal(chain.ledger.pendingSequence(alice.address), 1n);
    assert.deepEqual(await chain.ledger.invariants(chain.state.view()), []);
  });

  it('a signature whose sign bytes were verified for another account number is verified again', async () => {
    const chain = start();
    const tx = chain.ledger.decodeTx(buildTx({ ...payment, signers: [{ ...ALICE, accountNumber: 7n }] }));
    // As if the pool had met it while the account had another number.
    tx.rememberSignature(0, { pubKey: alice.publicKey, accountNumber: 7n, valid: true });
    const { txResults } = await chain.ledger.execute(blockRequest(1, [tx.bytes]), { decoded: () => tx });
    assert.equal(answer(txResults[0] as TxResult), BAD_SIGNATURE);
  });
});

function withRaw(bytes: Uint8Array, change: Partial<TxRaw>): Uint8Array {
  return TxRaw.encode({ ...TxRaw.decode(bytes), ...change }).finish();
}

describe('app: signer-counts (0, n-1, n+1 of each, before anything uses them)', () => {
  const good = buildTx(payment);
  const raw = TxRaw.decode(good);
  const authInfo = AuthInfo.decode(raw.authInfoBytes);
  const [info] = authInfo.signerInfos;
  assert.ok(info !== undefined);
  const signature = raw.signatures[0] as Uint8Array;

  for (const [name, infos, signatures, expected] of [
    ['no infos', [], [signature], 'sdk 4 wrong number of signers; expected 1, got 0: unauthorized'],
    ['two infos', [info, info], [signature], 'sdk 4 wrong number of signers; expected 1, got 2: unauthorized'],
    ['no signatures', [info], [], 'sdk 15 no signatures supplied'],
    [
      'two signatures',
      [info],
      [signature, signature],
      'sdk 4 wrong number of signers; expected 1, got 2: unauthorized',
    ],
    [
      'two of each',
      [info, info],
      [signature, signature],
      'sdk 4 wrong number of signers; expected 1, got 2: unauthorized',
    ],
  ] as const) {
    it(name, async () => {
      const authInfoBytes = AuthInfo.encode({ ...authInfo, signerInfos: [...infos] }).finish();
      const bytes = TxRaw.encode({ ...raw, authInfoBytes, signatures: [...signatures] }).finish();
      const chain = start();
      assert.equal(answer(await admit(chain, bytes)), expected);
      assert.equal(answer((await chain.block([bytes])).txResults[0] as TxResult), expected);
    });
  }
});
