import assert from 'node:assert/strict';
import type { DecodedTx } from '#app/tx.ts';
import { InlineVerifier, type Verifier, type VerifyItem } from '#crypto/verifier.ts';
import { blockRequest, buildTx, chainOf, DENOM, genesisOf, send, wallet } from './support.ts';

/** Counts the signatures that it is asked for. */
class CountingVerifier implements Verifier {
  count = 0;
  largest = 0;
  private readonly inner = new InlineVerifier();

  verify(items: readonly VerifyItem[]): Promise<boolean[]> {
    this.count += items.length;
    this.largest = Math.max(this.largest, items.length);
    return this.inner.verify(items);
  }
}

const [alice, bob, carol] = [wallet('alice'), wallet('bob'), wallet('carol')];
const fee = { amount: [{ denom: DENOM, amount: '2500' }], gasLimit: 100_000n };

function setUp() {
  const verifier = new CountingVerifier();
  const accounts = [alice, bob].map(({ text }, index) => ({
    '@type': '/cosmos.auth.v1beta1.BaseAccount',
    address: text,
    pub_key: null,
    account_number: String(index),
    sequence: '0',
  }));
  const balances = [alice, bob].map(({ text }) => ({ address: text, amount: 1_000_000_000n }));
  const chain = chainOf(genesisOf(balances, { appState: { auth: { accounts } } }), { verifier });
  const pay = (from: typeof alice, to: typeof alice, sequence: bigint, accountNumber: bigint, signature?: Uint8Array) =>
    buildTx({
      messages: [send(from.text, to.text, 100_000n)],
      signers: [{ wallet: from, sequence, accountNumber }],
      fee,
      ...(signature === undefined ? {} : { signature }),
    });
  const execute = async (bytes: readonly Uint8Array[], decoded: readonly DecodedTx[]) => {
    const { txResults } = await chain.ledger.execute(blockRequest(1, bytes), { decoded: (index) => decoded[index] });
    return txResults.map(({ code }) => code);
  };
  const decodeAll = (bytes: readonly Uint8Array[]) => bytes.map((tx) => chain.ledger.decodeTx(tx));
  return { chain, verifier, pay, execute, decodeAll };
}

describe('signatures checked ahead of a block', () => {
  it('are not checked again when the block is executed', async () => {
    const { chain, verifier, pay, execute, decodeAll } = setUp();
    const bytes = [0n, 1n, 2n].map((sequence) => pay(alice, bob, sequence, 0n));
    const decoded = decodeAll(bytes);
    await chain.ledger.verifyAhead(decoded);
    assert.equal(verifier.count, 3);
    assert.deepEqual(await execute(bytes, decoded), [0, 0, 0]);
    assert.equal(verifier.count, 3);
  });

  it('change no outcome: a forged one fails as it does without', async () => {
    const { chain, pay, execute, decodeAll } = setUp();
    const bytes = [
      pay(alice, bob, 0n, 0n),
      pay(bob, alice, 0n, 1n, new Uint8Array(64).fill(7)),
      pay(alice, bob, 7n, 0n),
    ];
    const decoded = decodeAll(bytes);
    await chain.ledger.verifyAhead(decoded);
    const codes = await execute(bytes, decoded);
    assert.deepEqual(codes, await execute(bytes, decodeAll(bytes)));
    assert.deepEqual(codes, [0, 4, 32]);
  });

  it('are checked again where the state asks for another account number in the block', async () => {
    const { chain, verifier, pay, execute, decodeAll } = setUp();
    // As if it had been found valid for number 5, while the account has number 0.
    const bytes = [pay(alice, bob, 0n, 5n)];
    const decoded = decodeAll(bytes);
    decoded[0]?.rememberSignature(0, { pubKey: alice.publicKey, accountNumber: 5n, valid: true });
    await chain.ledger.verifyAhead(decoded);
    assert.equal(verifier.count, 0, 'somebody has looked at it');
    assert.deepEqual(await execute(bytes, decoded), [4]);
    assert.equal(verifier.count, 1);
  });

  it('are left to the block where it makes the account itself', async () => {
    const { chain, verifier, pay, execute, decodeAll } = setUp();
    const bytes = [pay(alice, carol, 0n, 0n), pay(carol, bob, 0n, 2n)];
    const decoded = decodeAll(bytes);
    await chain.ledger.verifyAhead(decoded);
    assert.equal(verifier.count, 1);
    await execute(bytes, decoded);
    assert.equal(verifier.count, 2);
  });

  it('no-long-stretch: go in groups, with a pause after each', async () => {
    const { chain, verifier, pay, decodeAll } = setUp();
    const decoded = decodeAll(Array.from({ length: 200 }, (_, i) => pay(alice, bob, BigInt(i), 0n)));
    let pauses = 0;
    await chain.ledger.verifyAhead(decoded, { pause: () => void pauses++ });
    assert.equal(verifier.count, 200);
    assert.ok(verifier.largest <= 64 && pauses >= 4, `${verifier.largest} at once, ${pauses} pauses`);
  });
});
