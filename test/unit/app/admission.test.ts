import assert from 'node:assert/strict';
import { SimulateRequest, SimulateResponse } from 'cosmjs-types/cosmos/tx/v1beta1/service';
import { AuthInfo, TxRaw } from 'cosmjs-types/cosmos/tx/v1beta1/tx';
import fc from 'fast-check';
import type { DecodedTx } from '#app/tx.ts';
import {
  blockRequest,
  buildTx,
  chainOf,
  DENOM,
  genesisOf,
  send,
  type TestChain,
  type Wallet,
  wallet,
} from './support.ts';

const alice = wallet('alice');
const bob = wallet('bob');
const dave = wallet('dave');
const MILLION = 1_000_000n;

function start(): TestChain {
  return chainOf(genesisOf([alice, bob].map(({ text }) => ({ address: text, amount: MILLION }))));
}

function numberOf(who: Wallet): bigint {
  return who === alice ? 1n : 2n;
}

function payment(sequence: bigint, from = alice, to = bob, fee = 500n): Uint8Array {
  return buildTx({
    messages: [send(from.text, to.text, 10n)],
    signers: [{ wallet: from, sequence, accountNumber: numberOf(from) }],
    fee: { amount: fee === 0n ? [] : [{ denom: DENOM, amount: String(fee) }], gasLimit: 100_000n },
  });
}

async function admit({ ledger }: TestChain, bytes: Uint8Array): Promise<DecodedTx> {
  const tx = ledger.decodeTx(bytes);
  assert.equal((await ledger.verifyTx(tx)).code, 0);
  assert.equal(ledger.checkTx(tx, 'new').code, 0);
  return tx;
}

describe('app: the pending state', () => {
  it('counts on: sequences of one account follow each other before a block has them', async () => {
    const chain = start();
    for (let sequence = 0n; sequence < 5n; sequence++) await admit(chain, payment(sequence));
    assert.equal(chain.ledger.pendingSequence(alice.address), 5n);
    assert.equal(chain.ledger.pendingSequence(dave.address), undefined);
    chain.ledger.resetPending();
    assert.equal(chain.ledger.pendingSequence(alice.address), 0n);
  });

  it('counts fees: what is spent on one cannot pay the next', async () => {
    const chain = start();
    await admit(chain, payment(0n, alice, bob, 900_000n));
    const tx = chain.ledger.decodeTx(payment(1n, alice, bob, 200_000n));
    assert.equal((await chain.ledger.verifyTx(tx)).code, 0);
    assert.equal(chain.ledger.checkTx(tx, 'new').code, 5);
    assert.equal(chain.ledger.pendingSequence(alice.address), 1n);
  });

  it('never admits a signature that was not verified', () => {
    const { ledger } = start();
    const { code, log } = ledger.checkTx(ledger.decodeTx(payment(0n)), 'new');
    assert.equal(code, 4);
    assert.match(log, /^signature verification failed/);
    assert.equal(ledger.pendingSequence(alice.address), 0n);
  });

  it('a dry check answers the same and leaves nothing', async () => {
    const { ledger } = start();
    const tx = ledger.decodeTx(payment(0n));
    assert.equal((await ledger.verifyTx(tx)).code, 0);
    const dry = ledger.dryCheckTx(tx);
    assert.equal(ledger.pendingSequence(alice.address), 0n);
    assert.deepEqual(ledger.checkTx(tx, 'new'), dry);
  });

  it('recheck after a block: committed ones fail, later ones of the same account all survive', async () => {
    const chain = start();
    const txs: DecodedTx[] = [];
    for (let sequence = 0n; sequence < 6n; sequence++) txs.push(await admit(chain, payment(sequence)));
    await chain.block(txs.slice(0, 2).map(({ bytes }) => bytes));
    assert.deepEqual(
      txs.map((tx) => chain.ledger.checkTx(tx, 'recheck').code),
      [32, 32, 0, 0, 0, 0],
    );
    assert.equal(chain.ledger.pendingSequence(alice.address), 6n);
  });

  it('forgets some accounts and follows the head for all others', async () => {
    const chain = start();
    const { ledger, state } = chain;
    const first = await admit(chain, payment(0n));
    const second = await admit(chain, payment(1n));
    await admit(chain, payment(0n, bob, alice));
    // Both alice's account and, by her payment, bob's balance change under the pending state.
    const execution = await ledger.execute(blockRequest(1, [first.bytes]));
    state.apply(execution.changes, 1);
    ledger.forgetPending([alice.address.key]);
    assert.equal(ledger.pendingSequence(alice.address), 1n);
    assert.equal(ledger.pendingSequence(bob.address), 1n);
    assert.equal(ledger.checkTx(second, 'recheck').code, 0);
    // A record that was only read is read again: dave had nothing, and is paid meanwhile.
    assert.equal(ledger.pendingSequence(dave.address), undefined);
    state.apply((await ledger.execute(blockRequest(2, [payment(1n, alice, dave)]))).changes, 2);
    ledger.forgetPending([alice.address.key]);
    assert.equal(ledger.pendingSequence(dave.address), 0n);
    assert.equal(ledger.pendingSequence(bob.address), 1n);
    // Bob got 10 in the block and has 500 pending: exactly this fee is left to him.
    const rest = ledger.decodeTx(payment(1n, bob, alice, MILLION + 10n - 500n));
    assert.equal((await ledger.verifyTx(rest)).code, 0);
    assert.equal(ledger.checkTx(rest, 'new').code, 0);
  });
});

