import assert from 'node:assert/strict';
import { InlineVerifier } from '#crypto/verifier.ts';
import type { ChainState } from '#engine/chain-state.ts';
import { EvidencePool } from '#engine/evidence-pool.ts';
import { readPending } from '#engine/evidence-rows.ts';
import { evidenceHash } from '#evidence/evidence.ts';
import type { ChainHistory } from '#evidence/history.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { SILENT_LOGGER } from '#telemetry/logger.ts';
import { NIL_BLOCK_ID } from '#types/block-id.ts';
import { type Evidence, encodeEvidenceList } from '#types/evidence.ts';
import { DEFAULT_CONSENSUS_PARAMS } from '#types/params.ts';
import { toHex } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { blockId, CHAIN_ID, PaperChain, SECOND, text } from '../evidence/support.ts';

const LIE = { appHash: text('a lie') };
const UNLIMITED = 1_000_000;

/** A pool over a chain on paper and a database in memory. */
class Bench {
  readonly chain = new PaperChain();
  readonly kv = new MemoryKeyValue();
  readonly punished = new Set<string>();
  height = 9;
  announced = 0;
  readonly fatal: unknown[] = [];
  params: ChainHistory['params'] = DEFAULT_CONSENSUS_PARAMS.evidence;
  pool!: EvidencePool;

  async open(): Promise<this> {
    this.pool = EvidencePool.restore(
      {
        kv: this.kv,
        verifier: new InlineVerifier(),
        logger: SILENT_LOGGER,
        history: () => this.chain.history(this.height, { params: this.params }),
        isPunished: (address) => this.punished.has(toHex(address)),
        onPending: () => this.announced++,
        onFault: (error) => this.fatal.push(error),
      },
      await readPending(this.kv),
    );
    return this;
  }

  /** Applies the next height, with this evidence in its block; `beforeWrite` runs while the batch is being written. */
  async apply(carried: readonly Evidence[] = [], beforeWrite?: () => Promise<unknown>): Promise<Evidence[]> {
    const batch = this.kv.batch();
    const staged = await this.pool.stage(batch, this.state(this.height + 1), carried);
    await beforeWrite?.();
    await batch.write({ sync: true });
    this.height++;
    return this.pool.publish(staged);
  }

  reaped(): string[] {
    return this.pool.reap(UNLIMITED).map((evidence) => toHex(evidenceHash(evidence)));
  }

  state(height: number): ChainState {
    const { validators } = this.chain;
    return {
      chainId: CHAIN_ID,
      initialHeight: 1,
      genesisHash: text('genesis'),
      height,
      lastBlockId: NIL_BLOCK_ID,
      lastBlockTime: this.chain.time(height),
      lastValidators: validators,
      validators,
      nextValidators: validators,
      params: { ...DEFAULT_CONSENSUS_PARAMS, evidence: this.params },
      appHash: text('app'),
      lastResultsHash: text('results'),
      proofBlockDue: false,
      blockIntervalMinMs: 0,
      emptyBlockIntervalMs: 0,
    };
  }
}

const hashOf = (evidence: Evidence): string => toHex(evidenceHash(evidence));

