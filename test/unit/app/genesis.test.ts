import assert from 'node:assert/strict';
import { BaseAccount } from 'cosmjs-types/cosmos/auth/v1beta1/auth';
import { Any } from 'cosmjs-types/google/protobuf/any';
import { toLatin1 } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { chainOf, DENOM, genesisOf, wallet } from './support.ts';

const alice = wallet('alice');
const bob = wallet('bob');
const base = (address: string, more: object = {}): object => ({
  '@type': '/cosmos.auth.v1beta1.BaseAccount',
  address,
  pub_key: null,
  account_number: '0',
  sequence: '0',
  ...more,
});
const coins = (amount: string, denom = DENOM): object[] => [{ denom, amount }];

function fault(appState: Record<string, unknown>): string {
  try {
    chainOf(genesisOf([], { appState }));
  } catch (error) {
    assert.ok(error instanceof BizraError, String(error));
    assert.ok(!error.message.includes('\n'));
    return error.message;
  }
  return 'accepted';
}

describe('app: genesis', () => {
  it('gives repeated account numbers the lowest free ones, and goes on after the highest', () => {
    const carol = wallet('carol');
    const accounts = [
      base(alice.text, { account_number: '5' }),
      base(bob.text, { account_number: '5' }),
      base(carol.text),
    ];
    const { ledger, state } = chainOf(genesisOf([], { appState: { auth: { accounts } } }));
    const numbers = [alice, bob, carol].map(({ address }) => {
      const record = state.stores.get('acc')?.get(address.accountKey) as Uint8Array;
      return BaseAccount.decode(Any.decode(record).value).accountNumber;
    });
    assert.deepEqual(numbers, [5n, 1n, 0n]);
    assert.equal(ledger.pendingSequence(bob.address), 0n);
    // The fee collector took 6.
    assert.deepEqual(state.stores.get('acc')?.get('\x02'), new Uint8Array([0, 0, 0, 0, 0, 0, 0, 7]));
  });

  it('genesis-tools: a funded address without an account gets one, and is in the supply', async () => {
    const { ledger, state } = chainOf(genesisOf([{ address: alice.text, amount: 12n }]));
    assert.equal(ledger.pendingSequence(alice.address), 0n);
    assert.equal(toLatin1(state.stores.get('bank')?.get(`\x00${DENOM}`) as Uint8Array), '12');
    assert.deepEqual(await ledger.invariants(state.view()), []);
  });

  it('keeps keys of the SDK’s layout', () => {
    const { state } = chainOf(genesisOf([{ address: alice.text, amount: 12n }]));
    const bank = state.stores.get('bank');
    assert.equal(toLatin1(bank?.get(`\x02\x14${alice.address.key}${DENOM}`) as Uint8Array), '12');
    assert.deepEqual(bank?.get('\x05'), new Uint8Array([0x10, 1]));
    const any = Any.decode(state.stores.get('acc')?.get(`\x01${alice.address.key}`) as Uint8Array);
    assert.equal(any.typeUrl, '/cosmos.auth.v1beta1.BaseAccount');
  });

  for (const [name, appState, expected] of [
    ['an unknown module', { staking: {} }, /^app_state\.staking: no such module/],
    [
      'a foreign address',
      { bank: { balances: [{ address: 'cosmos1x', coins: [] }] } },
      /^app_state\.bank\.balances\[0\]\.address: /,
    ],
    [
      'a repeated balance',
      { bank: { balances: [alice, alice].map(({ text }) => ({ address: text, coins: coins('1') })) } },
      /^app_state\.bank\.balances\[1\]\.address: .* comes twice/,
    ],
    [
      'a negative amount',
      { bank: { balances: [{ address: alice.text, coins: coins('-1') }] } },
      /^app_state\.bank\.balances\[0\]\.coins\[0\]\.amount: /,
    ],
    [
      'an amount that is a number',
      { bank: { balances: [{ address: alice.text, coins: [{ denom: DENOM, amount: 1 }] }] } },
      /amount: expected a string, got 1$/,
    ],
    [
      'a bad denomination',
      { bank: { balances: [{ address: alice.text, coins: coins('1', 'a,b') }] } },
      /denom: "a,b" is not a valid denomination/,
    ],
    [
      'a supply that does not add up',
      { bank: { balances: [{ address: alice.text, coins: coins('5') }], supply: coins('6') } },
      /^app_state\.bank\.supply: is 6ubizra, but the balances add up to 5ubizra/,
    ],
    [
      'a supply that lacks one',
      { bank: { balances: [{ address: alice.text, coins: coins('5') }], supply: coins('0', 'other') } },
      /^accepted$/,
    ],
    [
      'a repeated account',
      { auth: { accounts: [base(alice.text), base(alice.text)] } },
      /^app_state\.auth\.accounts\[1\]\.address: /,
    ],
    [
      'an account type that is unknown',
      { auth: { accounts: [base(alice.text, { '@type': '/x' })] } },
      /^app_state\.auth\.accounts\[0\]\.@type: /,
    ],
    [
      'a key of somebody else',
      {
        auth: {
          accounts: [
            base(alice.text, {
              pub_key: {
                '@type': '/cosmos.crypto.secp256k1.PubKey',
                key: Buffer.from(bob.publicKey).toString('base64'),
              },
            }),
          ],
        },
      },
      /pub_key\.key: is not the key of/,
    ],
    [
      'a parameter of zero',
      { auth: { params: { tx_sig_limit: '0' } } },
      /^app_state\.auth\.params\.tx_sig_limit: expected an integer from 1/,
    ],
    ['auth as a list', { auth: [] }, /^app_state\.auth: expected an object, got \[\]$/],
  ] as const) {
    it(`refuses, naming the field: ${name}`, () => assert.match(fault(appState as Record<string, unknown>), expected));
  }
});
