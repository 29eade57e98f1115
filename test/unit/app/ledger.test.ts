import assert from 'node:assert/strict';
import { MsgMultiSend } from 'cosmjs-types/cosmos/bank/v1beta1/tx';
import type { Any } from 'cosmjs-types/google/protobuf/any';
import fc from 'fast-check';
import { StateReadFailure } from '#app/errors.ts';
import { InlineVerifier, type VerifyItem } from '#crypto/verifier.ts';
import { toHex, toLatin1 } from '#util/bytes.ts';
import {
  blockRequest,
  buildTx,
  chainOf,
  DENOM,
  genesisOf,
  MemoryState,
  send,
  type TestChain,
  type TxInput,
  type Wallet,
  wallet,
} from './support.ts';

const names = ['alice', 'bob', 'carol', 'dave'];
const wallets = names.map((name) => wallet(name));
const [alice, bob, carol, dave] = wallets as [Wallet, Wallet, Wallet, Wallet];
const MILLION = 1_000_000n;
const FEE = { amount: [{ denom: DENOM, amount: '500' }], gasLimit: 200_000n };

/** Account numbers: fee collector 0, alice 1, bob 2, carol 3; dave has no account. */
function start(more: Parameters<typeof genesisOf>[1] = {}, options: Parameters<typeof chainOf>[1] = {}): TestChain {
  return chainOf(
    genesisOf(
      [alice, bob, carol].map(({ text }) => ({ address: text, amount: MILLION })),
      more,
    ),
    options,
  );
}

function signer(who: Wallet, sequence = 0n): TxInput['signers'][number] {
  return { wallet: who, sequence, accountNumber: BigInt(wallets.indexOf(who) + 1) };
}

function pay(from: Wallet, to: Wallet, amount: bigint, sequence = 0n): Uint8Array {
  return buildTx({ messages: [send(from.text, to.text, amount)], signers: [signer(from, sequence)], fee: FEE });
}

function balance({ state }: TestChain, who: { readonly address: { readonly balancesPrefix: string } }): bigint {
  const record = state.stores.get('bank')?.get(who.address.balancesPrefix + DENOM);
  return record === undefined ? 0n : BigInt(Buffer.from(record).toString());
}

function multiSend(inputs: [Wallet, bigint][], outputs: [string, bigint][]): Any {
  const coins = (amount: bigint): { denom: string; amount: string }[] => [{ denom: DENOM, amount: String(amount) }];
  const value = MsgMultiSend.encode({
    inputs: inputs.map(([{ text }, amount]) => ({ address: text, coins: coins(amount) })),
    outputs: outputs.map(([address, amount]) => ({ address, coins: coins(amount) })),
  }).finish();
  return { typeUrl: '/cosmos.bank.v1beta1.MsgMultiSend', value };
}

