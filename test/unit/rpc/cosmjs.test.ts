import assert from 'node:assert/strict';
import { StargateClient } from '@cosmjs/stargate';
import { Comet38Client, connectComet } from '@cosmjs/tendermint-rpc';
import { RpcServer } from '#rpc/server.ts';
import { txHash } from '#types/block.ts';
import { toHex } from '#util/bytes.ts';
import { RecordedChain } from '../../support/recorded-chain.ts';
import { RecordedNode } from '../../support/recorded-node.ts';

/** Unmodified cosmjs, every method that its CometBFT 0.38 client has. */
describe('cosmjs on the RPC server', () => {
  const chain = new RecordedChain();
  const tx = chain.blocks.get(20)!.block.txs[4]!;
  const hash = txHash(tx);
  let node: RecordedNode;
  let server: RpcServer;
  let client: Comet38Client;

  beforeEach(async () => {
    node = await RecordedNode.create(chain);
    server = new RpcServer({ node }, { port: 0 });
    await server.start();
    client = await Comet38Client.connect(server.url);
  });

  afterEach(async () => {
    client.disconnect();
    await server.stop();
  });

  it('picks the 0.38 client by the version of status', async () => {
    const connected = await connectComet(server.url);
    assert.ok(connected instanceof Comet38Client);
    connected.disconnect();
  });

  it('status, health, abciInfo, abciQuery', async () => {
    const status = await client.status();
    assert.equal(status.syncInfo.latestBlockHeight, 195);
    assert.equal(status.nodeInfo.network, 'bench-1');
    assert.equal(await client.health(), null);
    assert.equal((await client.abciInfo()).lastBlockHeight, 195);
    const answer = await client.abciQuery({ path: '/cosmos.bank.v1beta1.Query/Params', data: new Uint8Array(0) });
    assert.deepEqual([answer.code, answer.height, [...answer.value]], [0, 195, [0x0a, 0x02, 0x10, 0x01]]);
  });

  it('genesis, block, blockchain, blockResults, commit, validators, validatorsAll', async () => {
    assert.equal((await client.genesis()).chainId, 'bench-1');
    const { block, blockId } = await client.block(56);
    assert.equal(block.header.height, 56);
    assert.equal(block.evidence.length, 1);
    assert.equal(toHex(blockId.hash), toHex(chain.blocks.get(56)!.blockId.hash));
    assert.equal((await client.blockchain(80, 90)).blockMetas.length, 11);
    const results = await client.blockResults(20);
    assert.equal(results.results.length, 40);
    assert.equal((await client.blockResults(32)).validatorUpdates[0]?.votingPower, 507n);
    assert.equal((await client.commit(56)).commit.height, 56);
    assert.equal((await client.validators({ height: 56 })).total, 4);
    assert.equal((await client.validatorsAll(90)).validators.length, 3);
  });

  it('tx, txSearch, txSearchAll, blockSearch, blockSearchAll', async () => {
    const found = await client.tx({ hash, prove: true });
    assert.deepEqual([found.height, found.index, found.proof?.proof.total], [20, 4, 40]);
    const byHash = await client.txSearch({ query: `tx.hash='${toHex(hash).toUpperCase()}'`, page: 1 });
    assert.deepEqual([byHash.totalCount, byHash.txs[0]?.height], [1, 20]);
    assert.equal((await client.txSearchAll({ query: 'tx.height=20' })).txs.length, 40);
    assert.equal((await client.blockSearch({ query: 'block.height>=10 AND block.height<13' })).totalCount, 3);
    assert.equal((await client.blockSearchAll({ query: 'mint.amount EXISTS AND block.height<=30' })).totalCount, 30);
  });

  it('broadcastTxSync, broadcastTxAsync, broadcastTxCommit, numUnconfirmedTxs', async () => {
    const sync = await client.broadcastTxSync({ tx });
    assert.deepEqual([sync.code, toHex(sync.hash)], [0, toHex(hash)]);
    assert.equal(toHex((await client.broadcastTxAsync({ tx })).hash), toHex(hash));
    const submit = node.submitTx.bind(node);
    node.submitTx = async (bytes) => {
      node.publishHeight(20);
      return submit(bytes);
    };
    const commit = await client.broadcastTxCommit({ tx });
    assert.deepEqual([commit.height, commit.txResult?.code, commit.checkTx.code], [20, 0, 0]);
    assert.equal((await client.numUnconfirmedTxs()).total, 3);
  });

  // cosmjs's WebSocket client goes on reconnecting after disconnect; mocha's `exit` setting ends it.
  it('subscribeNewBlock, subscribeNewBlockHeader, subscribeTx', async () => {
    const sockets = await Comet38Client.connect(server.url.replace('http', 'ws'));
    const blocks: number[] = [];
    const headers: number[] = [];
    const txs: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const arrived = (_count: number): void => {
      if (blocks.length === 1 && headers.length === 1 && txs.length === 40) resolve();
    };
    const subscriptions = [
      sockets.subscribeNewBlock().subscribe({ next: (block) => arrived(blocks.push(block.header.height)) }),
      sockets.subscribeNewBlockHeader().subscribe({ next: (header) => arrived(headers.push(header.height)) }),
      sockets.subscribeTx().subscribe({ next: (event) => arrived(txs.push(toHex(event.hash))) }),
    ];
    // Subscriptions are requests of their own: the event comes after the server took all three.
    while (server.subscriptionCount < 3) await sockets.health();
    node.publishHeight(20);
    await promise;
    assert.deepEqual([blocks, headers], [[20], [20]]);
    assert.deepEqual(
      txs,
      chain.blocks.get(20)!.block.txs.map((bytes) => toHex(txHash(bytes))),
    );
    for (const subscription of subscriptions) subscription.unsubscribe();
    sockets.disconnect();
  });

  it('StargateClient reads chain id, height, blocks and transactions', async () => {
    const stargate = await StargateClient.connect(server.url);
    assert.equal(await stargate.getChainId(), 'bench-1');
    assert.equal(await stargate.getHeight(), 195);
    assert.equal((await stargate.getBlock(20)).txs.length, 40);
    const found = await stargate.getTx(toHex(hash).toUpperCase());
    assert.deepEqual([found?.height, found?.txIndex, found?.code], [20, 4, 0]);
    const sender = found?.events.flatMap(({ type, attributes }) =>
      attributes.filter(({ key }) => type === 'message' && key === 'sender').map(({ value }) => value),
    )[0];
    const sent = await stargate.searchTx(`message.sender='${sender}' AND message.module='bank'`);
    assert.ok(sent.some(({ hash: other }) => other === toHex(hash).toUpperCase()));
    stargate.disconnect();
  });
});
