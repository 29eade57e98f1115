import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import type { AdmitResult } from '#mempool/contract.ts';
import { Mempool, type MempoolUpdate } from '#mempool/mempool.ts';
import type { MempoolOptions } from '#mempool/options.ts';
import { framedSize } from '#util/framing.ts';
import { Chance } from '../../sim/time/chance.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { encodeFake, FakeLedger, type FakeTx, hashTx } from './fake-ledger.ts';

class Bench {
  readonly clock = new ManualClock();
  readonly ledger = new FakeLedger({ forgetsByAccount: true });
  readonly admitted: [Uint8Array, string][] = [];
  readonly fatal: unknown[] = [];
  work = 0;
  onAdmitted: (tx: FakeTx) => void = () => undefined;
  readonly mempool: Mempool<FakeTx>;

  constructor(options: Partial<MempoolOptions> = {}) {
    for (const account of ['a', 'b', 'c', 'd']) this.ledger.fund(account, 1_000_000n);
    this.mempool = new Mempool(
      {
        app: this.ledger,
        clock: this.clock,
        random: new Chance(1),
        hashTx,
        onAdmitted: (tx, source) => {
          this.admitted.push([tx.bytes, source]);
          this.onAdmitted(tx);
        },
        onWorkAvailable: () => this.work++,
        onFatal: (error) => this.fatal.push(error),
      },
      options,
    );
  }

  async admit(bytes: Uint8Array, source: 'rpc' | 'peer' = 'rpc'): Promise<AdmitResult> {
    const admission = this.mempool.admit(bytes, source);
    // A rejection is the caller's; the one below only tells that the admission has ended.
    let ended = false;
    const end = (): void => {
      ended = true;
    };
    admission.then(end, end);
    while (!ended) await this.clock.step();
    return admission;
  }

  /** Admits one of `account`, which must pass. */
  async fill(account: string, sequence: number, fee = 100n, more: { gas?: bigint; timeoutHeight?: bigint } = {}) {
    const bytes = encodeFake({ accounts: [account], sequences: [sequence], fee, ...more });
    const result = await this.admit(bytes);
    equal(result.code, 0, result.log);
    return bytes;
  }

  update(height: number, txs: readonly Uint8Array[] = [], init: { code?: number; changed?: string[] } = {}): void {
    const block: MempoolUpdate = {
      height,
      txs: txs.map((bytes) => ({ hash: hashTx(bytes), code: init.code ?? 0 })),
      changedAccounts: init.changed,
    };
    this.mempool.update(block);
  }

  execute(bytes: Uint8Array): void {
    const decoded = this.ledger.decode(bytes, hashTx(bytes));
    ok('tx' in decoded);
    equal(this.ledger.execute(decoded.tx).code, 0);
  }

  names(txs: readonly FakeTx[]): string[] {
    return txs.map((tx) => `${tx.accounts.join('+')}${tx.sequences.join('+')}`);
  }

  reap(maxBytes = -1, maxGas = -1n): string[] {
    return this.names(this.mempool.reap(maxBytes, maxGas));
  }
}

const one = (account: string, sequence: number, fee = 100n) =>
  encodeFake({ accounts: [account], sequences: [sequence], fee });

