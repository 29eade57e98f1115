import assert from 'node:assert/strict';
import { Consensus } from '#consensus/consensus.ts';
import { sha256 } from '#crypto/hash.ts';
import { makeBody } from '#engine/body.ts';
import { recoverHeight } from '#engine/recovery.ts';
import { MAX_BITMAPS } from '#network/message-codec.ts';
import { encodeAnswer } from '#network/request-codec.ts';
import { readRecords } from '#storage/wal-format.ts';
import { hashTxs } from '#types/block.ts';
import { NIL_BLOCK_ID } from '#types/block-id.ts';
import { EMPTY_COMMIT } from '#types/commit.ts';
import { PRECOMMIT, PREVOTE, type Vote, type VoteType } from '#types/vote.ts';
import { equalBytes } from '#util/bytes.ts';
import { idOf } from '../consensus/bench.ts';
import { compactOf, quartet } from './quartet.ts';

describe('what peers send', () => {
  it('a vote is verified and logged once, whoever repeats it', async () => {
    const bench = await quartet();
    const vote = bench.signed(1, PREVOTE, idOf('x'));
    for (let i = 0; i < 50; i++) bench.say(i % 2 === 0 ? 'a' : 'b', vote);
    await bench.run(20);
    for (let i = 0; i < 50; i++) bench.say('a', vote);
    assert.equal(await bench.logged('vote'), 1);
  });

  it('a vote of the next height is held once, one of a past round of the last commit is not looked at', async () => {
    const bench = await quartet();
    const ahead = bench.signed(1, PREVOTE, idOf('x'), { height: 2 });
    for (let i = 0; i < 50; i++) {
      bench.say('a', ahead);
      if (i === 25) await bench.run(20);
    }
    for (const height of [3, 9]) bench.say('a', bench.signed(1, PREVOTE, idOf('x'), { height }));
    assert.equal(await bench.logged('vote'), 1);
    assert.deepEqual(bench.transport.punished, []);
  });

  it('one validator cannot fill the log with votes for ever other blocks at once', async () => {
    const bench = await quartet();
    const votes = Array.from({ length: 500 }, (_, i) => bench.signed(1, PREVOTE, idOf(`x${i}`)));
    bench.say('a', ...votes);
    bench.say('b', ...votes.toReversed());
    assert.equal(await bench.logged('vote'), 64);
  });

  it('one validator cannot fill the log with votes for ever other blocks', async () => {
    const bench = await quartet();
    for (let i = 0; i < 100; i++) {
      bench.say('a', bench.signed(1, PREVOTE, idOf(`x${i}`)));
      await bench.run(6);
    }
    assert.equal(await bench.logged('vote'), 2, 'the first, and the one that proves the fault');
  });

  for (const height of [1, 2]) {
    it(`one validator cannot fill the log with votes of ever higher rounds, ${height === 1 ? 'of this' : 'of the next'} height`, async () => {
      const bench = await quartet();
      for (let round = 1; round <= 2_000; round++) {
        bench.say('a', bench.signed(1, PREVOTE, idOf('x'), { height, round: round * 1_000 }));
        if (round % 100 === 0) await bench.run(20);
      }
      const logged = await bench.logged('vote');
      assert.ok(logged >= 8 && logged <= 320, `${logged} votes`);
      // Whoever is ahead with others is still followed.
      bench.say(
        'b',
        bench.signed(2, PREVOTE, idOf('x'), { round: 7 }),
        bench.signed(3, PREVOTE, idOf('x'), { round: 7 }),
      );
      await bench.run(20);
      assert.equal(bench.node.consensus.round, 7);
    });
  }

  it('a forged vote bans its sender, and the rest of its message is not verified', async () => {
    const bench = await quartet();
    const forged = { ...bench.signed(1, PREVOTE, idOf('x')), signature: new Uint8Array(64).fill(9) };
    bench.say('a', forged, forged, bench.signed(2, PREVOTE, idOf('x')));
    assert.deepEqual(bench.transport.punished, [{ peer: 'a', reason: 'bad_vote_signature' }]);
    assert.equal(await bench.logged('vote'), 0);
  });

  it('claims are heard once a peer, round and type, and not of rounds to come', async () => {
    const bench = await quartet();
    for (let i = 0; i < 50; i++)
      bench.transport.receive('a', { kind: 'peerClaim', height: 1, round: 0, type: PREVOTE, blockId: idOf(`x${i}`) });
    bench.transport.receive('a', { kind: 'peerClaim', height: 1, round: 900, type: PREVOTE, blockId: idOf('x') });
    assert.equal(await bench.logged('peerClaim'), 1);
  });

  it('height-arithmetic: reports of absurd heights are taken as they are', async () => {
    const bench = await quartet();
    bench.report('a', Number.MAX_SAFE_INTEGER - 1);
    await bench.run(2_000);
    assert.deepEqual(bench.fatal, []);
  });

  it('sync-height-lies: a head that shrinks, or a base above it, costs the peer', async () => {
    const bench = await quartet();
    bench.report('a', 2_000);
    bench.report('a', 1_000);
    bench.report('b', 10, 12);
    // Behind a snapshot there is no block yet: the next one is the base.
    bench.report('c', 10, 11);
    assert.deepEqual(
      bench.transport.punished.map(({ peer }) => peer),
      ['a', 'b'],
    );
  });
});