describe('app: a block', () => {
  it('keeps a copy of a lone transaction, and the bytes of a block as they are', () => {
    const { ledger } = start();
    const bytes = pay(alice, bob, 10n);
    const wanted = bytes.slice();
    const tx = ledger.decodeTx(bytes);
    assert.equal(ledger.decode(bytes)?.bytes, bytes);
    bytes.fill(0);
    assert.deepEqual(tx.bytes, wanted);
  });

  it('moves coins and fees, raises sequences, and keeps the supply', async () => {
    const chain = start();
    const { txResults } = await chain.block([pay(alice, bob, 10n), pay(alice, bob, 5n, 1n)]);
    assert.deepEqual(
      txResults.map(({ code }) => code),
      [0, 0],
    );
    assert.equal(balance(chain, alice), MILLION - 15n - 1000n);
    assert.equal(balance(chain, bob), MILLION + 15n);
    assert.equal(balance(chain, { address: chain.ledger.addresses.ofModule('fee_collector') }), 1000n);
    assert.equal(chain.ledger.pendingSequence(alice.address), 2n);
    assert.deepEqual(await chain.ledger.invariants(chain.state.view()), []);
  });

  it('costs less than 100,000 gas a transfer, to a new account too', async () => {
    const { txResults } = await start().block([pay(alice, dave, 10n)]);
    assert.equal(txResults[0]?.code, 0);
    assert.ok((txResults[0]?.gasUsed ?? 0n) < 100_000n);
  });

  it('lets an account that the block made pay in the same block', async () => {
    const chain = start();
    // Numbers go on from genesis: collector 0, alice, bob, carol 1 to 3, dave 4.
    const { txResults } = await chain.block([pay(alice, dave, 5000n), pay(dave, bob, 1n)]);
    assert.deepEqual(
      txResults.map(({ code, log }) => [code, log]),
      [
        [0, ''],
        [0, ''],
      ],
    );
    assert.equal(balance(chain, dave), 5000n - 500n - 1n);
  });

  it('one-result-per-tx: random bytes and nothing at all get failing results of their own', async () => {
    const blocks = [start(), start()].map((chain) =>
      chain.block([new Uint8Array([1, 2, 3]), new Uint8Array(0), pay(alice, bob, 10n), new Uint8Array(500).fill(255)]),
    );
    const [first, second] = await Promise.all(blocks);
    assert.deepEqual(
      first?.txResults.map(({ code }) => code),
      [2, 18, 0, 2],
    );
    assert.deepEqual(first, second);
  });

  it('block-gas-revert: writes reverted, fee and sequence kept; the first transaction sees 0', async () => {
    const single = (await start().block([pay(alice, bob, 10n)])).txResults[0]?.gasUsed ?? 0n;
    const chain = start({ maxGas: 200_000 });
    const count = Number(200_000n / single);
    const txs = Array.from({ length: count + 2 }, (_, i) => pay(alice, bob, 10n, BigInt(i)));
    const { txResults } = await chain.block(txs);
    assert.deepEqual(
      txResults.slice(0, count).map(({ code }) => code),
      Array(count).fill(0),
    );
    assert.match(
      txResults[count]?.log ?? '',
      /^out of gas in location: block gas meter; gasWanted: 200000, gasUsed: \d+: out of gas$/,
    );
    assert.equal(txResults[count]?.code, 11);
    assert.equal(txResults[count + 1]?.log, 'no block gas left to run tx: out of gas');
    assert.equal(balance(chain, bob), MILLION + 10n * BigInt(count));
    assert.equal(chain.ledger.pendingSequence(alice.address), BigInt(count + 1));
    assert.equal(balance(chain, alice), MILLION - 10n * BigInt(count) - 500n * BigInt(count + 1));
    assert.equal((await chain.block([pay(alice, bob, 1n, BigInt(count + 1))])).txResults[0]?.code, 0);
  });

  it('reverted-events-dropped: a failing message leaves no event of its transaction’s messages', async () => {
    const messages = [send(alice.text, bob.text, 10n), send(alice.text, bob.text, MILLION * 9n)];
    const chain = start();
    const { txResults } = await chain.block([
      buildTx({ messages, signers: [signer(alice)], fee: FEE }),
      pay(bob, carol, 1n),
    ]);
    assert.equal(txResults[0]?.code, 5);
    assert.match(txResults[0]?.log ?? '', /message index: 1:/);
    assert.deepEqual(
      txResults[0]?.events.map(({ type }) => type),
      ['coin_spent', 'coin_received', 'transfer', 'message', 'tx', 'tx', 'tx'],
    );
    assert.ok(txResults[0]?.events.every(({ attributes }) => attributes.every(({ key }) => key !== 'msg_index')));
    assert.equal(balance(chain, bob), MILLION - 500n - 1n);
    // Ante events of one transaction do not leak into the next.
    assert.ok(
      txResults[1]?.events.every(({ attributes }) => attributes.every(({ value }) => !value.includes(alice.text))),
    );
  });

  it('out of gas within a message undoes it, keeps fee and sequence, and says where', async () => {
    const chain = start();
    const fee = { ...FEE, gasLimit: 26_000n };
    const { txResults } = await chain.block([
      buildTx({ messages: [send(alice.text, bob.text, 10n)], signers: [signer(alice)], fee }),
    ]);
    assert.equal(txResults[0]?.code, 11);
    assert.match(
      txResults[0]?.log ?? '',
      /^out of gas in location: (Read|Write)\w+; gasWanted: 26000, gasUsed: \d+: out of gas$/,
    );
    assert.equal(balance(chain, alice), MILLION - 500n);
    assert.equal(chain.ledger.pendingSequence(alice.address), 1n);
  });

  it('fee-payer-signs: the payer is a required signer', async () => {
    const chain = start();
    const base = { messages: [send(alice.text, bob.text, 10n)], fee: { ...FEE, payer: carol.text } };
    const alone = await chain.block([buildTx({ ...base, signers: [signer(alice)] })]);
    assert.equal(alone.txResults[0]?.log, 'wrong number of signers; expected 2, got 1: unauthorized');
    assert.equal(alone.changes.size, 0);
    const both = await chain.block([buildTx({ ...base, signers: [signer(alice), signer(carol)] })]);
    assert.equal(both.txResults[0]?.code, 0);
    assert.equal(balance(chain, alice), MILLION - 10n);
    assert.equal(balance(chain, carol), MILLION - 500n);
    assert.equal(chain.ledger.pendingSequence(carol.address), 1n);
  });

  it('a transaction with several messages of several signers', async () => {
    const chain = start();
    const messages = [send(alice.text, carol.text, 10n), send(bob.text, carol.text, 20n)];
    const { txResults } = await chain.block([buildTx({ messages, signers: [signer(alice), signer(bob)], fee: FEE })]);
    assert.equal(txResults[0]?.code, 0);
    assert.equal(balance(chain, carol), MILLION + 30n);
    const indexes = txResults[0]?.events.flatMap(({ attributes }) =>
      attributes.filter(({ key }) => key === 'msg_index'),
    );
    assert.deepEqual(new Set(indexes?.map(({ value }) => value)), new Set(['0', '1']));
  });

  it('a fault of the machine is no transaction’s result', async () => {
    const state = new (class extends MemoryState {
      broken = false;
      override get(store: string, key: Uint8Array): Uint8Array | undefined {
        if (this.broken && store === 'bank') throw new RangeError('disk');
        return super.get(store, key);
      }
    })();
    const chain = start();
    state.apply(chain.ledger.initGenesis(genesisOf([{ address: alice.text, amount: MILLION }])).changes, 0);
    const { Ledger } = await import('#app/ledger.ts');
    const options = { chainId: 'test-1', bech32Prefix: 'bizra', baseDenom: DENOM };
    const ledger = new Ledger({ verifier: new InlineVerifier(), state }, options);
    state.broken = true;
    await assert.rejects(ledger.execute(blockRequest(1, [pay(alice, bob, 1n)])), StateReadFailure);
  });

  it('batches the signatures that nobody checked, and none that were', async () => {
    const batches: number[] = [];
    const inline = new InlineVerifier();
    const verifier = {
      verify: (items: readonly VerifyItem[]): Promise<boolean[]> => {
        batches.push(items.length);
        return inline.verify(items);
      },
    };
    const chain = start({}, { verifier });
    const txs = [pay(alice, bob, 1n), pay(bob, carol, 1n), pay(carol, alice, 1n)].map((tx) =>
      chain.ledger.decodeTx(tx),
    );
    await chain.ledger.verifyTx(txs[0] as (typeof txs)[0]);
    const request = blockRequest(
      1,
      txs.map(({ bytes }) => bytes),
    );
    await chain.ledger.execute(request, { decoded: (index) => txs[index] });
    assert.deepEqual(batches, [1, 2]);
  });

  it('does not take another transaction’s word for the bytes in the block', async () => {
    const chain = start();
    const wrong = chain.ledger.decodeTx(pay(alice, carol, 99n));
    const { changes } = await chain.ledger.execute(blockRequest(1, [pay(alice, bob, 1n)]), { decoded: () => wrong });
    assert.deepEqual(changes, (await chain.ledger.execute(blockRequest(1, [pay(alice, bob, 1n)]))).changes);
  });

  it('shared-references: altering input and results afterwards changes nothing', async () => {
    const chain = start();
    const bytes = pay(alice, bob, 10n);
    const tx = chain.ledger.decodeTx(bytes);
    const copy = bytes.slice();
    bytes.fill(0);
    assert.deepEqual(tx.bytes, copy);
    const { txResults, changes } = await chain.ledger.execute(blockRequest(1, [tx.bytes]), { decoded: () => tx });
    const again = await chain.ledger.execute(blockRequest(1, [copy]));
    txResults[0]?.data.fill(0);
    for (const records of changes.values()) for (const value of records.values()) value?.fill(0);
    assert.deepEqual((await chain.ledger.execute(blockRequest(1, [copy]))).changes, again.changes);
    assert.deepEqual((await chain.ledger.execute(blockRequest(1, [copy]))).txResults, again.txResults);
  });
});