describe('mempool admission', () => {
  it('admits, finds by hash, and tells the sink with the source', async () => {
    const bench = new Bench();
    const bytes = await bench.fill('a', 0);
    equal(bench.mempool.count, 1);
    equal(bench.mempool.bytes, framedSize(bytes.length));
    deepEqual(bench.mempool.get(hashTx(bytes))?.bytes, bytes);
    equal(bench.mempool.get(hashTx(new Uint8Array(1))), undefined);
    deepEqual(bench.admitted, [[bytes, 'rpc']]);
    await bench.admit(one('b', 0), 'peer');
    equal(bench.admitted[1]?.[1], 'peer');
    deepEqual(bench.names(bench.mempool.list(10)), ['a0', 'b0']);
    equal(bench.mempool.list(1).length, 1);
  });

  it('refuses with the texts that clients match', async () => {
    const bench = new Bench({ maxTxs: 1, maxTxBytes: 60 });
    const large = await bench.admit(encodeFake({ accounts: ['a'], sequences: [0], memo: 'x'.repeat(100) }));
    match(large.log, /^Tx too large\. Max size is 60, but got \d+$/);
    equal(large.refusal, 'too_large');
    const bytes = await bench.fill('a', 0);
    const again = await bench.admit(bytes);
    deepEqual([again.log, again.refusal, again.code], ['tx already exists in cache', 'in_cache', 19]);
    const full = await bench.admit(one('b', 0));
    match(full.log, /^mempool is full: number of txs 1 \(max: 1\), total txs bytes \d+ \(max: \d+\)$/);
    deepEqual([full.refusal, full.code], ['full', 20]);
  });

  it('gives the ledger`s answers without a refusal, and lets a failed one be sent again', async () => {
    const bench = new Bench();
    const garbage = await bench.admit(new Uint8Array([1, 2, 3]));
    deepEqual([garbage.code, garbage.refusal], [2, undefined]);
    const early = one('a', 1);
    const gap = await bench.admit(early);
    deepEqual([gap.code, gap.refusal], [32, undefined]);
    match(gap.log, /expected 0, got 1/);
    await bench.fill('a', 0);
    equal((await bench.admit(early)).code, 0);
    const forged = encodeFake({ accounts: ['b'], sequences: [0], badSignature: true });
    equal((await bench.admit(forged)).code, 4);
    equal(bench.mempool.count, 2);
  });

  it('zero-gas-and-overflow, proposal-gas: refuses gas 0 and gas above the block', async () => {
    const bench = new Bench();
    bench.mempool.setBlockLimits({ maxDataBytes: -1, maxGas: 500n });
    const withGas = (gas: bigint) => bench.admit(encodeFake({ accounts: ['a'], sequences: [0], gas }));
    equal((await withGas(0n)).code, 41);
    equal((await withGas(501n)).code, 41);
    equal((await withGas(500n)).code, 0);
  });

  it('tx-size-one-rule: what fits a block exactly is admitted and reaped; one byte more is neither', async () => {
    const bench = new Bench();
    const bytes = encodeFake({ accounts: ['a'], sequences: [0], memo: 'y'.repeat(200) });
    const framed = framedSize(bytes.length);
    for (const [limit, fits] of [
      [framed - 1, false],
      [framed, true],
      [framed + 1, true],
    ] as const) {
      bench.mempool.flush();
      bench.mempool.setBlockLimits({ maxDataBytes: limit, maxGas: -1n });
      equal((await bench.admit(bytes)).code === 0, fits, `limit ${limit - framed}`);
      equal(bench.reap(limit).length, fits ? 1 : 0);
    }
    deepEqual(bench.reap(framed - 1), []);
  });

  it('checks the signatures of concurrent clients in one batch, in order of arrival', async () => {
    const bench = new Bench();
    const batch = Array.from({ length: 20 }, (_, i) => one('a', i));
    const results = Promise.all(batch.map((bytes) => bench.mempool.admit(bytes, 'rpc')));
    await bench.clock.drain();
    ok((await results).every((result) => result.code === 0));
    deepEqual(bench.ledger.verifyCalls, [20]);
    deepEqual(bench.reap().slice(0, 3), ['a0', 'a1', 'a2']);
  });

  it('admits a peer`s batch with the verifier`s batch size, and answers in order', async () => {
    const bench = new Bench({ verifyBatch: 8 });
    const batch = [...Array.from({ length: 10 }, (_, i) => one('a', i)), new Uint8Array(3), one('b', 0)];
    const admission = bench.mempool.admitMany(batch, 'peer');
    await bench.clock.drain();
    deepEqual(
      (await admission).map((result) => result.code),
      [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0],
    );
    deepEqual(bench.ledger.verifyCalls, [8, 3]);
  });

  it('finds a transaction for a compact block while its signature is being checked, and knows its duplicate', async () => {
    const bench = new Bench();
    const bytes = one('a', 0);
    const admission = bench.mempool.admit(bytes, 'peer');
    ok(bench.mempool.get(hashTx(bytes)));
    equal((await bench.mempool.admit(bytes, 'rpc')).refusal, 'in_cache');
    await bench.clock.drain();
    equal((await admission).code, 0);
  });

  it('bounds what waits for signature checks', async () => {
    const bench = new Bench({ maxWaiting: 2 });
    const admissions = [0, 1, 2].map((i) => bench.mempool.admit(one('a', i), 'peer'));
    await bench.clock.drain();
    deepEqual(
      (await Promise.all(admissions)).map((result) => result.refusal),
      [undefined, undefined, 'full'],
    );
  });

  it('refuses before paying for a signature when the pool is full of better payers', async () => {
    const bench = new Bench({ maxTxs: 2 });
    await bench.fill('a', 0);
    await bench.fill('b', 0);
    bench.ledger.verifyCalls = [];
    equal((await bench.admit(one('c', 0))).refusal, 'full');
    deepEqual(bench.ledger.verifyCalls, []);
    equal((await bench.admit(one('c', 0, 101n))).code, 0);
  });

  it('syncing-node-refuses: clients get an error, peers` transactions are discarded', async () => {
    const bench = new Bench();
    bench.mempool.setSyncing(true);
    for (const source of ['rpc', 'peer'] as const) {
      const result = await bench.admit(one('a', 0), source);
      ok(result.code !== 0);
      equal(result.refusal, 'syncing');
    }
    bench.mempool.setSyncing(false);
    await bench.fill('a', 0);
  });

  it('checktx-throw-unlocks: a throw in the ledger fails that admission, and holds up nobody', async () => {
    const bench = new Bench();
    const broken = one('a', 0);
    bench.ledger.fault = new RangeError('out of depth');
    await rejects(bench.admit(broken), /out of depth/);
    equal((await bench.admit(broken)).code, 0);
    bench.ledger.verify = () => Promise.reject(new Error('verifier is gone'));
    await rejects(bench.admit(one('b', 0)), /verifier is gone/);
    bench.ledger.verify = FakeLedger.prototype.verify;
    await bench.fill('b', 0);
  });

  it('callback-reenters: the sink may call the pool', async () => {
    const bench = new Bench();
    const seen: number[] = [];
    bench.onAdmitted = (tx) => {
      seen.push(bench.mempool.reap(-1, -1n).length);
      bench.update(1, [tx.bytes]);
    };
    const bytes = one('a', 0);
    bench.onAdmitted = ((inner) => (tx: FakeTx) => {
      bench.execute(tx.bytes);
      inner(tx);
    })(bench.onAdmitted);
    equal((await bench.admit(bytes)).code, 0);
    deepEqual(seen, [1]);
    equal(bench.mempool.count, 0);
  });

  it('mempool-heap-amplification: empty entries cost nothing that stays', async () => {
    const bench = new Bench();
    const admission = bench.mempool.admitMany(Array(1_000).fill(new Uint8Array(0)), 'peer');
    ok((await admission).every((result) => result.code !== 0));
    equal(bench.mempool.count, 0);
  });
});

