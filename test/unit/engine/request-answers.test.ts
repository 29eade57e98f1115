import assert from 'node:assert/strict';
import { type BlockArchive, RequestAnswers } from '#engine/request-answers.ts';
import { type Commit, FLAG_ABSENT } from '#types/commit.ts';
import { ZERO_TIME } from '#types/time.ts';
import { EMPTY_BYTES } from '#util/bytes.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const MIB = 1024 * 1024;
const HEAD = 1_000;

/** What a node gives that keeps blocks of this size, decided by so many validators. */
function bench(blockBytes: number, validators = 1) {
  const blank = { flag: FLAG_ABSENT, validatorAddress: EMPTY_BYTES, timestamp: ZERO_TIME, signature: EMPTY_BYTES };
  const commit = { signatures: Array.from({ length: validators }, () => blank) } as unknown as Commit;
  let read = 0;
  const archive = {
    head: () => HEAD,
    blockBytes: async () => {
      read++;
      return new Uint8Array(blockBytes);
    },
    commit: async () => commit,
  };
  const clock = new ManualClock();
  const answers = new RequestAnswers({
    archive: archive as unknown as BlockArchive,
    engine: { body: () => undefined },
    clock,
    pendingTxs: () => [],
  });
  const ask = (count: number, maxBytes: number, peer = 'a') =>
    answers.blocks(peer, { kind: 'getBlocks', from: 1, count, maxBytes });
  return { ask, clock, read: () => read };
}

describe('answers to who asks for blocks', () => {
  it('hold two megabytes at most, or one block, whatever the peer says it has room for', async () => {
    const small = bench(300_000);
    assert.equal((await small.ask(64, 2 ** 32 - 1)).blocks.length, 6);
    assert.ok(small.read() <= 7, 'no more is read');
    assert.equal((await bench(3 * MIB).ask(64, 2 ** 32 - 1)).blocks.length, 1);
    assert.equal((await small.ask(64, 700_000)).blocks.length, 2);
  });

  it('count the commits, which are as large as blocks where many validators sign', async () => {
    const { blocks } = await bench(100_000, 1_000).ask(64, 2 * MIB);
    assert.equal(blocks.length, Math.floor((2 * MIB) / (100_000 + 110 * 1_000)));
  });

  /** Answers that a peer gets which asks for as much as it can, again and again. */
  async function served({ ask, clock }: ReturnType<typeof bench>, seconds: number): Promise<number> {
    let answers = 0;
    let asking = true;
    const asker = (async () => {
      while (asking) {
        await ask(64, 2 * MIB, 'greedy');
        answers++;
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    for (let i = 0; i < seconds * 10; i++) {
      await clock.drain();
      clock.advance(100);
    }
    asking = false;
    clock.advance(10_000);
    await asker;
    return answers;
  }

  it('count what is given, not what was read and did not fit', async () => {
    const answers = await served(bench(1.5 * MIB), 10);
    assert.ok(answers > 100 && answers < 130, `${answers} blocks of 1.5 MiB, at 16 MiB a second`);
  });

  it('come no faster than a peer may be served, whatever it asks for', async () => {
    const made = bench(MIB - 1_000);
    const { ask, read } = made;
    const answers = await served(made, 10);
    assert.ok(answers > 20 && answers < 120, `${answers} answers of two megabytes in ten seconds`);
    const before = read();
    await ask(1, MIB, 'modest');
    assert.equal(read(), before + 1);
  });
});