describe('wal replay', () => {
  it('a core that is given the log again stands where the running one stands', async () => {
    const bench = await quartet();
    for (let round = 0; round < 5; round++) {
      for (const index of [1, 2, 3])
        for (const type of [PREVOTE, PRECOMMIT] as const)
          bench.say('a', bench.signed(index, type, type === PREVOTE ? idOf('x') : NIL_BLOCK_ID, { round }));
      bench.transport.receive('b', { kind: 'peerClaim', height: 1, round, type: PREVOTE, blockId: idOf('x') });
      await bench.run(300);
    }
    const { consensus, chain } = bench.node;
    const records = readRecords((await bench.files.read('wal/wal-0000000001')) ?? new Uint8Array(0)).records;
    assert.ok(records.length > 30 && consensus.round >= 4);
    for (let cut = 1; cut <= records.length; cut++) {
      const address = bench.node.ports.signer?.address;
      const again = new Consensus({ address });
      const log = { records: records.slice(0, cut), damage: undefined };
      const { started, mutedHeight } = recoverHeight(
        again,
        { context: chain.heightContext(), parent: chain.state },
        log,
        undefined,
      );
      assert.ok(started && mutedHeight === 0);
      if (cut === records.length) assert.deepEqual(standing(again), standing(consensus));
    }
  });
});

function standing(core: Consensus) {
  const votes = core
    .voteRounds()
    .flatMap((round) => [PREVOTE, PRECOMMIT].map((type) => core.votes(1, round, type as VoteType)));
  const { height, round, step, lockedRound, validRound } = core;
  return { height, round, step, lockedRound, validRound, votes };
}

describe('a block that is filled', () => {
  it('comes from another peer when the first keeps its transactions back', async () => {
    const bench = await quartet();
    const { chain, consensus } = bench.node;
    const { block } = chain.build(0, EMPTY_COMMIT, chain.state.lastBlockTime);
    const txs = [new Uint8Array(70).fill(1), new Uint8Array(70).fill(2)];
    const body = makeBody({ ...block, header: { ...block.header, dataHash: hashTxs(txs.map(sha256)) }, txs });
    const proposal = bench.proposed(body.blockId);
    const asked: string[] = [];
    bench.transport.request = (peer) => {
      asked.push(peer);
      return new Promise(() => {});
    };
    bench.transport.receive('a', { kind: 'proposal', proposal, block: compactOf(body, false) });
    const full = { kind: 'proposal', proposal, block: compactOf(body, true) } as const;
    bench.transport.receive('b', full);
    await bench.run(30);
    assert.deepEqual([asked, consensus.block(body.blockId)], [['a'], undefined], 'the first has its chance');
    await bench.run(30);
    bench.transport.receive('b', full);
    await bench.run(20);
    assert.ok(consensus.block(body.blockId) !== undefined);
    assert.deepEqual(asked, ['a']);
  });
});

