import { deepEqual, equal, ok } from 'node:assert/strict';
import { Mempool } from '#mempool/mempool.ts';
import type { MempoolOptions } from '#mempool/options.ts';
import { TxIntake } from '#node/tx-intake.ts';
import type { GossipVerdict } from '#ports/transport.ts';
import { Chance } from '../../sim/time/chance.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { encodeFake, FakeLedger, type FakeTx, hashTx } from '../mempool/fake-ledger.ts';

class Bench {
  readonly clock = new ManualClock();
  readonly ledger = new FakeLedger({ forgetsByAccount: true });
  readonly reported: string[] = [];
  readonly mempool: Mempool<FakeTx>;
  readonly intake: TxIntake;

  constructor(options: Partial<MempoolOptions> = {}) {
    const { clock, ledger } = this;
    for (const account of ['a', 'b']) ledger.fund(account, 1_000_000n);
    const onFatal = (error: unknown): never => {
      throw error;
    };
    this.mempool = new Mempool({ app: ledger, clock, random: new Chance(1), hashTx, onFatal }, options);
    const network = { report: (peer: string, offence: string) => void this.reported.push(`${peer} ${offence}`) };
    this.intake = new TxIntake({ mempool: this.mempool, network, clock });
  }

  async take(peer: string, txs: readonly Uint8Array[]): Promise<GossipVerdict> {
    const verdict = this.intake.take(peer, txs);
    await this.clock.drain();
    return verdict;
  }

  /** Signatures that were verified. */
  get verified(): number {
    return this.ledger.verifyCalls.reduce((sum, count) => sum + count, 0);
  }
}

let serial = 0;

const good = (account: string, ...sequences: number[]) =>
  sequences.map((sequence) => encodeFake({ accounts: [account], sequences: [sequence], memo: `${serial++}` }));
const wrong = (count: number) =>
  Array.from({ length: count }, () =>
    encodeFake({ accounts: ['a'], sequences: [0], badSignature: true, memo: `${serial++}` }),
  );

describe('transactions from peers', () => {
  it('go on when they are new and right, whatever of them is known', async () => {
    const bench = new Bench();
    const [first, second] = good('a', 0, 1) as [Uint8Array, Uint8Array];
    equal(await bench.take('p', [first]), 'accept');
    equal(await bench.take('q', [first]), 'ignore');
    equal(await bench.take('q', [first, second]), 'accept');
    deepEqual(bench.reported, []);
  });

  it('cost their sender when most signatures are wrong, and the rest is not looked at', async () => {
    const bench = new Bench();
    equal(await bench.take('p', [...wrong(3_300), ...good('a', 0)]), 'reject');
    deepEqual(bench.reported, ['p invalid_transaction']);
    ok(bench.verified <= 1_650 + 256, `${bench.verified} signatures were verified`);
  });

  it('go no further with a wrong signature among them, without blame', async () => {
    const bench = new Bench();
    equal(await bench.take('p', [...good('a', 0, 1), ...wrong(1)]), 'ignore');
    deepEqual([bench.mempool.count, bench.reported], [2, []]);
  });

  it('are not looked at for a while from a peer that brought too many wrong ones, and from others are', async () => {
    const bench = new Bench();
    for (let i = 0; i < 2; i++) equal(await bench.take('p', wrong(1_000)), 'reject');
    const { verified } = bench;
    equal(await bench.take('p', good('a', 0)), 'ignore');
    equal(bench.verified, verified);
    equal(await bench.take('q', good('a', 0)), 'accept');
    bench.clock.advance(60_000);
    equal(await bench.take('p', good('a', 1)), 'accept');
    deepEqual(bench.reported, ['p invalid_transaction', 'p invalid_transaction']);
  });

  it('are nobody`s fault when their sequences have passed or are to come', async () => {
    const bench = new Bench();
    for (let i = 0; i < 10; i++) equal(await bench.take('p', good('a', 5, 6, 7)), 'ignore');
    equal(await bench.take('p', [...good('a', 0), ...good('b', 0, 7)]), 'accept');
    deepEqual(bench.reported, []);
  });

  it('go no further when most of them were not verified for a full pool: the next would blame this node', async () => {
    const bench = new Bench({ maxTxs: 1 });
    const dear = encodeFake({ accounts: ['a'], sequences: [0], fee: 500n });
    const dearer = encodeFake({ accounts: ['b'], sequences: [0], fee: 900n });
    equal(await bench.take('q', [dear]), 'accept');
    equal(await bench.take('p', [dearer, ...wrong(5)]), 'ignore');
    deepEqual([bench.verified, bench.mempool.count, bench.reported], [2, 1, []]);
  });

  it('are not known while they are only being verified', async () => {
    const bench = new Bench();
    const bad = wrong(5);
    const first = bench.intake.take('p', bad);
    const second = bench.intake.take('q', [...bad, ...good('a', 0)]);
    await bench.clock.drain();
    deepEqual([await first, await second], ['reject', 'ignore']);
    deepEqual(bench.reported, ['p invalid_transaction']);
  });

  it('cost their sender when they are none', async () => {
    const bench = new Bench();
    equal(await bench.take('p', [...good('a', 0, 1), new Uint8Array(80)]), 'reject');
    deepEqual(bench.reported, ['p invalid_transaction']);
  });
});
