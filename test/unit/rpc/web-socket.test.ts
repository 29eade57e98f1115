import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { RpcOptions } from '#rpc/options.ts';
import { RpcServer } from '#rpc/server.ts';
import { txHash } from '#types/block.ts';
import { toHex } from '#util/bytes.ts';
import { RecordedChain } from '../../support/recorded-chain.ts';
import { RecordedNode } from '../../support/recorded-node.ts';

interface Message {
  readonly id?: unknown;
  readonly result?: {
    readonly query?: string;
    readonly data?: { readonly type: string; readonly value: Record<string, never> };
    readonly events?: Readonly<Record<string, readonly string[]>>;
  };
  readonly error?: { readonly code: number; readonly data?: string };
}

/** A client that keeps what it was sent, in order. */
class Client {
  readonly socket: WebSocket;
  private readonly received: Message[] = [];
  private wake: (() => void) | undefined;

  constructor(url: string, headers: Record<string, string> = {}) {
    this.socket = new WebSocket(`${url.replace('http', 'ws')}/websocket`, { headers });
    this.socket.on('message', (data) => {
      this.received.push(JSON.parse(String(data)));
      this.wake?.();
    });
  }

  async next(): Promise<Message> {
    while (this.received.length === 0) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.received.shift() as Message;
  }

  send(id: unknown, method: string, params?: unknown): void {
    this.socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
  }

  async call(id: unknown, method: string, params?: unknown): Promise<Message> {
    this.send(id, method, params);
    return this.next();
  }
}

