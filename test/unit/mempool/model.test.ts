import { deepEqual, equal, ok } from 'node:assert/strict';
import type { AdmitResult } from '#mempool/contract.ts';
import { comparePrice, type Entry } from '#mempool/entry.ts';
import { Mempool } from '#mempool/mempool.ts';
import type { Pending } from '#mempool/pending.ts';
import type { TxIndex } from '#mempool/tx-index.ts';
import { toLatin1 } from '#util/bytes.ts';
import { framedSize } from '#util/framing.ts';
import type { RecentHashes } from '#util/recent-hashes.ts';
import { Chance } from '../../sim/time/chance.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { encodeFake, FakeLedger, type FakeTx, hashTx } from './fake-ledger.ts';

const ACCOUNTS = ['a', 'b', 'c', 'd', 'e', 'f'];
const MAX_TXS = 24;
const MAX_BYTES = 1_000;
const TTL_BLOCKS = 4;
const OPERATIONS = 100_000;

/** What this test looks into. */
interface Internals {
  readonly index: TxIndex<FakeTx>;
  readonly pending: Pending<FakeTx>;
  readonly timed: ReadonlySet<Entry<FakeTx>>;
  readonly committed: RecentHashes;
}

/** Time passes at every look at it, so that a slice may end after any step of work. */
class RestlessClock extends ManualClock {
  private readonly random: () => number;

  constructor(random: () => number) {
    super();
    this.random = random;
  }

  override monotonicMs(): number {
    if (this.random() < 0.7) this.spend(3);
    return super.monotonicMs();
  }
}

/** Drives a mempool with random operations, and compares every index with what follows from the others. */
class Model {
  readonly ledger: FakeLedger;
  readonly clock: ManualClock;
  readonly mempool: Mempool<FakeTx>;
  private readonly internals: Internals;
  readonly seen: Uint8Array[] = [];
  readonly counts = { admitted: 0, refused: 0, blocks: 0, evictions: 0, maxCount: 0, rechecked: 0, shared: 0 };
  private readonly random: () => number;
  private height = 1;
  private memo = 0;