describe('mempool order', () => {
  it('keeps each account`s sequence order, and puts the better gas price first across accounts', async () => {
    const bench = new Bench();
    await bench.fill('a', 0, 10n);
    await bench.fill('a', 1, 900n);
    await bench.fill('b', 0, 50n);
    await bench.fill('c', 0, 60n, { gas: 50n });
    await bench.fill('b', 1, 50n);
    deepEqual(bench.reap(), ['c0', 'b0', 'b1', 'a0', 'a1']);
    equal(bench.mempool.count, 5);
  });

  it('of equal prices, the earlier one goes first', async () => {
    const bench = new Bench();
    for (const account of ['c', 'a', 'b']) await bench.fill(account, 0);
    deepEqual(bench.reap(), ['c0', 'a0', 'b0']);
  });

  it('own-proposal-valid: an account whose transaction does not fit is left out from there on', async () => {
    const bench = new Bench();
    await bench.fill('a', 0, 1_000n, { gas: 900n });
    await bench.fill('a', 1, 1_000n);
    await bench.fill('b', 0, 10n);
    await bench.fill('b', 1, 10n);
    deepEqual(bench.reap(-1, 250n), ['b0', 'b1']);
    deepEqual(bench.reap(-1, 1_000n), ['a0', 'a1']);
    deepEqual(bench.reap(0), []);
  });

  it('a transaction of two accounts waits for its predecessors in both', async () => {
    const bench = new Bench();
    await bench.fill('b', 0, 1n);
    equal((await bench.admit(encodeFake({ accounts: ['a', 'b'], sequences: [0, 1], fee: 9_000n }))).code, 0);
    await bench.fill('b', 2, 9_000n);
    await bench.fill('a', 1, 9_000n);
    deepEqual(bench.reap(), ['b0', 'a+b0+1', 'b2', 'a1']);
  });
});

