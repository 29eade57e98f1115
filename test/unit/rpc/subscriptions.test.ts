import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { sha256 } from '#crypto/hash.ts';
import type { NodeEvent } from '#rpc/node-api.ts';
import { RpcServer } from '#rpc/server.ts';
import { type Subscriber, SubscriptionHub, type SubscriptionOptions } from '#rpc/subscriptions.ts';
import { NEVER_PAUSE } from '#util/pause.ts';
import { RecordedChain } from '../../support/recorded-chain.ts';
import { RecordedNode } from '../../support/recorded-node.ts';

type BlockEvent = Extract<NodeEvent, { kind: 'block' }>;

interface Message {
  readonly id: number;
  readonly result: {
    readonly query: string;
    readonly data: { readonly type: string; readonly value: { readonly TxResult: { readonly index?: number } } };
  };
}

const OPTIONS: SubscriptionOptions = {
  maxSubscriptionClients: 100,
  maxSubscriptionsPerClient: 5,
  maxQueuedEvents: 100,
  pause: NEVER_PAUSE,
  onFailure: (error) => assert.fail(String(error)),
};

/** A client that reads when told to. */
class Reader implements Subscriber {
  readonly lastTexts: string[] = [];
  private readonly hub: SubscriptionHub;
  private readonly woken = Promise.withResolvers<void>();

  constructor(hub: SubscriptionHub) {
    this.hub = hub;
  }

  /** Resolves when the hub first had something. */
  get awake(): Promise<void> {
    return this.woken.promise;
  }

  wake(): void {
    this.woken.resolve();
  }

  drop(lastTexts: readonly string[]): void {
    this.lastTexts.push(...lastTexts);
  }

  read(): Message | undefined {
    const text = this.hub.next(this);
    return text && JSON.parse(`${text.head}${text.body}`);
  }

  readAll(): Message[] {
    const messages: Message[] = [];
    for (let message = this.read(); message !== undefined; message = this.read()) messages.push(message);
    return messages;
  }
}

