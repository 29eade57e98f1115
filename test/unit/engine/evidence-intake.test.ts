import assert from 'node:assert/strict';
import { EvidenceIntake } from '#engine/evidence-intake.ts';
import type { EvidenceOutcome } from '#engine/evidence-pool.ts';
import type { GossipVerdict } from '#ports/transport.ts';
import type { Evidence } from '#types/evidence.ts';
import { BizraError } from '#util/errors.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { PaperChain, text } from '../evidence/support.ts';

/** A pool that says what a test has it say. */
class Bench {
  readonly clock = new ManualClock();
  readonly reports: string[] = [];
  readonly added: Evidence[] = [];
  readonly faults: unknown[] = [];
  head = 9;
  answer: () => EvidenceOutcome | Promise<EvidenceOutcome> = () => 'added';
  readonly intake = new EvidenceIntake({
    pool: {
      add: async (evidence) => {
        this.added.push(evidence);
        return this.answer();
      },
    },
    clock: this.clock,
    head: () => this.head,
    report: (peer, offence) => void this.reports.push(`${peer} ${offence}`),
    onFault: (error) => void this.faults.push(error),
  });

  refuse(code: string): void {
    this.answer = () => {
      throw new BizraError(code, 'refused');
    };
  }
}

describe('evidence from peers', () => {
  const chain = new PaperChain();
  const evidence = chain.doubleVote(40n, 5);
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });

  it('what is new and true goes on', async () => {
    assert.equal(await bench.intake.take('p', [evidence]), 'accept');
    assert.deepEqual(bench.reports, []);
  });

  it('a forged piece costs its sender, and what comes behind it in the message is not looked at', async () => {
    bench.refuse('evidence_forged');
    assert.equal(await bench.intake.take('p', [evidence, evidence, evidence]), 'reject');
    assert.deepEqual(bench.reports, ['p invalid_evidence']);
    assert.equal(bench.added.length, 1);
  });

  for (const code of ['evidence_expired', 'evidence_unknown_height', 'evidence_too_large', 'evidence_pool_full']) {
    it(`${code}: goes no further, and costs nothing`, async () => {
      bench.refuse(code);
      assert.equal(await bench.intake.take('p', [evidence]), 'ignore');
      assert.deepEqual(bench.reports, []);
    });
  }

  it('a fault of the machine is told, and costs the peer nothing', async () => {
    bench.refuse('damaged');
    assert.equal(await bench.intake.take('p', [evidence]), 'ignore');
    bench.answer = () => Promise.reject(new Error('i/o error'));
    assert.equal(await bench.intake.take('p', [evidence]), 'ignore');
    assert.equal(bench.faults.length, 2);
    assert.deepEqual(bench.reports, []);
  });

  it('known evidence goes no further, and costs nothing', async () => {
    bench.answer = () => 'known';
    assert.equal(await bench.intake.take('p', [evidence]), 'ignore');
    assert.deepEqual(bench.reports, []);
  });

  it('ten thousand pieces that are no fault of their own are a flood', async () => {
    bench.answer = () => 'known';
    const verdicts: Promise<GossipVerdict>[] = [];
    for (let i = 0; i < 10_000; i++) verdicts.push(bench.intake.take('p', [evidence]));
    await Promise.all(verdicts);
    assert.ok(bench.added.length <= 256, `${bench.added.length} were looked at`);
    assert.ok(bench.reports.length > 9_000);
    assert.equal(new Set(bench.reports).size, 1);
    assert.equal(bench.reports[0], 'p flood');
    // Others are not concerned, and after some time neither is the peer.
    assert.equal(await bench.intake.take('q', [evidence]), 'ignore');
    bench.clock.advance(1_000);
    const before = bench.reports.length;
    await bench.intake.take('p', [evidence]);
    assert.equal(bench.reports.length, before);
  });

  it('one piece of a peer is judged at a time, and megabytes do not queue up', async () => {
    let judging = 0;
    const waiting: (() => void)[] = [];
    bench.answer = async (): Promise<EvidenceOutcome> => {
      assert.equal(++judging, 1);
      await new Promise<void>((resolve) => waiting.push(resolve));
      judging--;
      return 'known';
    };
    const many = new PaperChain(Array.from({ length: 2_000 }, (_, index) => 1_000n + BigInt(index)));
    const large: Evidence = {
      ...chain.attack(3, 5, { appHash: text('a lie') }),
      byzantineValidators: Array.from({ length: 10 }, () => many.validators.validators).flat(),
    };
    const all = Array.from({ length: 20 }, (_, at) => bench.intake.take('p', at === 0 ? [evidence] : [large]));
    while (waiting.length > 0 || bench.added.length === 0) {
      waiting.shift()?.();
      await settled();
    }
    await Promise.all(all);
    assert.ok(bench.added.length < 5, `${bench.added.length} were kept`);
    assert.deepEqual(bench.faults, []);
  });

  it('evidence-once-and-in-time: a piece of the next height waits for it, without blame', async () => {
    const early = chain.doubleVote(40n, 10);
    bench.refuse('evidence_early');
    const verdict = bench.intake.take('p', [early]);
    await settled();
    bench.answer = () => 'added';
    bench.intake.heightApplied();
    assert.equal(bench.added.length, 1, 'the height is not applied yet');
    bench.head = 10;
    bench.intake.heightApplied();
    assert.equal(await verdict, 'accept');
    assert.equal(bench.added.length, 2);
    assert.deepEqual(bench.reports, []);
  });

  it('what waited and is forged costs its sender then', async () => {
    bench.refuse('evidence_early');
    const verdict = bench.intake.take('p', [chain.doubleVote(40n, 10)]);
    await settled();
    bench.refuse('evidence_forged');
    bench.head = 10;
    bench.intake.heightApplied();
    assert.equal(await verdict, 'reject');
    assert.deepEqual(bench.reports, ['p invalid_evidence']);
  });

  it('far heights are not waited for, nor more than a few, nor those of a peer that left', async () => {
    bench.refuse('evidence_early');
    assert.equal(await bench.intake.take('p', [chain.doubleVote(40n, 12)]), 'ignore');
    const waiting = Array.from({ length: 17 }, () => bench.intake.take('p', [chain.doubleVote(40n, 10)]));
    assert.equal(await waiting[16], 'ignore');
    bench.intake.forget('p');
    assert.deepEqual(await Promise.all(waiting), new Array(17).fill('ignore'));
    const last = bench.intake.take('q', [chain.doubleVote(40n, 11)]);
    await settled();
    bench.intake.stop();
    assert.equal(await last, 'ignore');
  });
});

/** All that waits for nothing else has happened. */
function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
