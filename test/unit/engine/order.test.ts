import assert from 'node:assert/strict';
import { makeBody } from '#engine/body.ts';
import { decodeWalRecord } from '#engine/wal-record.ts';
import { NOTHING_SIGNED, SIGNER_STEP, writeLastSigned } from '#signer/last-signed.ts';
import { Wal } from '#storage/wal.ts';
import type { Block } from '#types/block.ts';
import { blockIdKey, NIL_BLOCK_ID as NIL } from '#types/block-id.ts';
import type { Commit } from '#types/commit.ts';
import { PREVOTE } from '#types/vote.ts';
import { MachineError } from '#util/errors.ts';
import { NodeBench } from './bench.ts';

const HEIGHTS = 3;

async function decided(): Promise<NodeBench> {
  const bench = await new NodeBench(1).install();
  await bench.start();
  await bench.run(20_000, () => bench.node.chain.state.height >= HEIGHTS);
  assert.equal(bench.node.chain.state.height, HEIGHTS);
  return bench;
}

describe('what must be on the disk before what', () => {
  it('wal-own-messages: the log is synced before each signature', async () => {
    const { deeds } = await decided();
    let unsynced = false;
    let signatures = 0;
    for (const deed of deeds) {
      if (deed === 'log append') unsynced = true;
      if (deed === 'log sync') unsynced = false;
      if (deed === 'sign') {
        signatures++;
        assert.ok(!unsynced, deeds.join('\n'));
      }
    }
    assert.ok(signatures >= 3 * HEIGHTS, 'a proposal, a prevote and a precommit a height');
  });

  it('nothing is signed at H+1 before the batch of H is synced', async () => {
    const bench = await decided();
    let applied = 0;
    let signed = 0;
    for (const deed of bench.deeds) {
      if (deed === 'batch synced') applied++;
      if (deed === 'sign') signed++;
      assert.ok(signed <= 3 * (applied + 1), bench.deeds.join('\n'));
    }
  });

  it('the log holds the body of a block before the first vote for it', async () => {
    const bench = await decided();
    const { records } = await Wal.open(bench.files.crash(), 'wal');
    const bodies = new Set<string>();
    let votes = 0;
    for (const record of records.map(decodeWalRecord)) {
      if (record.kind === 'block' || record.kind === 'blockBuilt') bodies.add(blockIdKey(record.blockId));
      if (record.kind !== 'signed' || record.message.kind !== 'vote') continue;
      votes++;
      assert.ok(bodies.has(blockIdKey(record.message.vote.blockId)));
    }
    assert.ok(votes > 0);
  });

  it('apply-error-fatal: a failed batch stops the node, which signs nothing more', async () => {
    const bench = await new NodeBench(1).install();
    const { kv } = bench;
    const batch = kv.batch.bind(kv);
    kv.batch = () => {
      const real = batch();
      real.write = () => Promise.reject(new Error('disk full'));
      return real;
    };
    await bench.start();
    await bench.run(5_000);
    assert.equal(bench.fatal.length, 1);
    assert.equal(bench.deeds.filter((deed) => deed === 'sign').length, 3, 'the first height, and no other');
    await bench.node.engine.stop();
  });

  it('R15: whoever meets the failing disk, the node signs nothing more', async () => {
    const bench = await new NodeBench(1).install();
    await bench.start();
    await bench.run(1_000, () => bench.deeds.includes('sign'));
    const signed = bench.deeds.filter((deed) => deed === 'sign').length;
    bench.node.ports.onFatal(new MachineError('io_failed', 'EIO'));
    await bench.run(5_000);
    assert.equal(bench.fatal.length, 1);
    assert.ok(bench.deeds.filter((deed) => deed === 'sign').length <= signed + 1, 'but for the one under way');
    await bench.node.engine.stop();
  });

  it('a node that was stopped in the middle comes up and goes on', async () => {
    const bench = await new NodeBench(1).install();
    await bench.start();
    for (let turn = 1; turn <= 4; turn++) {
      await bench.run(turn * 150);
      await bench.node.stop();
      await bench.start();
    }
    await bench.run(5_000);
    assert.deepEqual(bench.fatal, []);
    assert.ok(bench.node.chain.state.height > HEIGHTS);
  });
});

