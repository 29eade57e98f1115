import assert from 'node:assert/strict';
import { CONSEQUENCES, failureOf, type Offence, offenceOf, punish } from '#network/consequences.ts';
import { NetworkError, type NetworkErrorCode } from '#network/errors.ts';
import { encodeTxBatch } from '#network/gossip-codec.ts';
import { encodeMessage } from '#network/message-codec.ts';
import type { Message } from '#network/messages.ts';
import { Network, type NetworkHandlers } from '#network/network.ts';
import type { GossipVerdict } from '#ports/transport.ts';
import { PREVOTE } from '#types/vote.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryTransport } from './support/memory-transport.ts';
import { blockId, bytesOf, commit, evidence, vote } from './support/samples.ts';

const LIMITS = { maxBlockBytes: 100_000, maxTxBytes: 1_000 };
const CLAIM: Message = { kind: 'peerClaim', height: 3, round: 1, type: PREVOTE, blockId: blockId(1) };

interface Node {
  readonly network: Network;
  readonly transport: MemoryTransport;
  readonly clock: ManualClock;
  readonly log: string[];
  readonly offences: Offence[];
}

async function makeNode(name: string, overrides: Partial<NetworkHandlers> = {}): Promise<Node> {
  const transport = new MemoryTransport(name);
  const clock = new ManualClock();
  const log: string[] = [];
  const offences: Offence[] = [];
  const random = { uniform: () => 1, bytes: (length: number) => new Uint8Array(length) };
  const network = new Network(
    { transport, clock, random },
    { limits: LIMITS, observe: (offence) => void offences.push(offence) },
  );
  const note = (peer: string, message: Message) => void log.push(`${peer} ${message.kind}`);
  await network.start({
    peerConnected: (peer) => void log.push(`+${peer.id}`),
    peerDisconnected: (peer) => void log.push(`-${peer}`),
    proposal: note,
    votes: note,
    roundStep: note,
    peerClaim: note,
    relayWish: note,
    txs: (peer, txs): GossipVerdict => {
      log.push(`${peer} ${txs.length} txs`);
      return 'accept';
    },
    evidence: (peer, list): GossipVerdict => {
      log.push(`${peer} ${list.length} evidence`);
      return 'accept';
    },
    getBlocks: async (_peer, { from }) => ({ blocks: [{ block: bytesOf(from, 1), commit: commit() }] }),
    getTxs: async (_peer, { indexes }) => ({ txs: indexes.map((index) => bytesOf(index + 1, 1)) }),
    getBlockById: async () => ({ block: undefined }),
    getPending: async () => ({ txs: [] }),
    getSnapshots: async () => ({ snapshots: [] }),
    getManifest: async () => ({ manifest: undefined }),
    getChunk: async () => ({ chunk: undefined }),
    getLightBlocks: async () => ({ blocks: [] }),
    getStatus: async () => ({ headHeight: 4, baseHeight: 1, headBlockId: blockId(3) }),
    ...overrides,
  });
  return { network, transport, clock, log, offences };
}

async function makePair(overrides: Partial<NetworkHandlers> = {}): Promise<[Node, Node]> {
  const a = await makeNode('a');
  const b = await makeNode('b', overrides);
  MemoryTransport.join(a.transport, b.transport);
  return [a, b];
}