describe('app: bank', () => {
  it('blocked-addresses: modules’ addresses take no direct sends', async () => {
    for (const name of ['fee_collector', 'distribution', 'bonded_tokens_pool', 'mint']) {
      const chain = start();
      const { text } = chain.ledger.addresses.ofModule(name);
      const { txResults } = await chain.block([
        buildTx({ messages: [send(alice.text, text, 1n)], signers: [signer(alice)] }),
        buildTx({ messages: [multiSend([[bob, 1n]], [[text, 1n]])], signers: [signer(bob)] }),
      ]);
      for (const { code, log } of txResults) {
        assert.equal(code, 4);
        assert.equal(
          log,
          `failed to execute message; message index: 0: ${text} is not allowed to receive funds: unauthorized`,
        );
      }
    }
  });

  it('zero-balance-keys: an emptied balance leaves no key, as if never funded', async () => {
    const chain = start();
    await chain.block([buildTx({ messages: [send(alice.text, bob.text, MILLION)], signers: [signer(alice)] })]);
    assert.equal(chain.state.stores.get('bank')?.has(alice.address.balancesPrefix + DENOM), false);
    // What came and went within a block is no change at all.
    const { changes } = await chain.block([
      buildTx({ messages: [send(bob.text, dave.text, 7n)], signers: [signer(bob)] }),
      buildTx({ messages: [send(dave.text, bob.text, 7n)], signers: [signer(dave)] }),
    ]);
    assert.ok([...(changes.get('bank')?.keys() ?? [])].every((key) => !key.startsWith(dave.address.balancesPrefix)));
  });

  it('multisend-order: one input, equal sums, all checks before any write', async () => {
    const cases: [Any, string][] = [
      [multiSend([], [[bob.text, 1n]]), 'bank 2 no inputs to send transaction'],
      [multiSend([[alice, 1n]], []), 'bank 3 no outputs to send transaction'],
      [multiSend([[alice, 2n]], [[bob.text, 1n]]), 'bank 4 sum inputs != sum outputs'],
      [
        multiSend(
          [
            [alice, 1n],
            [bob, 1n],
          ],
          [[carol.text, 2n]],
        ),
        'bank 9 multiple senders not allowed',
      ],
      [multiSend([[alice, 1n]], [['x', 1n]]), 'sdk 7'],
      [multiSend([[alice, 0n]], [[bob.text, 0n]]), 'sdk 10 0ubizra: invalid coins'],
    ];
    for (const [message, expected] of cases) {
      const { txResults, changes } = await start().block([buildTx({ messages: [message], signers: [signer(alice)] })]);
      const [result] = txResults;
      assert.ok(`${result?.codespace} ${result?.code} ${result?.log}`.startsWith(expected), result?.log);
      assert.equal(changes.size, 0);
    }
    const chain = start();
    const message = multiSend(
      [[alice, 30n]],
      [
        [bob.text, 10n],
        [dave.text, 20n],
      ],
    );
    const { txResults } = await chain.block([buildTx({ messages: [message], signers: [signer(alice)] })]);
    assert.equal(txResults[0]?.code, 0);
    assert.deepEqual(
      [alice, bob, dave].map((who) => balance(chain, who)),
      [MILLION - 30n, MILLION + 10n, 20n],
    );
    assert.deepEqual(await chain.ledger.invariants(chain.state.view()), []);
  });

  it('address-key-length: keys carry the length; 20 and 32 bytes are addresses, 1 and 255 are not', () => {
    const { addresses } = start().ledger;
    const short = addresses.ofBytes(new Uint8Array(20).fill(7));
    const long = addresses.ofBytes(new Uint8Array(32).fill(7));
    assert.ok(!long.balancesPrefix.startsWith(short.balancesPrefix));
    for (const { text, bytes } of [short, long]) {
      const parsed = addresses.parse(text);
      assert.ok('bytes' in parsed);
      assert.deepEqual(parsed.bytes, bytes);
    }
    for (const length of [0, 1, 19, 21, 33, 40]) {
      const { text } = addresses.ofBytes(new Uint8Array(length).fill(7));
      assert.ok('fault' in addresses.parse(text), `${length} bytes`);
    }
  });

  it('address-text-compare: upper case is the same account', async () => {
    const chain = start();
    const messages = [send(alice.text.toUpperCase(), bob.text.toUpperCase(), 10n)];
    const { txResults } = await chain.block([buildTx({ messages, signers: [signer(alice)] })]);
    assert.equal(txResults[0]?.code, 0);
    assert.equal(balance(chain, bob), MILLION + 10n);
    assert.ok(
      txResults[0]?.events.every(({ attributes }) => attributes.every(({ value }) => !value.includes('BIZRA1'))),
    );
  });

  it('a denomination that may not be sent', async () => {
    const chain = start({ appState: { bank: bankWith({ send_enabled: [{ denom: DENOM, enabled: false }] }) } });
    const { txResults } = await chain.block([
      buildTx({ messages: [send(alice.text, bob.text, 1n)], signers: [signer(alice)], fee: FEE }),
    ]);
    assert.equal(txResults[0]?.codespace, 'bank');
    assert.equal(txResults[0]?.code, 5);
    assert.match(txResults[0]?.log ?? '', /ubizra transfers are currently disabled: send transactions are disabled$/);
    // fee-transfer-restricted: the fee is an internal move and still goes through.
    assert.equal(balance(chain, alice), MILLION - 500n);
  });
});