describe('being muted', () => {
  it('a key that is ahead of the log signs nothing until its height is decided, over restarts', async () => {
    const bench = await new NodeBench(1).install();
    await bench.start();
    await bench.run(20_000, () => bench.node.chain.state.height >= 1);
    await bench.node.engine.stop();
    // As if the log of the next height had been lost after a precommit.
    const height = bench.node.chain.state.height + 1;
    const signed = { signBytes: new Uint8Array([1]), signature: new Uint8Array(64) };
    await writeLastSigned(bench.files, 'state', { height, round: 0, step: SIGNER_STEP.precommit, ...signed });
    bench.deeds.length = 0;
    for (let restart = 0; restart < 3; restart++) {
      await bench.start();
      await bench.run(3_000);
      await bench.node.engine.stop();
    }
    assert.ok(!bench.deeds.includes('sign'), bench.deeds.join('\n'));
    // The log of these starts may by now lead to what was signed, so it says itself that it does not count.
    const { records } = await Wal.open(bench.files.crash(), 'wal');
    assert.equal(records.map(decodeWalRecord).filter(({ kind }) => kind === 'muted').length, 3);
  });

  /** A bench at `HEIGHTS` whose log is damaged; the key has signed something at the height after it, or nothing. */
  async function damaged(step: 0 | 2): Promise<{ bench: NodeBench; height: number }> {
    const bench = await decided();
    await bench.node.engine.stop();
    const height = bench.node.chain.state.height + 1;
    const signed = { signBytes: new Uint8Array([1]), signature: new Uint8Array(64) };
    const last =
      step === 0 ? { height: height - 1, round: 0, step: SIGNER_STEP.precommit } : { height, round: 0, step };
    await writeLastSigned(bench.files, 'state', { ...last, ...signed });
    const [name] = await bench.files.list('wal');
    bench.files.corrupt(`wal/${name}`, (bytes) => {
      bytes[20] = (bytes[20] as number) ^ 1;
      return bytes;
    });
    bench.deeds.length = 0;
    return { bench, height };
  }

  it('damage in the middle of the log mutes a height at which the key has signed, over restarts', async () => {
    const { bench } = await damaged(2);
    for (let restart = 0; restart < 2; restart++) {
      await bench.start();
      await bench.run(3_000);
      await bench.node.engine.stop();
    }
    assert.ok(!bench.deeds.includes('sign'), bench.deeds.join('\n'));
  });

  it('damage in the middle of the log mutes nothing where the key has signed nothing yet, and the log begins anew', async () => {
    const { bench, height } = await damaged(0);
    for (let restart = 1; restart <= 3; restart++) {
      await bench.start();
      await bench.run(20_000, () => bench.node.chain.state.height >= height + restart);
      assert.ok(bench.node.chain.state.height >= height + restart);
      await bench.node.engine.stop();
      assert.equal((await Wal.open(bench.files.crash(), 'wal')).damage, undefined);
    }
    assert.deepEqual(bench.fatal, []);
  });
});

describe('the last resort for a key with more than a third of the power', () => {
  const ROUND = 5;

  /** Its record and log are lost, and somebody wrote by hand from which round on it signs. */
  async function resorted(height: number): Promise<NodeBench> {
    const bench = await decided();
    await bench.node.engine.stop();
    for (const name of await bench.files.list('wal')) await bench.files.remove(`wal/${name}`);
    await writeLastSigned(bench.files, 'state', { ...NOTHING_SIGNED, height, round: ROUND });
    return bench;
  }

  const reaches = async (bench: NodeBench, height: number): Promise<void> => {
    await bench.run(120_000, () => bench.node.chain.state.height >= height);
    assert.ok(bench.node.chain.state.height >= height, `stands at ${bench.node.chain.state.height}`);
    assert.deepEqual(bench.fatal, []);
  };

  it('goes on by itself in that round, and signed nothing before it', async () => {
    const bench = await resorted(HEIGHTS + 1);
    await bench.start();
    await reaches(bench, HEIGHTS + 2);
    const { records } = await Wal.open(bench.files.crash(), 'wal');
    const [first, ...more] = records.map(decodeWalRecord).filter(({ kind }) => kind === 'signed');
    assert.ok(first?.kind === 'signed' && first.message.kind === 'vote');
    const { height, round, type, blockId } = first.message.vote;
    assert.deepEqual(
      { height, round, type, blockId },
      { height: HEIGHTS + 1, round: ROUND, type: PREVOTE, blockId: NIL },
    );
    assert.ok(more.length > 0);
    assert.ok((bench.node.blockStore.commit(HEIGHTS + 1)?.round ?? 0) > ROUND);
    await bench.node.stop();
  });

  it('goes on after it was killed with its first vote', async () => {
    const bench = await resorted(HEIGHTS + 1);
    await bench.start();
    await bench.run(60_000, () => bench.node.ports.signer?.lastSigned.step === SIGNER_STEP.prevote);
    await bench.node.engine.stop();
    bench.files = bench.files.crash();
    await bench.start();
    assert.equal(bench.node.engine.mutedHeight, 0, 'the log holds the vote');
    await reaches(bench, HEIGHTS + 2);
    await bench.node.stop();
  });

  it('begins so also at a height that it has still to come to', async () => {
    const donor = await decided();
    const bench = await new NodeBench(1).install();
    await writeLastSigned(bench.files, 'state', { ...NOTHING_SIGNED, height: 2, round: ROUND });
    bench.deeds.length = 0;
    await bench.start();
    const { blockStore } = donor.node;
    const decision = bench.node.engine.decide(makeBody(blockStore.block(1) as Block), blockStore.commit(1) as Commit);
    await bench.run(1_000, () => bench.node.chain.state.height >= 1);
    await decision;
    assert.ok(!bench.deeds.slice(0, bench.deeds.indexOf('batch synced')).includes('sign'));
    await reaches(bench, 3);
    await bench.node.stop();
  });

  it('a record of a place at which something was signed mutes its height: the key may be locked', async () => {
    for (const step of [SIGNER_STEP.prevote, SIGNER_STEP.precommit]) {
      const bench = await resorted(HEIGHTS + 1);
      await writeLastSigned(bench.files, 'state', { ...NOTHING_SIGNED, height: HEIGHTS + 1, round: ROUND, step });
      bench.deeds.length = 0;
      await bench.start();
      await bench.run(3_000);
      assert.ok(!bench.deeds.includes('sign'));
      await bench.node.stop();
    }
  });

  it('is refused where the chain or the log shows that the key has signed beyond that place', async () => {
    const bench = await resorted(HEIGHTS - 1);
    await assert.rejects(bench.start(), { code: 'bad_state_file', message: /is an old copy/ });
  });
});