describe('mempool eviction', () => {
  it('drops the cheapest end of a queue for a better payer, never out of a chain, never the newcomer`s own', async () => {
    const bench = new Bench({ maxTxs: 4 });
    await bench.fill('a', 0, 10n);
    await bench.fill('a', 1, 500n);
    await bench.fill('b', 0, 100n);
    await bench.fill('b', 1, 20n);
    await bench.fill('c', 0, 600n); // b1 goes: a0 is cheaper but stands before a1
    deepEqual(bench.reap(), ['c0', 'b0', 'a0', 'a1']);
    await bench.fill('b', 1, 550n); // not its own b0: a1
    deepEqual(bench.reap(), ['c0', 'b0', 'b1', 'a0']);
    equal((await bench.admit(one('a', 1, 5n))).refusal, 'full');
    equal((await bench.admit(one('d', 0, 10n))).refusal, 'full'); // pays no more than a0
    equal((await bench.admit(one('d', 0, 11n))).code, 0);
    deepEqual(bench.reap(), ['c0', 'b0', 'b1', 'd0']);
    await bench.fill('d', 1, 5_000n); // the place is c's or b1's, whoever pays less
    deepEqual(bench.reap(), ['c0', 'b0', 'd0', 'd1']);
  });

  it('an evicted transaction may come back', async () => {
    const bench = new Bench({ maxTxs: 1 });
    const cheap = await bench.fill('a', 0, 10n);
    await bench.fill('b', 0, 20n);
    equal((await bench.admit(cheap)).refusal, 'full');
    bench.execute(one('b', 0, 20n));
    bench.update(1, [one('b', 0, 20n)]);
    equal((await bench.admit(cheap)).code, 0);
  });

  it('makes room in bytes, or not at all', async () => {
    const small = framedSize(one('a', 0).length);
    const bench = new Bench({ maxTxsBytes: 3 * small });
    for (const account of ['a', 'b', 'c']) await bench.fill(account, 0);
    const big = (fee: bigint) => encodeFake({ accounts: ['d'], sequences: [0], fee, memo: 'x'.repeat(small) });
    equal((await bench.admit(big(100n))).refusal, 'full');
    equal(bench.mempool.count, 3);
    equal((await bench.admit(big(200n))).code, 0);
    deepEqual(bench.reap(), ['d0', 'a0']);
  });
});