  constructor(seed: number, forgetsByAccount: boolean) {
    this.random = seededRandom(seed);
    this.clock = new RestlessClock(this.random);
    this.ledger = new FakeLedger({ forgetsByAccount });
    for (const account of ACCOUNTS) this.ledger.fund(account, 30_000n);
    const metrics = {
      size: () => undefined,
      admitted: () => undefined,
      rejected: () => undefined,
      removed: (reason: string) => {
        if (reason === 'evicted') this.counts.evictions++;
        if (reason === 'recheck') this.counts.rechecked++;
      },
      rechecked: () => undefined,
    };
    const fail = (error: unknown): void => {
      throw error;
    };
    this.mempool = new Mempool(
      { app: this.ledger, clock: this.clock, random: new Chance(1), hashTx, onFatal: fail, metrics },
      { maxTxs: MAX_TXS, maxTxsBytes: MAX_BYTES, ttlBlocks: TTL_BLOCKS, cacheSize: 30, verifyBatch: 3 },
    );
    this.internals = this.mempool as unknown as Internals;
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  async operation(): Promise<void> {
    const dice = this.random();
    if (dice < 0.7) await this.admit();
    else if (dice < 0.73) this.block();
    else if (dice < 0.77) this.reap();
    else if (dice < 0.98) await this.clock.step();
    else if (dice < 0.99) this.emptyBlock();
    else if (dice < 0.9905) this.mempool.flush();
    else if (dice < 0.992) equal(this.mempool.hasWork(), this.mempool.reap(-1, -1n).length > 0);
  }

  /** Sends one, mostly well-formed; sometimes an old one again, out of order, or signed by two. */
  private async admit(): Promise<void> {
    let bytes: Uint8Array;
    if (this.seen.length > 0 && this.random() < 0.15) bytes = this.seen[this.below(this.seen.length)] as Uint8Array;
    else {
      const accounts = [ACCOUNTS[this.below(6)] as string];
      const second = ACCOUNTS[this.below(6)] as string;
      if (this.random() < 0.2 && second !== accounts[0]) accounts.push(second);
      const sequences = accounts.map((name) => this.nextSequence(name) + (this.random() < 0.05 ? 1 : 0));
      bytes = encodeFake({
        accounts,
        sequences,
        fee: BigInt(this.below(20) * 10),
        gas: BigInt(1 + this.below(5) * 50),
        timeoutHeight: this.random() < 0.1 ? BigInt(this.height + this.below(4)) : 0n,
        badSignature: this.random() < 0.03,
        memo: `${this.memo++}${'.'.repeat(this.below(40))}`,
      });
      this.seen.push(bytes);
      if (this.seen.length > 60) this.seen.shift();
    }
    const admission = this.mempool.admit(bytes, this.random() < 0.5 ? 'rpc' : 'peer');
    const count = (result: AdmitResult): void => {
      if (result.code === 0) this.counts.admitted++;
      else this.counts.refused++;
    };
    if (this.random() < 0.1) {
      await this.clock.drain();
      count(await admission);
    } else void admission.then(count);
  }

  private nextSequence(name: string): number {
    const queued = this.internals.index.queues.get(name)?.entries.length ?? 0;
    return (this.ledger.head.get(name)?.sequence ?? 0) + queued;
  }

  private emptyBlock(): void {
    this.mempool.update({ height: ++this.height, txs: [], changedAccounts: undefined });
  }

  private reap(): void {
    const maxBytes = this.random() < 0.3 ? -1 : this.below(400);
    const maxGas = this.random() < 0.3 ? -1n : BigInt(this.below(1_500));
    const before = this.mempool.count;
    const txs = this.mempool.reap(maxBytes, maxGas);
    ok(this.mempool.count <= before);
    if (maxBytes >= 0) ok(txs.reduce((sum, tx) => sum + framedSize(tx.bytes.length), 0) <= maxBytes);
    if (maxGas >= 0n) ok(txs.reduce((sum, tx) => sum + tx.gas, 0n) <= maxGas);
    // Executed in this order on the head, each one holds.
    const trial = new Map(this.ledger.head);
    for (const tx of txs) equal(this.ledger.apply(tx, (name) => trial.get(name), trial).code, 0);
  }

  /** A block of some of ours and some of others', after which accounts may also have lost money. */
  private block(): void {
    this.counts.blocks++;
    const ours = this.mempool.reap(this.below(600), -1n);
    const kept = this.random() < 0.2 ? ours.filter(() => this.random() < 0.6) : ours;
    const txs = kept.map((tx) => ({ tx, code: this.ledger.execute(tx).code }));
    const changed = new Set(txs.flatMap(({ tx }) => tx.accounts));
    if (this.random() < 0.3) {
      const name = ACCOUNTS[this.below(6)] as string;
      const account = this.ledger.head.get(name) as { sequence: number; balance: bigint };
      const sequence = account.sequence + (this.random() < 0.5 ? 1 : 0);
      this.ledger.head.set(name, { sequence, balance: BigInt(this.below(6_000)) });
      changed.add(name);
    }
    this.mempool.update({
      height: ++this.height,
      txs: txs.map(({ tx, code }) => ({ hash: tx.hash, code })),
      changedAccounts: this.random() < 0.5 ? changed : undefined,
    });
    for (const { tx } of txs) equal(this.internals.index.byHash.has(toLatin1(tx.hash)), false);
  }

  checkInvariants(): void {
    const { index, pending, timed, committed } = this.internals;
    const entries = [...index.byHash.values()];
    this.counts.maxCount = Math.max(this.counts.maxCount, entries.length);
    ok(entries.length <= MAX_TXS && index.bytes <= MAX_BYTES && committed.size <= 30);
    equal(
      index.bytes,
      entries.reduce((sum, entry) => sum + framedSize(entry.tx.bytes.length), 0),
    );
    const queued = new Set([...index.queues.values()].flatMap((queue) => queue.entries));
    deepEqual(queued, new Set(entries));
    deepEqual(index.own, new Set([...index.own].filter((entry) => queued.has(entry) && entry.own)));
    equal(index.own.size, entries.filter((entry) => entry.own).length);
    deepEqual(
      new Set([...timed].map((entry) => entry.key)),
      new Set(entries.filter((entry) => entry.terms.timeoutHeight > 0n).map((entry) => entry.key)),
    );
    const suspects = new Set([...index.queues.values()].filter((queue) => queue.suspect));
    deepEqual(new Set(pending.suspects), suspects);
    const replayed = new Map<string, { sequence: number; balance: bigint }>();
    for (const entry of entries) {
      if (entry.queues.length > 1) this.counts.shared++;
      const applied = entry.queues.map((queue) => queue.entries.indexOf(entry) < queue.applied);
      equal(new Set(applied).size, 1, 'applied in all of its queues or in none');
      if (!applied[0]) continue;
      const read = (name: string) => replayed.get(name) ?? this.ledger.head.get(name);
      equal(this.ledger.apply(entry.tx, read, replayed).code, 0);
    }
    deepEqual(this.ledger.pending, replayed, 'the pending state is the head plus what is applied');
    for (const queue of index.queues.values()) {
      ok(queue.entries.length > 0);
      equal(queue.shared, queue.entries.filter((entry) => entry.queues.length > 1).length);
      ok(!queue.suspect || queue.applied < queue.entries.length);
    }
    this.checkTails(entries);
  }

  private checkTails(entries: readonly { removed: boolean }[]): void {
    const { byHash } = this.internals.index;
    const { tails } = this.internals.index as unknown as {
      tails: { items: { removed: boolean; inTails: boolean }[] };
    };
    ok(tails.items.every((entry) => entry.inTails));
    equal(new Set(tails.items).size, tails.items.length);
    ok(tails.items.length <= 2 * byHash.size + 64);
    const ends = [...byHash.values()].filter((entry) => entry.queues.every((queue) => queue.entries.at(-1) === entry));
    for (const end of ends) ok(end.inTails, 'every end of a queue can be evicted');
    ok(entries.every((entry) => !entry.removed));
  }
}

describe('mempool-index-divergence: all indexes agree after random operations', function () {
  this.timeout(120_000);
  for (const forgetsByAccount of [true, false]) {
    it(forgetsByAccount ? 'with an app that forgets by account' : 'with an app that forgets everything', async () => {
      const model = new Model(forgetsByAccount ? 11 : 12, forgetsByAccount);
      for (let i = 0; i < OPERATIONS; i++) {
        await model.operation();
        model.checkInvariants();
      }
      const { counts } = model;
      equal(counts.maxCount, MAX_TXS, 'the limit was reached');
      for (const [name, value] of Object.entries(counts)) ok(value > 20, `${name} happened: ${value}`);
    });
  }

  it('orders prices exactly, as fractions beyond 2^53', () => {
    ok(comparePrice({ fee: 10n ** 30n + 1n, gas: 3n }, { fee: 10n ** 30n, gas: 3n }) > 0);
    ok(comparePrice({ fee: 1n, gas: 3n }, { fee: 333_333_333_333_333n, gas: 10n ** 15n }) > 0);
    equal(comparePrice({ fee: 2n, gas: 6n }, { fee: 1n, gas: 3n }), 0);
  });
});
