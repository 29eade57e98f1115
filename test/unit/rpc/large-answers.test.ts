import assert from 'node:assert/strict';
import { Dispatcher, type Reply } from '#rpc/dispatcher.ts';
import type { Method } from '#rpc/method.ts';
import { RpcServer } from '#rpc/server.ts';
import { UnsentBytes } from '#rpc/unsent-bytes.ts';
import { RecordedChain } from '../../support/recorded-chain.ts';
import { RecordedNode } from '../../support/recorded-node.ts';

interface Answer {
  readonly id: number;
  readonly result?: { readonly blocks: readonly unknown[]; readonly total_count: string };
  readonly error?: { readonly code: number; readonly data: string };
}

describe('rpc answers that are too large', () => {
  describe('of a dispatcher', () => {
    const text = (length: number): Method => ({ params: [], cache: 'always', answer: async () => 'x'.repeat(length) });
    const methods = new Map([
      ['small', text(10)],
      ['large', text(40 * 1024 * 1024)],
      ['huge', text(2 ** 28)],
    ]);
    const dispatcher = new Dispatcher(methods, { maxRequestBatchSize: 10, onFailure: () => {} });
    const post = (body: unknown): Promise<Reply> =>
      dispatcher.post(
        JSON.stringify(body),
        new UnsentBytes(256 * 1024 * 1024).open(() => {}),
      );
    const request = (method: string, id: number): object => ({ jsonrpc: '2.0', id, method });

    it('a batch is bounded by what is in it already and by what comes: the rest is refused, small ones pass', async () => {
      const names = ['large', 'large', 'small'];
      const { text: answers, cacheable } = await post(names.map(request));
      assert.ok(answers.length < 64 * 1024 * 1024);
      assert.match(answers, /"id":1,"error":\{"code":-32603,[^}]*too long together; ask for less at once/);
      assert.match(answers, /"id":2,"result":xxxxxxxxxx\}/);
      assert.equal(cacheable, false);
    });

    it('a single answer beyond the largest block is refused, too', async () => {
      const { error } = JSON.parse((await post(request('huge', 1))).text) as Answer;
      assert.match(error?.data ?? '', /the answer is longer than .* ask for less at once/);
    });
  });

  describe('of a server', () => {
    let node: RecordedNode;
    let server: RpcServer;
    const failures: unknown[] = [];

    before(async () => {
      const chain = new RecordedChain();
      node = await RecordedNode.create(chain);
      const { block, blockId } = chain.blocks.get(50)!;
      const txs = Array.from({ length: 4 }, () => new Uint8Array(1024 * 1024));
      node.block = async () => ({ block: { ...block, txs }, blockId });
      node.searchBlocks = async () => Array.from({ length: 195 }, (_, i) => i + 1);
      server = new RpcServer({ node, onFailure: (_, error) => failures.push(error) }, { port: 0 });
      await server.start();
    });
    after(() => server.stop());

    async function post(body: unknown): Promise<Response> {
      const headers = { 'content-type': 'application/json' };
      return fetch(server.url, { method: 'POST', headers, body: JSON.stringify(body) });
    }

    const search = (perPage: number, id: number): object => ({
      jsonrpc: '2.0',
      id,
      method: 'block_search',
      params: { query: 'block.height > 0', per_page: String(perPage), page: '1' },
    });

    it('a page of blocks says which per_page fits, and that one is answered', async () => {
      const answers = (await (await post([search(11, 0), search(93, 1)])).json()) as Answer[];
      for (const { error } of answers) assert.match(error?.data ?? '', /ask with a per_page of 5$/);
      const { result } = (await (await post(search(5, 2))).json()) as Answer;
      assert.equal(result?.blocks.length, 5);
      assert.equal(result?.total_count, '195');
    });

    it('pages of blocks are put together one after the other', async () => {
      const { block } = node;
      const asked: number[] = [];
      node.block = async (height) => {
        asked.push(height);
        return block(1);
      };
      await Promise.all([post(search(3, 3)), post(search(3, 4))]);
      assert.deepEqual(asked, [195, 194, 193, 195, 194, 193]);
    });
  });
});