describe('evidence pool', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await new Bench().open();
  });

  const conflict = (power: bigint, height: number, second = 'two') => ({
    voteA: bench.chain.vote(power, { height }),
    voteB: bench.chain.vote(power, { height, blockId: blockId(second) }),
  });

  it('evidence-once-and-in-time: a conflict becomes evidence with its height, in that height’s batch', async () => {
    bench.pool.found(conflict(40n, 11));
    assert.deepEqual(await bench.apply(), []);
    assert.equal(bench.pool.hasWork(UNLIMITED), false);
    const [evidence] = await bench.apply();
    assert.ok(evidence !== undefined);
    assert.deepEqual(evidence, bench.chain.doubleVote(40n, 11));
    assert.equal(evidence.timestamp, bench.chain.time(11), 'evidence-time-source');
    assert.deepEqual(bench.reaped(), [hashOf(evidence)]);
    assert.deepEqual(await readPending(bench.kv), [evidence]);
  });

  it('a conflict of a height before, from a late precommit, is named with the next height', async () => {
    bench.pool.found(conflict(30n, 9));
    assert.deepEqual(await bench.apply(), [bench.chain.doubleVote(30n, 9)]);
  });

  it('votes that are no offence, or of nobody, do not stop a height', async () => {
    const vote = bench.chain.vote(40n, { height: 10 });
    bench.pool.found({ voteA: vote, voteB: { ...vote, timestamp: vote.timestamp + 1n } });
    const stranger = { ...bench.chain.vote(30n, { height: 10 }), validatorAddress: new Uint8Array(20) };
    bench.pool.found({ voteA: stranger, voteB: { ...stranger, blockId: blockId('two') } });
    bench.pool.found(conflict(10n, 10));
    assert.deepEqual(await bench.apply(), [bench.chain.doubleVote(10n, 10)]);
  });

  it('a batch that is not written leaves nothing behind', async () => {
    bench.pool.found(conflict(40n, 10));
    const batch = bench.kv.batch();
    await bench.pool.stage(batch, bench.state(10), []);
    await batch.discard();
    await bench.open();
    assert.equal(bench.pool.count, 0);
  });

  it('one proof a validator: what is pending, punished or the same again is known, and is nobody’s fault', async () => {
    const { chain, pool } = bench;
    assert.equal(await pool.add(chain.doubleVote(40n, 5)), 'added');
    assert.equal(await pool.add(chain.doubleVote(40n, 5)), 'known');
    assert.equal(await pool.add(chain.doubleVote(40n, 6)), 'known');
    assert.equal(await pool.add(chain.doubleVote(40n, 5, 'three')), 'known');
    bench.punished.add(toHex(chain.byPower(20n).validator.address));
    assert.equal(await pool.add(chain.doubleVote(20n)), 'known');
    assert.equal(await pool.add(chain.doubleVote(10n)), 'added');
    assert.equal(pool.count, 2);
    assert.equal(bench.announced, 2);
  });

  it('an equivocator that votes for thousands of blocks leaves one piece', async () => {
    for (let round = 0; round < 2_000; round++) {
      bench.pool.found({
        voteA: bench.chain.vote(40n, { height: 10, round }),
        voteB: bench.chain.vote(40n, { height: 10, round, blockId: blockId('two') }),
      });
    }
    bench.pool.found(conflict(10n, 10));
    assert.equal((await bench.apply()).length, 2);
    assert.equal(bench.pool.count, 2);
  });

  it('is on the disk before it is acknowledged, and survives a restart', async () => {
    const evidence = bench.chain.doubleVote(40n);
    await bench.pool.add(evidence);
    await bench.open();
    assert.deepEqual(bench.reaped(), [hashOf(evidence)]);
    assert.equal(await bench.pool.add(evidence), 'known');
  });

  it('evidence-once-and-in-time: committed once ever, also after a restart', async () => {
    const evidence = bench.chain.doubleVote(40n);
    await bench.pool.add(evidence);
    await bench.apply([evidence]);
    assert.equal(bench.pool.count, 0);
    assert.deepEqual(await readPending(bench.kv), []);
    assert.equal(bench.pool.committedAt(evidenceHash(evidence)), 10);
    assert.equal(await bench.pool.add(evidence), 'known');
    await bench.open();
    assert.equal(await bench.pool.add(evidence), 'known');
    assert.equal(bench.pool.committedAt(evidenceHash(evidence)), 10);
  });

  it('evidence that a peer brings while its own height is being written is not proposed again', async () => {
    const evidence = bench.chain.doubleVote(40n);
    await bench.apply([evidence], async () => assert.equal(await bench.pool.add(evidence), 'added'));
    assert.deepEqual(bench.reaped(), []);
    await bench.open();
    assert.deepEqual(bench.reaped(), []);
  });

  it('another proof of the same validator goes when one is committed', async () => {
    const { chain } = bench;
    await bench.pool.add(chain.doubleVote(40n, 5));
    await bench.apply([chain.doubleVote(40n, 6)]);
    assert.deepEqual(bench.reaped(), []);
    assert.deepEqual(await readPending(bench.kv), []);
  });

  it('what expires goes, from memory and disk, when both ages are passed', async () => {
    bench.params = { maxAgeNumBlocks: 5, maxAgeDurationNs: 5n * SECOND, maxBytes: 10_000 };
    await bench.pool.add(bench.chain.doubleVote(40n, 5));
    await bench.apply();
    assert.equal(bench.pool.count, 1);
    await bench.apply();
    assert.equal(bench.pool.count, 0);
    assert.deepEqual(await readPending(bench.kv), []);
    await assert.rejects(bench.pool.add(bench.chain.doubleVote(40n, 5)), isCode('evidence_expired'));
  });

  it('forged evidence is refused and leaves nothing', async () => {
    const evidence = { ...bench.chain.doubleVote(40n), totalVotingPower: 99n };
    await assert.rejects(bench.pool.add(evidence), isCode('evidence_forged'));
    assert.equal(bench.pool.count, 0);
    assert.deepEqual(await readPending(bench.kv), []);
  });

  it('reaps what fits, and has work exactly when it would', async () => {
    const { chain, pool } = bench;
    const list = [chain.doubleVote(40n), chain.doubleVote(30n), chain.doubleVote(20n)];
    for (const evidence of list) await pool.add(evidence);
    const bytes = encodeEvidenceList(list).length;
    for (let limit = 0; limit <= bytes; limit++) {
      const reaped = pool.reap(limit);
      assert.ok(encodeEvidenceList(reaped).length <= limit);
      assert.equal(pool.hasWork(limit), reaped.length > 0);
    }
    assert.equal(pool.reap(bytes).length, 3);
    assert.equal(pool.reap(bytes - 1).length, 2);
    assert.equal(pool.reap(-5).length, 0);
  });

  it('evidence that no block has room for is refused', async () => {
    bench.params = { ...bench.params, maxBytes: 300 };
    await assert.rejects(bench.pool.add(bench.chain.doubleVote(40n)), isCode('evidence_too_large'));
  });

  it('attacks: other signatures under the same block are the same offence', async () => {
    const attack = bench.chain.attack(3, 5, LIE);
    assert.equal(await bench.pool.add(attack), 'added');
    const { commit } = attack.conflictingBlock;
    const resigned = { ...commit, round: 1 };
    const again = { ...attack, conflictingBlock: { ...attack.conflictingBlock, commit: resigned } };
    assert.equal(hashOf(again), hashOf(attack));
    assert.equal(await bench.pool.add(again), 'known');
  });

  it('an attack ahead of the chain is judged again at each height, and proposed only where it holds', async () => {
    const attack = bench.chain.attack(3, 11, { ...LIE, time: bench.chain.time(6) });
    assert.equal(await bench.pool.add(attack), 'added');
    assert.equal(bench.reaped().length, 1);
    for (let height = 10; height <= 13; height++) {
      await bench.apply();
      await settled();
      assert.equal(bench.reaped().length, 1, `height ${height}`);
    }
  });

  it('an attack ahead of the chain that the chain turns out to refute is dropped', async () => {
    const { chain } = bench;
    // Beside block 8 it is one that execution could not lead to; beside block 11, a block of another round.
    const refuted = {
      ...chain.attack(3, 11, { time: chain.time(6) }, 2),
      byzantineValidators: chain.validators.validators,
    };
    assert.equal(await bench.pool.add(refuted), 'added');
    for (let height = 10; height <= 11; height++) {
      await bench.apply();
      await settled();
      assert.equal(bench.reaped().length, 1, `height ${height}`);
    }
    await bench.apply();
    assert.deepEqual(bench.reaped(), []);
    await settled();
    assert.equal(bench.pool.count, 0);
  });

  it('after a restart an attack is judged before it is proposed', async () => {
    await bench.pool.add(bench.chain.attack(3, 5, LIE));
    await bench.open();
    assert.deepEqual(bench.reaped(), []);
    await bench.apply();
    await settled();
    assert.equal(bench.reaped().length, 1);
  });

  it('amnesia accuses nobody and is kept all the same', async () => {
    const amnesia = bench.chain.attack(3, 5, { dataHash: text('other') }, 2);
    assert.equal(await bench.pool.add(amnesia), 'added');
    await bench.apply([amnesia]);
    assert.equal(bench.pool.count, 0);
    assert.equal(await bench.pool.add(amnesia), 'known');
  });

  it('is bounded in count: what accuses nobody could otherwise come without end', async () => {
    const amnesia = (index: number) => bench.chain.attack(3, 5, { dataHash: text(`other ${index}`) }, 2);
    for (let index = 0; index < 1_024; index++) await bench.pool.add(amnesia(index));
    await assert.rejects(bench.pool.add(amnesia(1_024)), isCode('evidence_pool_full'));
    assert.equal(bench.pool.count, 1_024);
  });

  it('is offered to peers once, and again after a while', async () => {
    const evidence = bench.chain.doubleVote(40n);
    await bench.pool.add(evidence);
    await bench.pool.add(bench.chain.doubleVote(30n), 1_000);
    assert.deepEqual(bench.pool.takeForGossip(1_000, 5_000), [evidence]);
    assert.deepEqual(bench.pool.takeForGossip(5_999, 5_000), []);
    assert.equal(bench.pool.takeForGossip(6_000, 5_000).length, 2);
  });

  it('a damaged record is never taken for absence', async () => {
    await bench.pool.add(bench.chain.doubleVote(40n));
    for await (const [key, value] of bench.kv.iterate({})) {
      const flipped = Uint8Array.from(value);
      flipped[9] = (flipped[9] as number) ^ 1;
      const batch = bench.kv.batch();
      batch.put(Uint8Array.from(key), flipped);
      await batch.write({ sync: true });
    }
    await assert.rejects(readPending(bench.kv), isCode('damaged'));
    assert.deepEqual(bench.fatal, []);
  });
});

function isCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof BizraError && error.code === code;
}

/** Verification without workers ends within microtasks. */
function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
