import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { RateLimiter } from '#rpc/access.ts';
import type { RpcOptions } from '#rpc/options.ts';
import { RpcServer } from '#rpc/server.ts';
import { txHash } from '#types/block.ts';
import { toHex } from '#util/bytes.ts';
import { RecordedChain, readLines } from '../../support/recorded-chain.ts';
import { RecordedNode } from '../../support/recorded-node.ts';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

describe('rpc server', () => {
  const chain = new RecordedChain();
  let node: RecordedNode;
  let server: RpcServer;

  async function started(options: Partial<RpcOptions> = {}): Promise<RpcServer> {
    await server?.stop();
    node = await RecordedNode.create(chain);
    server = new RpcServer({ node }, { port: 0, ...options });
    await server.start();
    return server;
  }

  beforeEach(() => started());
  afterEach(() => server.stop());

  /** node:http, because fetch does not let a test set Host or Origin. */
  function send(method: string, path: string, headers: Record<string, string> = {}, body = ''): Promise<Answer> {
    const { hostname, port } = new URL(server.url);
    return new Promise((resolve, reject) => {
      const request = httpRequest({ hostname, port, method, path, headers, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
        });
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  function post(body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return send('POST', '/', { 'content-type': 'application/json', ...headers }, text);
  }

  async function call(method: string, params?: unknown, id: unknown = 1): Promise<Record<string, unknown>> {
    return JSON.parse((await post({ jsonrpc: '2.0', id, method, params })).text);
  }

  describe('JSON-RPC over POST', () => {
    it('rpc-id-exact: ids are echoed exactly, and refused where they could be mixed up', async () => {
      for (const id of ['"a"', '"\\u00e9\\""', '0', '-7', '9007199254740991', '1.5', '""']) {
        const { text } = await post(`{"jsonrpc":"2.0","id":${id},"method":"health","params":null}`);
        assert.deepEqual(JSON.parse(text), { jsonrpc: '2.0', id: JSON.parse(id), result: {} }, id);
      }
      for (const id of ['9007199254740993', '9223372036854775808', '1e400', '-1e400', '{}', '[1]', 'true']) {
        const { status, text } = await post(`{"jsonrpc":"2.0","id":${id},"method":"health"}`);
        assert.equal(status, 500, id);
        assert.equal(JSON.parse(text).error.code, -32700, id);
      }
    });

    it('takes parameters as an object, an array, null or nothing', async () => {
      for (const params of [{ height: '192' }, ['192'], { height: '192', unknown: 1 }]) {
        const { result } = await call('header', params);
        assert.equal((result as { header: { height: string } }).header.height, '192');
      }
      for (const params of [undefined, null, {}, { height: null }]) {
        const { result } = await call('header', params);
        assert.equal((result as { header: { height: string } }).header.height, '195');
      }
      for (const params of ['192', 192, true]) {
        assert.equal(((await call('header', params)) as { error?: { code: number } }).error?.code, -32602);
      }
    });

    it('bad input is answered in bounded time and changes nothing', async () => {
      const deep = '['.repeat(400_000) + ']'.repeat(400_000);
      const bodies = [
        `{"jsonrpc":"2.0","id":1,"method":"block","params":{"height":${deep}}}`,
        `{"jsonrpc":"2.0","id":1,"method":"block","params":${deep}}`,
        deep,
        '[[[[',
        '"text"',
        '17',
        'null',
        '\u0000',
        '{"jsonrpc":"2.0","id":1,"method":"__proto__"}',
        '{"jsonrpc":"2.0","id":1,"method":"constructor"}',
        '{"jsonrpc":"2.0","id":1,"method":{"a":1}}',
        '{"jsonrpc":"2.0","id":1,"method":"block","params":{"__proto__":{"height":"1"},"height":{"a":1}}}',
        `{"jsonrpc":"2.0","id":1,"method":"tx","params":{"hash":"***"}}`,
        `{"jsonrpc":"2.0","id":1,"method":"abci_query","params":{"data":"0xzz"}}`,
        `{"jsonrpc":"2.0","id":1,"method":"block","params":{"height":"${'9'.repeat(5000)}"}}`,
      ];
      for (const body of bodies) {
        const { text } = await post(body);
        const { error } = JSON.parse(text);
        assert.ok(error.code <= -32600, body.slice(0, 80));
        assert.ok(text.length < 1000, 'errors stay short');
      }
      const inherited = await call('block', JSON.parse('{"__proto__":{"height":"192"}}'));
      assert.equal((inherited.result as { block: { header: { height: string } } }).block.header.height, '195');
    });

    it('answers batches in order, without their notifications, and a lone answer as an object', async () => {
      const { text } = await post([
        { jsonrpc: '2.0', id: 1, method: 'health' },
        { jsonrpc: '2.0', method: 'health' },
        { jsonrpc: '2.0', id: 'two', method: 'nosuch' },
        { jsonrpc: '2.0', id: 3, method: 'header', params: { height: '1' } },
      ]);
      const answers = JSON.parse(text) as { id: unknown; error?: { code: number } }[];
      assert.deepEqual(
        answers.map(({ id }) => id),
        [1, 'two', 3],
      );
      assert.equal(answers[1]?.error?.code, -32601);
      const lone = await post([
        { jsonrpc: '2.0', id: 4, method: 'health' },
        { jsonrpc: '2.0', method: 'health' },
      ]);
      assert.deepEqual(JSON.parse(lone.text), { jsonrpc: '2.0', id: 4, result: {} });
    });

    it('submits the transactions of a batch in order', async () => {
      const txs = ['AQ==', 'Ag==', 'Aw=='];
      await post(txs.map((tx, id) => ({ jsonrpc: '2.0', id, method: 'broadcast_tx_sync', params: { tx } })));
      assert.deepEqual(
        node.submitted.map((tx) => tx[0]),
        [1, 2, 3],
      );
    });

    it('marks a batch as immutable only when all of it is', async () => {
      const fixed = { jsonrpc: '2.0', id: 1, method: 'header', params: { height: '1' } };
      const moving = { jsonrpc: '2.0', id: 2, method: 'header' };
      assert.equal((await post([fixed, fixed])).headers['cache-control'], 'public, max-age=86400');
      assert.equal((await post([fixed, moving])).headers['cache-control'], undefined);
      const failing = { jsonrpc: '2.0', id: 2, method: 'header', params: { height: '0' } };
      assert.equal((await post([fixed, failing])).headers['cache-control'], undefined);
    });

    it('body-bombs: bodies and batches beyond the limits, and encoded bodies, are refused', async () => {
      await started({ maxBodyBytes: 1000, maxRequestBatchSize: 3 });
      const request = { jsonrpc: '2.0', id: 1, method: 'health' };
      assert.equal(JSON.parse((await post([request, request, request])).text).length, 3);
      const { error } = JSON.parse((await post([request, request, request, request])).text);
      assert.equal(error.code, -32600);
      assert.match(error.data, /batch request exceeds maximum \(3\)/);
      const big = await post(JSON.stringify({ ...request, params: { filler: 'x'.repeat(2000) } }));
      assert.equal(big.status, 413);
      assert.equal((await post('x', { 'content-encoding': 'gzip' })).status, 415);
    });

    it('an operating error is told, a programming error is logged and not told', async () => {
      const failures: unknown[] = [];
      await server.stop();
      server = new RpcServer({ node, onFailure: (method, error) => failures.push([method, error]) }, { port: 0 });
      await server.start();
      const tx = Uint8Array.of(9);
      node.verdicts.set(toHex(txHash(tx)), { log: 'throw' });
      const told = await call('broadcast_tx_sync', { tx: 'CQ==' });
      assert.deepEqual(told.error, { code: -32603, message: 'Internal error', data: 'tx already exists in cache' });
      const secret = new Error('secret path /home/x');
      node.status = () => {
        throw secret;
      };
      const hidden = JSON.stringify(await call('status'));
      assert.ok(!hidden.includes('secret') && hidden.includes('-32603'));
      assert.deepEqual(failures, [['status', secret]]);
    });
  });

  describe('URI GET', () => {
    it('reads quoted, plain and 0x parameters, and answers errors with HTTP 500', async () => {
      for (const height of ['192', '%22192%22']) {
        const { status, text } = await send('GET', `/header?height=${height}`);
        assert.equal(status, 200);
        assert.equal(JSON.parse(text).id, -1);
        assert.equal(JSON.parse(text).result.header.height, '192');
      }
      const refused = [
        '/header?height=0x10',
        '/header?height=1.5',
        '/tx?hash=0x1',
        '/tx?hash=0xzz',
        '/tx_search?query=tx.height=1',
        '/tx?hash=%22x%22&prove=maybe',
        '/header?height=%ff%fe',
      ];
      for (const path of refused) assert.equal((await send('GET', path)).status, 500, path);
    });

    it('WebSocket methods and unknown paths are 404', async () => {
      const { status, text } = await send('GET', '/subscribe?query=%22tm.event=%27Tx%27%22');
      assert.equal(status, 404);
      assert.equal(JSON.parse(text).error.code, -32601);
      for (const path of [
        '/nosuch',
        '/__proto__',
        '/constructor',
        '//',
        '/block/',
        '/dial_peers',
        '/unsafe_flush_mempool',
      ]) {
        assert.equal((await send('GET', path)).status, 404, path);
      }
      assert.equal((await send('DELETE', '/block')).status, 405);
    });

    it('lists the endpoints on /', async () => {
      const { status, text, headers } = await send('GET', '/');
      assert.equal(status, 200);
      assert.equal(headers['content-type'], 'text/html; charset=utf-8');
      assert.match(text, /\/abci_query\?path=_&amp;data=_/);
    });
  });

  describe('Host and Origin (R34)', () => {
    it('rpc-host-escaped: unknown hosts are refused, addresses and listed names pass, markup never comes back', async () => {
      await started({ allowedHosts: ['node.example', '"><script>alert(1)</script>'] });
      for (const host of ['localhost:26657', '127.0.0.1', '[::1]:26657', '10.0.0.7:1', 'Node.Example:26657']) {
        assert.equal((await send('GET', '/health', { host })).status, 200, host);
      }
      for (const host of ['evil.example', 'localhost.evil.example:26657', '127.0.0.1.evil.example', '<script>']) {
        assert.equal((await send('GET', '/health', { host })).status, 403, host);
      }
      const page = await send('GET', '/', { host: '"><script>alert(1)</script>' });
      assert.equal(page.status, 200);
      assert.ok(!page.text.includes('<script>'));
    });

    it('foreign origins and foreign subresources are refused; listed origins get CORS headers', async () => {
      await started({ corsAllowedOrigins: ['https://wallet.example'] });
      for (const origin of ['https://evil.example', 'null', 'http://localhost:3000']) {
        assert.equal((await send('GET', '/health', { origin })).status, 403, origin);
        assert.equal((await post({ jsonrpc: '2.0', id: 1, method: 'health' }, { origin })).status, 403, origin);
      }
      const image = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' };
      assert.equal((await send('GET', '/broadcast_tx_sync?tx=0x01', image)).status, 403);
      assert.equal(node.submitted.length, 0);
      const origin = 'https://wallet.example';
      const answer = await post({ jsonrpc: '2.0', id: 1, method: 'health' }, { origin });
      assert.equal(answer.headers['access-control-allow-origin'], origin);
      const preflight = await send('OPTIONS', '/', { origin, 'access-control-request-method': 'POST' });
      assert.equal(preflight.status, 204);
      assert.match(String(preflight.headers['access-control-allow-headers']), /Content-Type/);
    });

    it('a page of the node itself may call it, and * lets all pass', async () => {
      const host = '127.0.0.1:26657';
      assert.equal((await send('GET', '/health', { host, origin: `http://${host}` })).status, 200);
      await started({ corsAllowedOrigins: ['*'], allowedHosts: ['*'] });
      assert.equal((await send('GET', '/health', { host: 'a.b', origin: 'https://any.example' })).status, 200);
    });

    it('content types that a form can send are refused', async () => {
      const body = '{"jsonrpc":"2.0","id":1,"method":"health"}';
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
        assert.equal((await send('POST', '/', { 'content-type': type }, body)).status, 415, type);
      }
      assert.equal((await send('POST', '/', { 'content-type': 'application/json; charset=utf-8' }, body)).status, 200);
      assert.equal((await send('POST', '/', {}, body)).status, 200);
    });
  });

  describe('answers', () => {
    it('pruned-or-future: heights that are not there are refused, never thrown', async () => {
      const texts = [
        ['0', 'height must be greater than 0, but got 0'],
        ['-5', 'height must be greater than 0, but got -5'],
        ['197', 'height 197 must be less than or equal to the current blockchain height 195'],
        ['100', 'height 100 is not available, lowest height is 1'],
      ] as const;
      for (const method of ['block', 'block_results', 'commit', 'header']) {
        for (const [height, text] of texts) {
          const { error } = await call(method, { height });
          assert.equal((error as { data: string }).data, text, method);
        }
      }
      node.head = () => 0;
      node.base = () => 0;
      for (const method of ['block', 'block_results', 'commit', 'header', 'blockchain']) {
        assert.equal(((await call(method)).error as { code: number }).code, -32603, method);
      }
    });

    it('pagination: the union of pages is the whole list, in both orders, and pages out of range are refused', async () => {
      for (const order of ['asc', 'desc']) {
        const all: string[] = [];
        for (let page = 1; page <= 4; page++) {
          const params = { query: 'tx.height = 20', page: String(page), per_page: '10', order_by: order };
          const { result } = await call('tx_search', params);
          const { txs, total_count } = result as { txs: { hash: string; index: number }[]; total_count: string };
          assert.equal(total_count, '40');
          all.push(...txs.map(({ index }) => String(index)));
        }
        const expected = Array.from({ length: 40 }, (_, i) => String(order === 'asc' ? i : 39 - i));
        assert.deepEqual(all, expected);
      }
      const beyond = await call('tx_search', { query: 'tx.height = 20', page: '5', per_page: '10' });
      assert.equal((beyond.error as { data: string }).data, 'page should be within [1, 4] range, given 5');
      const huge = await call('tx_search', { query: 'tx.height = 20', per_page: '1000000' });
      assert.equal((huge.result as { txs: unknown[] }).txs.length, 40);
    });

    it('every method without parameters that it needs answers', async () => {
      const hash = Buffer.from(chain.blocks.get(20)!.blockId.hash);
      const calls: readonly (readonly [string, unknown, string])[] = [
        ['dump_consensus_state', {}, '"height":"196"'],
        ['genesis', {}, '"chain_id":"bench-1"'],
        ['abci_info', {}, '"last_block_height":"195"'],
        ['num_unconfirmed_txs', {}, '"txs":null'],
        ['check_tx', { tx: 'AQ==' }, '"gas_wanted":"5"'],
        ['block_by_hash', { hash: hash.toString('base64') }, '"height":"20"'],
        ['header_by_hash', { hash: hash.toString('hex') }, '"height":"20"'],
        ['header_by_hash', { hash: 'ab' }, '"header":null'],
        ['block_results', { height: '20' }, '"txs_results":[{"code":0'],
        ['broadcast_tx_async', { tx: 'AQ==' }, '"code":0'],
      ];
      for (const [method, params, part] of calls) {
        const text = JSON.stringify(await call(method, params));
        assert.ok(text.includes(part), `${method}: ${text.slice(0, 300)}`);
      }
    });

    it('block_results equal the recorded ones at every height', async () => {
      for (const recorded of readLines('block_results')) {
        const { result } = await call('block_results', { height: recorded.height });
        assert.equal(JSON.stringify(result), JSON.stringify(recorded), `height ${recorded.height}`);
      }
    });

    it('blocks, commits and validators equal the recorded ones at every height', async () => {
      for (const [method, name] of [
        ['block', 'blocks'],
        ['commit', 'commits'],
        ['validators', 'validators'],
      ] as const) {
        for (const [i, recorded] of readLines(name).entries()) {
          const { result } = await call(method, { height: String(i + 1) });
          assert.equal(JSON.stringify(result), JSON.stringify(recorded), `${method} ${i + 1}`);
        }
      }
    });

    it('broadcast_tx_commit waits for its transaction, and gives up in time', async () => {
      await started({ timeoutBroadcastTxCommitMs: 30 });
      const { block } = chain.blocks.get(19)!;
      const tx = Buffer.from(block.txs[3]!).toString('base64');
      const submit = node.submitTx.bind(node);
      node.submitTx = async (bytes) => {
        node.publishHeight(18);
        node.publishHeight(19);
        return submit(bytes);
      };
      const { result } = await call('broadcast_tx_commit', { tx });
      assert.equal((result as { height: string }).height, '19');
      node.submitTx = submit;
      const late = await call('broadcast_tx_commit', { tx });
      assert.match((late.error as { data: string }).data, /timed out waiting/);
    });

    it('broadcast_evidence reads a duplicate vote and names what is wrong with others', async () => {
      const [evidence] = chain.blocks.get(56)!.block.evidence;
      let added: unknown;
      node.addEvidence = async (given) => {
        added = given;
        return new Uint8Array(32);
      };
      const recorded = await call('block', { height: '56' });
      const json = (recorded.result as { block: { evidence: { evidence: { value: object }[] } } }).block.evidence
        .evidence[0]!;
      assert.deepEqual((await call('broadcast_evidence', { evidence: json })).result, { hash: '00'.repeat(32) });
      assert.deepEqual(added, evidence);
      for (const broken of [{}, { type: 'x' }, { ...json, value: { ...json.value, vote_a: { type: 3 } } }]) {
        const { error } = await call('broadcast_evidence', { evidence: broken });
        assert.match((error as { data: string }).data, /evidence|vote_a/);
      }
    });
  });

  it('limits requests by address when told to', async () => {
    // Less than one token fits into the bucket, so that no request ever passes, however slow the machine is.
    await started({ maxRequestsPerSecond: 0.001 });
    assert.equal((await send('GET', '/health')).status, 429);
  });

  it('a rate limit refills with time and is kept by address', () => {
    const limiter = new RateLimiter(2);
    const taken = [0, 0, 0, 499, 500, 501, 10_000, 10_000, 10_000].map((now) => limiter.allow('a', now));
    assert.deepEqual(taken, [true, true, false, false, true, false, true, true, false]);
    assert.equal(limiter.allow('b', 10_000), true);
  });

  it('says which address is in use', async () => {
    const port = Number(new URL(server.url).port);
    const second = new RpcServer({ node }, { port });
    await assert.rejects(second.start(), {
      code: 'rpc_address_in_use',
      message: new RegExp(`127.0.0.1:${port} is in use`),
    });
  });

  it('stop ends idle connections and leaves no listener behind', async () => {
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    const closed = new Promise((resolve) => socket.on('close', resolve));
    await new Promise((resolve) => socket.on('connect', resolve));
    await send('GET', '/health');
    await server.stop();
    await closed;
    assert.equal(node.listenerCount, 0);
    await started();
  });
});