describe('what peers are told', () => {
  it('a height of many rounds is reported within the limits of the message', async () => {
    const bench = await quartet();
    for (let round = 0; round < 60; round++) {
      for (const index of [1, 2, 3]) bench.say('a', bench.signed(index, PRECOMMIT, NIL_BLOCK_ID, { round }));
      await bench.run(5);
    }
    await bench.run(1_500);
    assert.ok(bench.node.consensus.round >= 59);
    const report = bench.transport.sentOf('roundStep').at(-1);
    assert.ok(report !== undefined && report.votes.length > 0 && report.votes.length <= MAX_BITMAPS);
    assert.ok(
      report.votes.some(({ round }) => round === 59),
      'the newest rounds are in it',
    );
  });

  for (const isTrue of [true, false]) {
    it(`a proposal is passed on ${isTrue ? 'with its block' : 'alone when the hashes in its block are not those of its contents'}`, async () => {
      const bench = await quartet();
      const { chain, consensus } = bench.node;
      const { block } = chain.build(0, EMPTY_COMMIT, chain.state.lastBlockTime);
      const dataHash = isTrue ? block.header.dataHash : new Uint8Array(32).fill(7);
      const { blockId, bytes } = makeBody({ ...block, header: { ...block.header, dataHash } });
      const proposal = bench.proposed(blockId);
      bench.transport.request = async () => encodeAnswer('getBlockById', { block: bytes });
      bench.report('a', 0);
      bench.transport.receive('a', { kind: 'proposal', proposal, block: undefined });
      await bench.run(200);
      assert.ok(consensus.block(blockId) !== undefined, 'its bytes have the id that was proposed');
      bench.report('b', 0);
      await bench.run(300);
      const told = bench.transport.sent.flatMap(({ peer, message }) =>
        peer === 'b' && message.kind === 'proposal' ? [message.block !== undefined] : [],
      );
      assert.deepEqual([...new Set(told)], [isTrue]);
    });
  }

  it('gaps in what a peer reports are answered, its votes are not sent back', async () => {
    const bench = await quartet();
    const votes = [1, 2].map((index) => bench.signed(index, PREVOTE, idOf('x')));
    bench.say('a', ...votes);
    await bench.run(20);
    const index = (votes[0] as Vote).validatorIndex;
    const bitmap = new Uint8Array([1 << index]);
    const report = {
      kind: 'roundStep',
      height: 1,
      round: 0,
      step: 'prevote',
      hasProposal: true,
      hasBlocks: [],
      votes: [{ round: 0, type: PREVOTE, bitmap }],
      lastCommit: undefined,
      headHeight: 0,
      baseHeight: 1,
    } as const;
    bench.transport.receive('b', report);
    bench.transport.sent.length = 0;
    await bench.run(120);
    const told = bench.transport.sent.flatMap(({ peer, message }) =>
      peer === 'b' && message.kind === 'votes' ? message.votes : [],
    );
    assert.ok(told.some(({ signature }) => equalBytes(signature, (votes[1] as Vote).signature)));
    assert.ok(!told.some(({ signature }) => equalBytes(signature, (votes[0] as Vote).signature)));
    // With backoff: in a second a vote is sent a handful of times, not at every look.
    await bench.run(1_000);
    const copies = bench.transport
      .sentOf('votes')
      .flatMap((message) => message.votes)
      .filter(({ signature }) => equalBytes(signature, (votes[1] as Vote).signature)).length;
    assert.ok(copies >= 2 && copies <= 6, `${copies} copies`);
    bench.transport.handlers?.peerDisconnected('b');
    bench.transport.sent.length = 0;
    await bench.run(3_000);
    assert.ok(
      !bench.transport.sent.some(
        ({ peer, message }) => peer === 'b' && message.kind === 'votes' && message.votes.length > 1,
      ),
    );
  });

  it('a majority that a peer does not see is claimed, with all its votes', async () => {
    const bench = await quartet();
    bench.say('a', ...[1, 2, 3].map((index) => bench.signed(index, PREVOTE, idOf('x'))));
    await bench.run(20);
    const full = new Uint8Array([15]);
    const report = {
      kind: 'roundStep',
      height: 1,
      round: 0,
      step: 'prevote',
      hasProposal: true,
      hasBlocks: [],
      votes: [
        { round: 0, type: PREVOTE, bitmap: full },
        { round: 0, type: PRECOMMIT, bitmap: full },
      ],
      lastCommit: undefined,
      headHeight: 0,
      baseHeight: 1,
    } as const;
    bench.transport.sent.length = 0;
    bench.transport.receive('b', report);
    await bench.run(1_500);
    const [claim] = bench.transport.sentOf('peerClaim');
    assert.deepEqual(claim?.blockId, idOf('x'));
    const counts = bench.transport.sentOf('votes').map(({ votes }) => votes.length);
    assert.ok(counts.includes(3), 'its bitmaps show no gap, and yet it gets them');
  });
});