describe('rpc subscriptions', () => {
  const chain = new RecordedChain();

  /** A recorded block with `count` transactions of `bytes`. */
  function blockEvent(count: number, bytes = 10): BlockEvent {
    const { block, blockId } = chain.blocks.get(20)!;
    const results = chain.results.get(20)!;
    const txs = Array.from({ length: count }, (_, i) => new Uint8Array(bytes).fill(i));
    const txResults = txs.map((_, i) => results.txResults[i % results.txResults.length]!);
    const txHashes = txs.map(sha256);
    return { kind: 'block', block: { ...block, txs }, blockId, txHashes, results: { ...results, txResults } };
  }

  it('an event is only noted where it happens: nothing of it is matched or rendered there', async () => {
    const hub = new SubscriptionHub(OPTIONS);
    const reader = new Reader(hub);
    for (const query of ['tx.height > 5', "tm.event = 'NewBlock'"]) hub.subscribe(reader, 1, query);
    const event = blockEvent(10);
    let looks = 0;
    const { results } = event;
    Object.defineProperty(event, 'results', {
      get: () => {
        looks += 1;
        return results;
      },
    });
    hub.onEvent(event);
    assert.equal(looks, 0);
    assert.equal(reader.read(), undefined);
    await reader.awake;
    assert.ok(looks > 0);
    assert.equal(reader.readAll().length, 11);
  });

  it('a large block is matched in slices, and rendered message by message as its client reads', async () => {
    let pauses = 0;
    const pause = (): Promise<void> => {
      pauses += 1;
      return setImmediate();
    };
    const hub = new SubscriptionHub({ ...OPTIONS, pause });
    const reader = new Reader(hub);
    hub.subscribe(reader, 1, "tm.event = 'Tx' AND tx.height > 5");
    const event = blockEvent(500);
    let rendered = 0;
    const [first] = event.results.txResults;
    const counted = {
      ...first!,
      get log() {
        rendered += 1;
        return '';
      },
    };
    hub.onEvent({ ...event, results: { ...event.results, txResults: event.block.txs.map(() => counted) } });
    await reader.awake;
    assert.ok(pauses >= 500);
    assert.equal(rendered, 0);
    reader.read();
    reader.read();
    assert.equal(rendered, 2);
    assert.equal(reader.readAll().length, 498);
  });

  it('messages come in the order of the block, to each subscription with its own id and query', async () => {
    const hub = new SubscriptionHub(OPTIONS);
    const reader = new Reader(hub);
    const queries = ["tm.event='Tx'", "tm.event = 'Tx'", "tm.event='NewBlock'", 'tx.height = 20'];
    for (const [id, query] of queries.entries()) hub.subscribe(reader, id, query);
    hub.onEvent(blockEvent(2));
    await reader.awake;
    const seen = reader.readAll().map(({ id, result }) => [id, result.query, result.data.value.TxResult?.index ?? 0]);
    assert.deepEqual(seen, [
      [2, queries[2], 0],
      ...[0, 1].flatMap((index) => [0, 1, 3].map((id) => [id, queries[id], index])),
    ]);
  });

  it('one message is rendered once for all clients that are at it', async () => {
    const hub = new SubscriptionHub(OPTIONS);
    const readers = Array.from({ length: 20 }, () => new Reader(hub));
    for (const [id, reader] of readers.entries()) hub.subscribe(reader, id, "tm.event = 'NewBlock'");
    hub.onEvent(blockEvent(10));
    await Promise.all(readers.map((reader) => reader.awake));
    const bodies = readers.map((reader) => hub.next(reader)?.body);
    assert.ok(bodies[0] !== undefined && bodies.every((body) => body === bodies[0]));
  });

  it('no block makes a client slow by its size; several behind the one that it is sent do', async () => {
    const hub = new SubscriptionHub(OPTIONS);
    const reader = new Reader(hub);
    hub.subscribe(reader, 7, "tm.event='Tx'");
    for (let i = 0; i < 2; i++) hub.onEvent(blockEvent(500));
    await reader.awake;
    assert.deepEqual(reader.lastTexts, []);
    assert.equal(hub.count, 1);
    hub.onEvent(blockEvent(1));
    assert.match(reader.lastTexts.join(), /^\{"jsonrpc":"2.0","id":7,.*client is not pulling messages fast enough/);
    assert.equal(hub.count, 0);
    assert.equal(reader.read(), undefined);
  });

  it('a subscription that has ended gets nothing of what was under way', async () => {
    const hub = new SubscriptionHub(OPTIONS);
    const reader = new Reader(hub);
    hub.subscribe(reader, 1, "tm.event='Tx'");
    hub.subscribe(reader, 2, "tm.event='NewBlock'");
    hub.onEvent(blockEvent(5));
    await reader.awake;
    hub.unsubscribe(reader, "tm.event='Tx'");
    assert.deepEqual(
      reader.readAll().map(({ id }) => id),
      [2],
    );
  });

  describe('over a WebSocket', () => {
    let node: RecordedNode;
    let server: RpcServer;
    let socket: WebSocket;

    beforeEach(async () => {
      node = await RecordedNode.create(chain);
      server = new RpcServer({ node }, { port: 0 });
      await server.start();
      socket = new WebSocket(`${server.url.replace('http', 'ws')}/websocket`);
      await once(socket, 'open');
    });
    afterEach(async () => {
      socket.terminate();
      await server.stop();
    });

    async function subscribed(query: string): Promise<void> {
      socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'subscribe', params: { query } }));
      await once(socket, 'message');
    }

    it('a client that reads has all transactions of a block that is larger than any buffer, in order', async () => {
      await subscribed("tm.event='Tx'");
      const indexes: number[] = [];
      const all = new Promise<void>((resolve, reject) => {
        socket.on('close', () => reject(new Error(`closed after ${indexes.length} messages`)));
        socket.on('message', (data) => {
          indexes.push((JSON.parse(String(data)) as Message).result.data.value.TxResult.index ?? 0);
          if (indexes.length === 1500) resolve();
        });
      });
      node.publish(blockEvent(1500, 10_000));
      await all;
      assert.deepEqual(indexes, [...Array(1500).keys()]);
    });

    it('a message that goes in pieces arrives as one, and answers do not come in between', async () => {
      await subscribed("tm.event='NewBlock'");
      const received: { id: number; result: { data?: { value: { block: { data: { txs: string[] } } } } } }[] = [];
      const both = new Promise<void>((resolve) => {
        socket.on('message', (data) => {
          received.push(JSON.parse(String(data)));
          if (received.length === 2) resolve();
        });
      });
      node.publish(blockEvent(3, 1024 * 1024));
      socket.send(JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'health' }));
      await both;
      const block = received.find(({ id }) => id === 1)?.result.data?.value.block;
      assert.equal(block?.data.txs.length, 3);
      assert.deepEqual(received.find(({ id }) => id === 2)?.result, {});
    });
  });
});
