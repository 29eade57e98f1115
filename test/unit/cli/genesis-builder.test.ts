import assert from 'node:assert/strict';
import { buildGenesis, type GenesisSpec, parseGenesisAccounts } from '#cli/genesis-builder.ts';
import { at } from '#cli/json-shape.ts';
import { encodeBech32 } from '#crypto/address.ts';
import { parseGenesis } from '#types/genesis.ts';

function address(fill: number, prefix = 'bizra'): string {
  return encodeBech32(prefix, new Uint8Array(20).fill(fill));
}

function spec(changes: Partial<GenesisSpec> = {}): GenesisSpec {
  return {
    chainId: 'test-1',
    timeMs: Date.UTC(2026, 0, 2),
    prefix: 'bizra',
    denom: 'ubizra',
    blockIntervalMinMs: 0,
    emptyBlockIntervalMs: 1_000,
    validators: [
      { name: 'a', publicKey: new Uint8Array(32).fill(1), stake: 5_999_999n },
      { name: 'b', publicKey: new Uint8Array(32).fill(2), stake: 7_000_000n },
    ],
    accounts: [
      { address: address(1), amount: 10n },
      { address: address(2), amount: 2n ** 70n },
    ],
    ...changes,
  };
}

describe('genesis builder', () => {
  it('makes a file that is read back with the same contents, the same for the same input', () => {
    const text = buildGenesis(spec());
    const genesis = parseGenesis(text);
    assert.equal(text, buildGenesis(spec()));
    assert.equal(genesis.chainId, 'test-1');
    assert.equal(genesis.genesisTime, BigInt(Date.UTC(2026, 0, 2)) * 1_000_000n);
    assert.deepEqual(genesis.chain, {
      bech32Prefix: 'bizra',
      baseDenom: 'ubizra',
      blockIntervalMinMs: 0,
      emptyBlockIntervalMs: 1_000,
    });
    assert.deepEqual(
      genesis.validators.map(({ name, power }) => [name, power]),
      [
        ['a', 5n],
        ['b', 7n],
      ],
    );
  });

  it('genesis-tools: the supply is the sum of the balances, and every account has its number', () => {
    const { appState } = parseGenesis(buildGenesis(spec()));
    assert.deepEqual(at(appState, 'bank.supply'), [{ denom: 'ubizra', amount: (2n ** 70n + 10n).toString() }]);
    assert.equal(at(appState, 'auth.accounts.1.account_number'), '1');
    assert.equal(at(appState, 'auth.accounts.1.address'), at(appState, 'bank.balances.1.address'));
    const empty = parseGenesis(buildGenesis(spec({ accounts: [] }))).appState;
    assert.deepEqual([at(empty, 'bank.supply'), at(empty, 'bank.balances'), at(empty, 'auth.accounts')], [[], [], []]);
  });

  it('refuses what no chain could run on, in one line', () => {
    const stake = 2n ** 63n * 1_000_000n;
    const cases: Partial<GenesisSpec>[] = [
      { chainId: '' },
      { chainId: 'a b' },
      { chainId: 'x'.repeat(51) },
      { prefix: 'Bizra' },
      { prefix: '' },
      { denom: 'u' },
      { denom: '1x2' },
      { validators: [{ name: 'a', publicKey: new Uint8Array(32), stake: 999_999n }] },
      { validators: [{ name: 'a', publicKey: new Uint8Array(32), stake }] },
      { accounts: [{ address: address(1), amount: 0n }] },
      { accounts: [{ address: address(1), amount: 2n ** 256n }] },
      {
        accounts: [
          { address: address(1), amount: 2n ** 255n },
          { address: address(2), amount: 2n ** 255n },
        ],
      },
      {
        accounts: [
          { address: address(1), amount: 1n },
          { address: address(1), amount: 1n },
        ],
      },
      { accounts: [{ address: address(1, 'cosmos'), amount: 1n }] },
      { accounts: [{ address: address(1).toUpperCase(), amount: 1n }] },
      { accounts: [{ address: `${address(1).slice(0, -1)}q`, amount: 1n }] },
    ];
    for (const change of cases) {
      assert.throws(
        () => buildGenesis(spec(change)),
        (error: Error & { code: string }) => {
          assert.ok(!error.message.includes('\n'));
          return error.code === 'usage';
        },
        String(Object.keys(change)),
      );
    }
  });

  it('reads account files and names the faulty line', () => {
    const text = `# people\n${address(1)} 10\r\n\n  ${address(2)}\t20ubizra # with denomination\n`;
    assert.deepEqual(parseGenesisAccounts('f', text, 'bizra', 'ubizra'), [
      { address: address(1), amount: 10n },
      { address: address(2), amount: 20n },
    ]);
    for (const line of [
      address(1),
      `${address(1)} -1`,
      `${address(1)} 1.5`,
      `${address(1)} 1 2`,
      `x 1`,
      `${address(1)} 0`,
      `${address(1)} 1stake`,
    ]) {
      assert.throws(
        () => parseGenesisAccounts('f', `\n${line}`, 'bizra', 'ubizra'),
        { code: 'usage', message: /^f line 2: / },
        line,
      );
    }
  });
});