describe('Network', () => {
  it('delivers typed messages to the handler of their kind', async () => {
    const [a, b] = await makePair();
    assert.equal(a.network.send('b', CLAIM), true);
    a.network.broadcast({ kind: 'votes', votes: [vote(0)] });
    assert.deepEqual(b.log, ['+a', 'a peerClaim', 'a votes']);
    assert.deepEqual(b.offences, []);
  });

  it('broadcast leaves one peer out, and goes on when a queue is full', async () => {
    const a = await makeNode('a');
    const others = await Promise.all(['b', 'c', 'd'].map((name) => makeNode(name)));
    for (const other of others) MemoryTransport.join(a.transport, other.transport);
    a.network.broadcast(CLAIM, 'c');
    assert.deepEqual(
      others.map(({ log }) => log.length),
      [2, 1, 2],
    );
    a.transport.full = true;
    a.network.broadcast(CLAIM);
    assert.equal(a.network.send('b', CLAIM), false);
  });

  it('answers requests with the type that belongs to them', async () => {
    const [a] = await makePair();
    const blocks = await a.network.request('b', { kind: 'getBlocks', from: 7, count: 1, maxBytes: 100 }, 1_000);
    assert.deepEqual(blocks, { blocks: [{ block: bytesOf(7, 1), commit: commit() }] });
    const txs = await a.network.request(
      'b',
      { kind: 'getTxs', blockId: blockId(1), height: 1, indexes: [0, 2] },
      1_000,
    );
    assert.deepEqual(
      txs.txs.map((tx) => tx?.length),
      [1, 3],
    );
    assert.equal((await a.network.request('b', { kind: 'getStatus' }, 1_000)).headHeight, 4);
  });

  it('a malformed answer rejects and costs the peer points', async () => {
    const [a] = await makePair({ getTxs: async () => ({ txs: [] }) });
    const asked = a.network.request('b', { kind: 'getTxs', blockId: blockId(1), height: 1, indexes: [0] }, 1_000);
    await assert.rejects(asked, { code: 'malformed' });
    assert.deepEqual(a.transport.punished, [{ peer: 'b', points: 34, reason: 'malformed' }]);
  });

  it('malformed frames never reach a handler and are punished', async () => {
    const [a, b] = await makePair();
    a.transport.send('b', 'consensus', Uint8Array.of(2, 1, 2, 3));
    a.transport.send('b', 'consensus', Uint8Array.of(77));
    a.transport.send('b', 'bulk', encodeMessage(CLAIM));
    assert.deepEqual(b.log, ['+a']);
    assert.deepEqual(b.offences, ['malformed', 'unknown_kind', 'unexpected']);
    assert.deepEqual(
      b.transport.punished.map(({ reason }) => reason),
      b.offences,
    );
  });

  it('a malformed request is answered with an error and punished', async () => {
    const [a, b] = await makePair();
    await assert.rejects(a.transport.request('b', Uint8Array.of(1, 2)), { code: 'malformed' });
    assert.deepEqual(b.offences, ['malformed']);
  });

  it('handler-throw-contained: a throwing handler ends nothing, and is told apart from bad bytes', async () => {
    const [a, b] = await makePair({
      votes: () => {
        throw new BizraError('some_code', 'thrown by a handler');
      },
      txs: () => Promise.reject(new TypeError('broken')),
    });
    assert.equal(a.network.send('b', { kind: 'votes', votes: [vote(0)] }), true);
    assert.equal(await b.transport.gossip('tx', encodeTxBatch([bytesOf(3, 1)]), 'a'), 'ignore');
    assert.deepEqual(b.offences, ['own_failure', 'own_failure']);
    a.network.send('b', CLAIM);
    assert.deepEqual(b.log, ['+a', 'a peerClaim']);
  });

  it('gossip: valid batches get the handler verdict, malformed ones are rejected and scored', async () => {
    const verdicts: GossipVerdict[] = ['accept', 'ignore', 'reject'];
    const [, b] = await makePair({ txs: () => verdicts.shift() ?? 'accept' });
    const batch = encodeTxBatch([bytesOf(3, 1)]);
    const got = [];
    for (let i = 0; i < 3; i++) got.push(await b.transport.gossip('tx', batch, 'a'));
    assert.deepEqual(got, ['accept', 'ignore', 'reject']);
    assert.deepEqual(b.transport.punished, []);
    assert.equal(await b.transport.gossip('tx', new Uint8Array(400), 'a'), 'reject');
    assert.equal(await b.transport.gossip('evidence', bytesOf(9, 255), 'a'), 'reject');
    assert.deepEqual(b.offences, ['malformed', 'too_large']);
  });

  it('publishes own transactions in batches and evidence at once', async () => {
    const [a, b] = await makePair();
    assert.equal(a.network.gossipTxs([bytesOf(10, 1)]), 1);
    a.network.gossipTxs([bytesOf(11, 2)]);
    a.network.gossipEvidence([evidence()]);
    a.network.gossipEvidence([]);
    assert.deepEqual(
      a.transport.published.map(({ topic }) => topic),
      ['evidence'],
    );
    a.clock.advance(100);
    assert.equal(a.transport.published.length, 2);
    for (const { topic, bytes } of a.transport.published) await b.transport.gossip(topic, bytes, 'a');
    assert.deepEqual(b.log, ['+a', 'a 1 evidence', 'a 2 txs']);
  });

  it('stop stops the transport and the batches', async () => {
    const [a] = await makePair();
    a.network.gossipTxs([bytesOf(10, 1)]);
    await a.network.stop();
    a.clock.advance(1_000);
    assert.equal(a.transport.stopped, true);
    assert.equal(a.transport.published.length, 0);
  });

  it('report applies the table of consequences', async () => {
    const [a] = await makePair();
    a.network.report('b', 'bad_vote_signature');
    a.network.report('b', 'wrong_answer');
    assert.deepEqual(a.transport.punished, [
      { peer: 'b', banMs: 3_600_000, reason: 'bad_vote_signature' },
      { peer: 'b', points: 25, reason: 'wrong_answer' },
    ]);
  });
});

describe('consequences', () => {
  it('every error code has an offence, and none of ours bans a peer for what we did', () => {
    const expected: Record<NetworkErrorCode, Offence> = {
      malformed: 'malformed',
      too_large: 'too_large',
      unknown_kind: 'unknown_kind',
      unexpected: 'unexpected',
      foreign_chain: 'own_failure',
      timeout: 'no_answer',
      disconnected: 'no_answer',
      overloaded: 'no_answer',
      peer_error: 'no_answer',
      bad_config: 'own_failure',
    };
    for (const [code, offence] of Object.entries(expected)) {
      assert.equal(offenceOf(new NetworkError(code as NetworkErrorCode, 'text')), offence, code);
    }
    assert.equal(offenceOf(new BizraError('bad_encoding', 'from types')), 'malformed');
    assert.equal(offenceOf(new TypeError('our bug')), 'own_failure');
    // R15: a peer has nothing to do with this machine's disk.
    const failure = new MachineError('damaged', 'a record');
    assert.deepEqual([offenceOf(failure), failureOf(failure)], ['machine_fault', 'machine_fault']);
    assert.equal(CONSEQUENCES.machine_fault, 'none');
    assert.equal(failureOf(new TypeError('our bug')), 'own_failure');
  });

  it('three malformed messages in a row are more than a peer can afford; one never is', () => {
    const transport = new MemoryTransport('a');
    for (let i = 0; i < 3; i++) punish(transport, 'b', 'malformed');
    const points = transport.punished.map((punishment) => punishment.points ?? 0);
    assert.ok((points[0] as number) < 100 && points.reduce((sum, value) => sum + value) >= 100);
    for (const consequence of Object.values(CONSEQUENCES)) {
      if (consequence !== 'none' && 'points' in consequence) assert.ok(consequence.points < 100);
    }
  });
});