describe('rpc WebSocket', () => {
  const chain = new RecordedChain();
  let node: RecordedNode;
  let server: RpcServer;
  let clients: Client[] = [];

  async function started(options: Partial<RpcOptions> = {}): Promise<void> {
    await server?.stop();
    node = await RecordedNode.create(chain);
    server = new RpcServer({ node }, { port: 0, ...options });
    await server.start();
  }

  async function connected(headers?: Record<string, string>): Promise<Client> {
    const client = new Client(server.url, headers);
    clients.push(client);
    await once(client.socket, 'open');
    return client;
  }

  beforeEach(() => started());
  afterEach(async () => {
    for (const { socket } of clients) socket.terminate();
    clients = [];
    await server.stop();
  });

  it('answers requests as POST does; wrong parameters are internal errors here', async () => {
    const client = await connected();
    assert.deepEqual(await client.call('x', 'health'), { jsonrpc: '2.0', id: 'x', result: {} });
    const { error } = await client.call(2, 'header', { height: 5 });
    assert.equal(error?.code, -32603);
    assert.match(error?.data ?? '', /^error converting json params to arguments: invalid 64-bit integer/);
    assert.equal((await client.call(3, 'nosuch')).error?.code, -32601);
    client.socket.send('{');
    assert.equal((await client.next()).error?.code, -32700);
    client.send(null, 'health');
    assert.equal((await client.call(4, 'health')).id, 4, 'a notification gets no answer');
  });

  it('ws-subscriptions: each event carries the id of its own request and its query', async () => {
    const client = await connected();
    assert.deepEqual((await client.call('blocks', 'subscribe', { query: "tm.event='NewBlock'" })).result, {});
    assert.deepEqual((await client.call(7, 'subscribe', ["tm.event='NewBlockHeader'"])).result, {});
    node.publishHeight(20);
    const [block, header] = [await client.next(), await client.next()];
    assert.deepEqual([block.id, block.result?.query], ['blocks', "tm.event='NewBlock'"]);
    assert.equal(block.result?.data?.type, 'tendermint/event/NewBlock');
    assert.deepEqual([header.id, header.result?.data?.type], [7, 'tendermint/event/NewBlockHeader']);
    assert.deepEqual(header.result?.events, { 'tm.event': ['NewBlockHeader'] });
  });

  it('finds one transaction by hash among a block, and all of a sender', async () => {
    const client = await connected();
    const { txs } = chain.blocks.get(20)!.block;
    const hash = toHex(txHash(txs[5]!)).toUpperCase();
    const results = chain.results.get(20)!;
    const sender = results.txResults[5]!.events.flatMap(({ type, attributes }) =>
      attributes.filter(({ key }) => `${type}.${key}` === 'message.sender').map(({ value }) => value),
    )[0]!;
    await client.call(1, 'subscribe', { query: `tm.event='Tx' AND tx.hash='${hash}'` });
    await client.call(2, 'subscribe', { query: `tm.event = 'Tx' AND message.sender = '${sender}' AND tx.height > 5` });
    node.publishHeight(19);
    node.publishHeight(20);
    const seen = new Map<unknown, Message[]>();
    while ((seen.get(1)?.length ?? 0) < 1) {
      const message = await client.next();
      seen.set(message.id, [...(seen.get(message.id) ?? []), message]);
    }
    const { result } = seen.get(1)![0]!;
    const value = result?.data?.value as unknown as { TxResult: { height: string; index: number; tx: string } };
    assert.deepEqual([value.TxResult.height, value.TxResult.index], ['20', 5]);
    assert.equal(value.TxResult.tx, Buffer.from(txs[5]!).toString('base64'));
    assert.deepEqual(result?.events?.['tx.hash'], [hash]);
    assert.deepEqual(result?.events?.['tx.height'], ['20']);
    for (const message of seen.get(2) ?? []) assert.ok(message.result?.events?.['message.sender']?.includes(sender));
  });

  it('sends validator updates, evidence, votes and round steps to those who ask', async () => {
    const client = await connected();
    const names = ['ValidatorSetUpdates', 'NewEvidence', 'NewBlockEvents', 'NewRoundStep', 'Vote'];
    for (const [id, name] of names.entries()) await client.call(id, 'subscribe', { query: `tm.event='${name}'` });
    node.publishHeight(56);
    const types = [await client.next(), await client.next(), await client.next()].map(
      ({ result }) => result?.data?.type,
    );
    assert.deepEqual(types.sort(), [
      'tendermint/event/NewBlockEvents',
      'tendermint/event/NewEvidence',
      'tendermint/event/ValidatorSetUpdates',
    ]);
    node.publish({ kind: 'round', name: 'NewRoundStep', height: 57, round: 1, step: 4 });
    const { result } = await client.next();
    assert.deepEqual(result?.data, {
      type: 'tendermint/event/RoundState',
      value: { height: '57', round: 1, step: 'RoundStepPrevote' },
    });
    const [evidence] = chain.blocks.get(56)!.block.evidence;
    if (evidence?.kind !== 'duplicate-vote') throw new Error('height 56 holds a duplicate vote');
    node.publish({ kind: 'vote', vote: evidence.voteA });
    assert.equal((await client.next()).result?.data?.type, 'tendermint/event/Vote');
  });

  it('unsubscribes by query and from all, and says when there is nothing to end', async () => {
    const client = await connected();
    const query = "tm.event='NewBlockHeader'";
    await client.call(1, 'subscribe', { query });
    assert.equal((await client.call(2, 'subscribe', { query })).error?.data, 'already subscribed');
    assert.deepEqual((await client.call(3, 'unsubscribe', { query })).result, {});
    assert.equal((await client.call(4, 'unsubscribe', { query })).error?.data, 'subscription not found');
    assert.equal((await client.call(5, 'unsubscribe_all')).error?.data, 'subscription not found');
    await client.call(6, 'subscribe', { query });
    assert.deepEqual((await client.call(7, 'unsubscribe_all')).result, {});
    node.publishHeight(5);
    assert.equal((await client.call(8, 'health')).id, 8, 'no event came in between');
  });

  it('refuses wrong queries and more subscriptions or clients than allowed', async () => {
    await started({ maxSubscriptionClients: 1, maxSubscriptionsPerClient: 2 });
    const client = await connected();
    assert.equal(
      (await client.call(0, 'subscribe', { query: '' })).error?.data,
      'failed to parse query: offset 0: EOF',
    );
    assert.match((await client.call(0, 'subscribe', { query: 7 })).error?.data ?? '', /query must be a string/);
    assert.match(
      (await client.call(0, 'subscribe', { query: 'x'.repeat(513) })).error?.data ?? '',
      /maximum query length/,
    );
    await client.call(1, 'subscribe', { query: "tm.event='Tx'" });
    await client.call(2, 'subscribe', { query: "tm.event='NewBlock'" });
    const third = await client.call(3, 'subscribe', { query: "tm.event='Vote'" });
    assert.equal(third.error?.data, 'max_subscriptions_per_client 2 reached');
    const other = await connected();
    const refused = await other.call(1, 'subscribe', { query: "tm.event='Tx'" });
    assert.equal(refused.error?.data, 'max_subscription_clients 1 reached');
    client.socket.terminate();
    await once(client.socket, 'close');
    // The server hears of the end on its own socket, some ticks later.
    let again = await other.call(2, 'subscribe', { query: "tm.event='Tx'" });
    while (again.error !== undefined) again = await other.call(2, 'subscribe', { query: "tm.event='Tx'" });
    assert.deepEqual(again.result, {});
  });

  it('ws-subscriptions: a slow reader is dropped with an error, others go on, and the bus never waits', async () => {
    await started({ maxQueuedEvents: 100 });
    const slow = await connected();
    const quick = await connected();
    for (const client of [slow, quick]) await client.call('s', 'subscribe', { query: "tm.event='NewBlock'" });
    slow.socket.pause();
    const closed = once(slow.socket, 'close');
    let got = 0;
    // Socket buffers of both ends take some megabytes before anything waits in the process.
    for (let i = 0; i < 400; i++) {
      node.publishHeight(20);
      assert.equal((await quick.next()).id, 's');
      got += 1;
    }
    assert.equal(got, 400);
    slow.socket.resume();
    let last = await slow.next();
    while (last.error === undefined) last = await slow.next();
    assert.deepEqual([last.id, last.error.code], ['s', -32000]);
    assert.match(last.error.data ?? '', /not pulling messages fast enough/);
    await closed;
  });

  it('drops a client that does not answer pings', async () => {
    await started({ webSocketPingMs: 300, webSocketReadTimeoutMs: 500 });
    const alive = await connected();
    const dead = await connected();
    dead.socket.pause();
    const closed = once(dead.socket, 'close');
    let isClosed = false;
    void closed.then(() => {
      isClosed = true;
    });
    dead.socket.once('error', () => {});
    // A paused socket does not see its end either: it is read again after the server gave it up.
    while (alive.socket.readyState === WebSocket.OPEN && !isClosed) {
      await alive.call(1, 'health');
      if (server.webSocketCount === 1) dead.socket.resume();
    }
    assert.equal(alive.socket.readyState, WebSocket.OPEN);
  });

  it('checks Host, Origin and path before it upgrades', async () => {
    const refused: readonly (readonly [string, Record<string, string>, number])[] = [
      ['/websocket', { origin: 'https://evil.example' }, 403],
      ['/websocket', { host: 'evil.example' }, 403],
      ['/other', {}, 404],
    ];
    for (const [path, headers, status] of refused) {
      const socket = new WebSocket(`${server.url.replace('http', 'ws')}${path}`, { headers });
      const [error] = await once(socket, 'error');
      assert.match(String(error), new RegExp(`${status}`), path);
    }
  });

  it('a message beyond the limit ends the connection, not the server', async () => {
    await started({ maxBodyBytes: 1000 });
    const client = await connected();
    client.socket.send('x'.repeat(5000));
    await once(client.socket, 'close');
    assert.equal((await (await connected()).call(1, 'health')).id, 1);
  });

  it('stop ends all connections', async () => {
    const client = await connected();
    const closed = once(client.socket, 'close');
    await server.stop();
    await closed;
    await started();
  });
});