/** As cosmjs simulates: no fee, no mode, one empty signature. */
function likeCosmjs(bytes: Uint8Array): Uint8Array {
  return simulated(bytes, { withKeys: true, signature: new Uint8Array(0), mode: 0 });
}

/** As Keplr simulates: no key, amino mode, 64 bytes of zeros. */
function likeKeplr(bytes: Uint8Array): Uint8Array {
  return simulated(bytes, { withKeys: false, signature: new Uint8Array(64), mode: 127 });
}

/** Nothing but the messages and the sequence. */
function bare(bytes: Uint8Array): Uint8Array {
  const raw = TxRaw.decode(bytes);
  const { signerInfos } = AuthInfo.decode(raw.authInfoBytes);
  const infos = signerInfos.map(({ sequence }) => ({ sequence }));
  return TxRaw.encode({
    bodyBytes: raw.bodyBytes,
    authInfoBytes: AuthInfo.encode(AuthInfo.fromPartial({ signerInfos: infos })).finish(),
    signatures: [],
  }).finish();
}

function simulated(
  bytes: Uint8Array,
  { withKeys, signature, mode }: { withKeys: boolean; signature: Uint8Array; mode: number },
): Uint8Array {
  const raw = TxRaw.decode(bytes);
  const { signerInfos } = AuthInfo.decode(raw.authInfoBytes);
  const infos = signerInfos.map(({ publicKey, sequence }) => ({
    ...(withKeys && publicKey !== undefined ? { publicKey } : {}),
    modeInfo: { single: { mode } },
    sequence,
  }));
  return TxRaw.encode({
    bodyBytes: raw.bodyBytes,
    authInfoBytes: AuthInfo.encode(AuthInfo.fromPartial({ signerInfos: infos, fee: {} })).finish(),
    signatures: raw.signatures.map(() => signature),
  }).finish();
}