function bankWith(more: Record<string, unknown>): Record<string, unknown> {
  const balances = [alice, bob, carol].map(({ text }) => ({
    address: text,
    coins: [{ denom: DENOM, amount: String(MILLION) }],
  }));
  return { balances, ...more };
}

describe('app: properties of blocks', () => {
  const transfer = fc.record({
    from: fc.nat(3),
    to: fc.nat(3),
    amount: fc.oneof(fc.bigInt(0n, 2n * MILLION), fc.bigInt(1n, 1000n)),
    fee: fc.bigInt(0n, MILLION),
    gas: fc.oneof(fc.constant(200_000n), fc.bigInt(1n, 60_000n)),
    skew: fc.constantFrom(0n, 0n, 0n, 0n, 1n),
  });

  it('supply is unchanged by any transfers, and no balance is negative', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(transfer, { maxLength: 25 }), async (transfers) => {
        const chain = start();
        for (const { from, to, amount, fee, gas, skew } of transfers) {
          const payer = wallets[from] as Wallet;
          const sequence = (chain.ledger.pendingSequence(payer.address) ?? 0n) + skew;
          const messages = [send(payer.text, (wallets[to] as Wallet).text, amount)];
          const amounts = fee === 0n ? [] : [{ denom: DENOM, amount: String(fee) }];
          const tx = buildTx({ messages, signers: [signer(payer, sequence)], fee: { amount: amounts, gasLimit: gas } });
          await chain.block([tx]);
          assert.deepEqual(await chain.ledger.invariants(chain.state.view()), []);
        }
        const supply = chain.state.stores.get('bank')?.get(`\x00${DENOM}`) as Uint8Array;
        assert.equal(toLatin1(supply), String(3n * MILLION));
      }),
      { numRuns: 30 },
    );
  });

  it('query-isolation: the same changes and results with queries, checks and simulations in between', async () => {
    const txs = Array.from({ length: 12 }, (_, i) =>
      pay(i % 2 === 0 ? alice : bob, carol, BigInt(i + 1), BigInt(i >> 1)),
    );
    txs.push(new Uint8Array([9, 9]), pay(carol, dave, 400_000n), pay(dave, alice, 1n));
    const quiet = start();
    const expected = await quiet.ledger.execute(blockRequest(1, txs));

    const busy = start();
    const { ledger, state } = busy;
    const decoded = txs.map((tx) => ledger.decode(tx));
    const disturb = async (): Promise<void> => {
      for (const tx of decoded) {
        if (tx === undefined) continue;
        ledger.checkTx(tx, 'recheck');
        ledger.simulate(tx.bytes);
      }
      await ledger.verifyTxs(decoded.filter((tx) => tx !== undefined));
      const query = await ledger.query('/cosmos.bank.v1beta1.Query/TotalSupply', new Uint8Array(0), state.view());
      assert.equal(query.code, 0);
    };
    const actual = await ledger.execute(blockRequest(1, txs), {
      decoded: (index) => decoded[index],
      prefetch: disturb,
      pause: disturb,
    });
    assert.deepEqual(actual, expected);
    assert.equal(dump(actual.changes), dump(expected.changes));
  });
});

function dump(changes: ReadonlyMap<string, ReadonlyMap<string, Uint8Array | undefined>>): string {
  return JSON.stringify(
    [...changes].map(([store, records]) => [store, [...records].map(([key, value]) => [key, value && toHex(value)])]),
  );
}