describe('mempool update', () => {
  it('committed-txs-removed: all of a block leave, failed ones may be sent again, others stay known', async () => {
    const bench = new Bench();
    const good = await bench.fill('a', 0);
    const bad = await bench.fill('b', 0);
    const foreign = one('c', 0);
    bench.execute(good);
    bench.mempool.update({
      height: 1,
      txs: [
        { hash: hashTx(good), code: 0 },
        { hash: hashTx(bad), code: 11 },
        { hash: hashTx(foreign), code: 0 },
      ],
      changedAccounts: ['a', 'c'],
    });
    equal(bench.mempool.count, 0);
    equal((await bench.admit(good)).refusal, 'in_cache');
    equal((await bench.admit(foreign)).refusal, 'in_cache');
    equal((await bench.admit(bad)).code, 0);
  });

  it('recheck-removes: n transactions of one account survive a block; a stale one leaves every index', async () => {
    const bench = new Bench();
    const chain = [];
    for (let i = 0; i < 5; i++) chain.push(await bench.fill('a', i));
    const stale = await bench.fill('b', 0);
    await bench.fill('b', 1);
    bench.execute(chain[0] as Uint8Array);
    bench.execute(one('b', 0, 7n)); // another spelling of b's sequence 0
    bench.update(1, [chain[0] as Uint8Array, one('b', 0, 7n)]);
    await bench.clock.drain();
    deepEqual(bench.reap(), ['a1', 'a2', 'a3', 'a4', 'b1']);
    equal(bench.mempool.get(hashTx(stale)), undefined);
    equal((await bench.admit(stale)).code, 32);
  });

  it('checks again only what the block changed', async () => {
    const bench = new Bench();
    for (const account of ['a', 'b', 'c']) for (let i = 0; i < 4; i++) await bench.fill(account, i);
    const first = one('a', 0);
    bench.execute(first);
    bench.ledger.checks = 0;
    bench.update(1, [first], { changed: ['a'] });
    await bench.clock.drain();
    equal(bench.ledger.checks, 3);
    await bench.fill('b', 4);
    equal(bench.ledger.checks, 4);
    bench.update(2);
    await bench.clock.drain();
    equal(bench.ledger.checks, 4 + 12);
  });

  it('tells the ledger of every move of the head, even when nothing is pending', () => {
    const bench = new Bench();
    const told: (readonly string[])[] = [];
    bench.ledger.forgetPending = (accounts) => void told.push(accounts);
    bench.update(1, [], { changed: [] });
    bench.update(2, [one('z', 0)], { changed: ['z'] });
    deepEqual(told, [[], []]);
  });

  it('recheck-interleaving: newcomers, a reap and a second block come in the middle of a recheck', async () => {
    const bench = new Bench({ sliceMs: 0 });
    for (const account of ['a', 'b']) for (let i = 0; i < 6; i++) await bench.fill(account, i);
    bench.update(1); // one entry is checked, then it yields
    const newcomer = bench.mempool.admit(one('b', 6), 'rpc');
    deepEqual(bench.reap(2 * framedSize(one('a', 0).length)), ['a0', 'a1']);
    await bench.clock.step();
    for (let i = 0; i < 3; i++) {
      bench.execute(one('a', i));
      bench.execute(one('b', i));
    }
    bench.update(
      2,
      [0, 1, 2].flatMap((i) => [one('a', i), one('b', i)]),
    );
    const late = bench.mempool.admit(one('a', 6), 'rpc');
    await bench.clock.drain();
    deepEqual([(await newcomer).code, (await late).code], [0, 0]);
    deepEqual(bench.reap(), ['a3', 'a4', 'a5', 'b3', 'b4', 'b5', 'b6', 'a6']);
    deepEqual(bench.fatal, []);
  });

  it('a transaction that a block took while its signature was being checked is known, not failed', async () => {
    const bench = new Bench();
    const bytes = one('a', 0);
    const admission = bench.mempool.admit(bytes, 'rpc');
    bench.execute(bytes);
    bench.update(1, [bytes]);
    await bench.clock.drain();
    equal((await admission).refusal, 'in_cache');
    equal((await bench.admit(bytes)).refusal, 'in_cache');
  });

  it('drops by age and by timeout height, with what stands behind', async () => {
    const bench = new Bench({ ttlBlocks: 3 });
    await bench.fill('a', 0);
    bench.update(1);
    await bench.fill('a', 1);
    await bench.fill('b', 0, 100n, { timeoutHeight: 2n });
    await bench.fill('b', 1);
    await bench.fill('c', 0, 100n, { timeoutHeight: 3n });
    bench.update(2);
    deepEqual(bench.reap(), ['a0', 'a1', 'c0']);
    bench.update(3);
    deepEqual(bench.reap(), []);
    equal(bench.mempool.count, 0);
    await bench.fill('a', 0);
  });

  it('offers own transactions again, and only own ones', async () => {
    const bench = new Bench({ republishBlocks: 2 });
    await bench.fill('a', 0);
    await bench.admit(one('b', 0), 'peer');
    deepEqual(bench.mempool.stalePending(1), []);
    deepEqual(bench.names(bench.mempool.stalePending(2)), ['a0']);
    deepEqual(bench.mempool.stalePending(3), []);
    deepEqual(bench.names(bench.mempool.stalePending(4)), ['a0']);
  });

  it('tells of work once between two blocks, and only of work that holds', async () => {
    const bench = new Bench();
    equal(bench.mempool.hasWork(), false);
    await bench.fill('a', 0);
    await bench.fill('b', 0);
    equal(bench.work, 1);
    bench.update(1, [], { changed: [] });
    equal(bench.work, 2);
    bench.ledger.fund('a', 0n);
    bench.ledger.fund('b', 0n);
    bench.update(2);
    await bench.clock.drain();
    equal(bench.work, 2);
    equal(bench.mempool.hasWork(), false);
    bench.update(3);
    await bench.clock.drain();
    bench.ledger.fund('c', 1_000n);
    await bench.fill('c', 0);
    equal(bench.work, 3);
  });

  it('a ledger that throws during a recheck is reported, since nobody waits for it', async () => {
    const bench = new Bench();
    await bench.fill('a', 0);
    bench.ledger.fault = new Error('disk');
    bench.update(1);
    await bench.clock.drain();
    equal(String(bench.fatal[0]), 'Error: disk');
  });
});