describe('app: simulation', () => {
  for (const [name, form] of [
    ['cosmjs', likeCosmjs],
    ['Keplr', likeKeplr],
    ['nothing but messages', bare],
  ] as const) {
    it(`never undercharges (${name}), for old and new accounts, with and without a fee`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.bigInt(0n, 500_000n),
          fc.bigInt(1n, 1n << 40n),
          fc.array(fc.constantFrom(alice, bob, dave), { minLength: 1, maxLength: 4 }),
          fc.string({ maxLength: 40 }),
          fc.boolean(),
          async (fee, gasLimit, recipients, memo, isOld) => {
            const chain = start();
            if (isOld) assert.equal((await chain.block([payment(0n)])).txResults[0]?.code, 0);
            const real = buildTx({
              messages: recipients.map(({ text }) => send(alice.text, text, 1n)),
              signers: [{ wallet: alice, sequence: isOld ? 1n : 0n, accountNumber: 1n }],
              memo,
              fee: { amount: fee === 0n ? [] : [{ denom: DENOM, amount: String(fee) }], gasLimit: gasLimit + 200_000n },
            });
            const estimate = chain.ledger.simulate(form(real));
            assert.equal(estimate.log, '');
            const { txResults } = await chain.block([real]);
            assert.equal(txResults[0]?.log, '');
            assert.ok(
              estimate.gasUsed >= (txResults[0]?.gasUsed ?? 0n),
              `estimated ${estimate.gasUsed}, used ${txResults[0]?.gasUsed}`,
            );
            // Nor is the estimate beyond what wallets multiply it by anyway.
            assert.ok(estimate.gasUsed < ((txResults[0]?.gasUsed ?? 0n) * 18n) / 10n);
          },
        ),
        { numRuns: 60 },
      );
    });
  }

  it('leaves the pending state alone', async () => {
    const chain = start();
    await admit(chain, payment(0n));
    chain.ledger.simulate(likeCosmjs(payment(1n)));
    assert.equal(chain.ledger.pendingSequence(alice.address), 1n);
    await admit(chain, payment(1n));
  });

  it('keeps no record that it was the first to read, and all that others read before', async () => {
    const chain = start();
    const readsOf = (act: () => unknown): number => {
      const before = chain.state.reads;
      act();
      return chain.state.reads - before;
    };
    const toDave = likeCosmjs(payment(0n, alice, dave));
    chain.ledger.simulate(toDave);
    const reads = readsOf(() => chain.ledger.simulate(toDave));
    // At least the accounts and the balances of both.
    assert.ok(reads >= 4, `${reads} reads`);
    const verified = chain.ledger.decodeTx(payment(0n, bob, dave));
    assert.equal((await chain.ledger.verifyTx(verified)).code, 0);
    const checks = readsOf(() => chain.ledger.dryCheckTx(verified));
    assert.equal(
      readsOf(() => chain.ledger.dryCheckTx(verified)),
      checks,
    );
    await admit(chain, payment(0n));
    assert.ok(readsOf(() => chain.ledger.simulate(likeCosmjs(payment(1n, alice, dave)))) < reads);
    assert.equal(
      readsOf(() => chain.ledger.pendingSequence(alice.address)),
      0,
    );
  });

  it('answers the SDK’s path, refusals with the SDK’s text', async () => {
    const chain = start();
    const path = '/cosmos.tx.v1beta1.Service/Simulate';
    const ask = (txBytes: Uint8Array): ReturnType<typeof chain.ledger.query> =>
      chain.ledger.query(
        path,
        SimulateRequest.encode(SimulateRequest.fromPartial({ txBytes })).finish(),
        chain.state.view(),
      );
    const good = await ask(likeCosmjs(payment(0n)));
    assert.equal(good.code, 0);
    const { gasInfo, result } = SimulateResponse.decode(good.value as Uint8Array);
    assert.ok((gasInfo?.gasUsed ?? 0n) > 20_000n);
    assert.equal(result?.msgResponses[0]?.typeUrl, '/cosmos.bank.v1beta1.MsgSendResponse');
    const poor = await ask(
      likeCosmjs(
        buildTx({
          messages: [send(alice.text, bob.text, MILLION * 2n)],
          signers: [{ wallet: alice, sequence: 0n, accountNumber: 1n }],
        }),
      ),
    );
    assert.equal(poor.code, 6);
    assert.match(
      poor.log,
      /^rpc error: code = Unknown desc = failed to execute message; message index: 0: spendable balance 1000000ubizra is smaller than 2000000ubizra: insufficient funds with gas used: '\d+': unknown request$/,
    );
    const wrong = await ask(likeCosmjs(payment(5n)));
    assert.match(wrong.log, /account sequence mismatch, expected 0, got 5: incorrect account sequence/);
    assert.match((await ask(new Uint8Array([1, 2]))).log, /tx parse error/);
    assert.equal((await ask(new Uint8Array(0))).code, 18);
  });
});
