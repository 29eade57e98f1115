import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Lane } from '#cli/load/lane.ts';

interface Call {
  readonly id: number;
  readonly params: { readonly tx: string };
}

type Answer = { result: object } | { error: object };

const ACCEPTED: Answer = { result: { code: 0, log: '' } };
const FULL: Answer = {
  error: { code: -32603, message: 'Internal error', data: 'mempool is full: number of txs 5 (max: 5)' },
};
const WRONG_SEQUENCE: Answer = { result: { code: 32, log: 'account sequence mismatch, expected 5, got 6' } };

describe('load lane', () => {
  let server: Server;
  let url = '';
  const batches: number[][] = [];
  let answer: (id: number, batch: number) => Answer | undefined;

  before(async () => {
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        const parsed = JSON.parse(body) as Call | Call[];
        const calls = Array.isArray(parsed) ? parsed : [parsed];
        batches.push(calls.map(({ id }) => id));
        const answers = calls.map(({ id }) => ({ jsonrpc: '2.0', id, ...answer(id, batches.length - 1) }));
        // Like CometBFT: a batch of one is answered by an object.
        response.end(JSON.stringify(answers.length === 1 ? answers[0] : answers.toReversed()));
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => server.close());
  beforeEach(() => {
    batches.length = 0;
  });

  /** Sends transactions 0 to count-1 of two accounts in turn; resolves when each has its verdict. */
  async function send(count: number, batchSize: number): Promise<{ accepted: number[]; refused: [number, string][] }> {
    const accepted: number[] = [];
    const refused: [number, string][] = [];
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (accepted.length + refused.length === count) resolve();
      };
      const lane = new Lane({
        url,
        batchSize,
        transactions: Array.from({ length: count }, (_, index) => `tx${index}`),
        accountOf: (index) => index % 2,
        onAccepted: (index) => {
          accepted.push(index);
          look();
        },
        onRefused: (index, reason) => {
          refused.push([index, reason]);
          look();
        },
      });
      for (let index = 0; index < count; index++) lane.push(index);
      lane.flush();
    });
    return { accepted, refused };
  }

  it('sends all in order, a batch at a time, and takes answers in any order', async () => {
    answer = () => ACCEPTED;
    const { accepted, refused } = await send(5, 2);
    assert.deepEqual(batches, [[0, 1], [2, 3], [4]]);
    assert.deepEqual([accepted, refused], [[0, 1, 2, 3, 4], []]);
  });

  it('never waits for a batch to fill: what is there leaves, and what comes meanwhile follows together', async () => {
    answer = () => ACCEPTED;
    await new Promise<void>((resolve) => {
      let accepted = 0;
      const lane = new Lane({
        url,
        batchSize: 10,
        transactions: ['tx0', 'tx1', 'tx2'],
        accountOf: () => 0,
        onAccepted: () => {
          accepted++;
          if (accepted === 3) resolve();
        },
        onRefused: () => {},
      });
      for (const index of [0, 1, 2]) {
        lane.push(index);
        lane.flush();
      }
    });
    assert.deepEqual(batches, [[0], [1, 2]]);
  });

  it('offers again what a full mempool sent back, and what of the same account missed it', async () => {
    // Transaction 0 finds the mempool full; 2 is of the same account and comes too early; 1 and 3 are of the other.
    answer = (id, batch) => (batch > 0 ? ACCEPTED : id === 0 ? FULL : id === 2 ? WRONG_SEQUENCE : ACCEPTED);
    const { accepted, refused } = await send(6, 4);
    assert.deepEqual(batches, [
      [0, 1, 2, 3],
      [0, 2, 4, 5],
    ]);
    assert.deepEqual([accepted, refused], [[1, 3, 0, 2, 4, 5], []]);
  });

  it('counts a refusal once, under a reason without its numbers', async () => {
    answer = (id) =>
      id === 1 ? WRONG_SEQUENCE : id === 2 ? { error: { message: 'Internal error', data: 'no 12' } } : ACCEPTED;
    const { accepted, refused } = await send(4, 10);
    assert.deepEqual(accepted, [0, 3]);
    assert.deepEqual(refused, [
      [1, 'code 32: account sequence mismatch, expected N, got N'],
      [2, 'no N'],
    ]);
  });
});
