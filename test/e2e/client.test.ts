import assert from 'node:assert/strict';
import { BlockIdFlag, Comet38Client, type comet38 } from '@cosmjs/tendermint-rpc';
import { QueryBalanceRequest, QueryBalanceResponse } from 'cosmjs-types/cosmos/bank/v1beta1/query';
import { sha256 } from '#crypto/hash.ts';
import { verifyMerkleProof } from '#crypto/merkle.ts';
import { equalBytes, toHex } from '#util/bytes.ts';
import { Devnet } from './support/devnet.ts';
import { until, waitForHeight } from './support/rpc.ts';
import { openWallet, signTransfer, type Wallet } from './support/wallet.ts';

/** As xstream has it; cosmjs does not export the type. */
interface Stream<T> {
  addListener(listener: { next(value: T): void; error(error: unknown): void; complete(): void }): void;
}

describe('every method of Comet38Client', () => {
  let net: Devnet;
  let client: Comet38Client;
  let socket: Comet38Client | undefined;
  let alice: Wallet;
  let recipient: string;
  /** A committed transfer that the reading methods look for. */
  let paid: { hash: Uint8Array; height: number; tx: Uint8Array };

  before(async function () {
    this.timeout(150_000);
    net = await Devnet.start('--validators', '4');
    client = await Comet38Client.connect(net.node(0).rpc);
    alice = await openWallet(net.ready, 0, net.node(0).rpc);
    recipient = net.ready.accounts[1]?.address ?? '';
    const tx = await transfer();
    const { height, hash, checkTx, txResult } = await client.broadcastTxCommit({ tx });
    assert.deepEqual([checkTx.code, txResult?.code], [0, 0]);
    assert.deepEqual(new Uint8Array(hash), sha256(tx));
    paid = { hash, height, tx };
    await waitForHeight(net.node(0).rpc, height + 1);
  });

  after(async function () {
    this.timeout(60_000);
    client?.disconnect();
    socket?.disconnect();
    alice?.client.disconnect();
    await net?.stop();
  });

  const transfer = (): Promise<Uint8Array> => signTransfer(alice, recipient, net.ready.denom);

  it('abciInfo and status', async () => {
    const info = await client.abciInfo();
    assert.ok((info.lastBlockHeight ?? 0) >= paid.height);
    assert.equal(info.lastBlockAppHash?.length, 32);
    const { nodeInfo, syncInfo, validatorInfo } = await client.status();
    assert.equal(nodeInfo.network, net.ready.chain_id);
    assert.match(nodeInfo.version, /^0\.38\./);
    assert.ok(syncInfo.latestBlockHeight >= paid.height && !syncInfo.catchingUp);
    assert.equal(validatorInfo.address.length, 20);
    assert.ok(validatorInfo.votingPower > 0n);
  });

  it('abciQuery', async () => {
    const { denom } = net.ready;
    const data = QueryBalanceRequest.encode({ address: recipient, denom }).finish();
    const answer = await client.abciQuery({ path: '/cosmos.bank.v1beta1.Query/Balance', data });
    assert.equal(answer.code, 0);
    assert.equal(QueryBalanceResponse.decode(answer.value).balance?.denom, denom);
    const earlier = await client.abciQuery({
      path: '/cosmos.bank.v1beta1.Query/Balance',
      data,
      height: paid.height - 1,
    });
    const amount = (value: Uint8Array): bigint => BigInt(QueryBalanceResponse.decode(value).balance?.amount ?? '0');
    assert.equal(amount(answer.value) - amount(earlier.value), 1n);
  });

  it('block, blockResults, commit, validators and validatorsAll', async () => {
    const { block, blockId } = await client.block(paid.height);
    assert.equal(block.header.height, paid.height);
    assert.ok(block.txs.some((tx) => equalBytes(tx, paid.tx)));
    assert.equal((await client.block()).block.header.chainId, net.ready.chain_id);
    const results = await client.blockResults(paid.height);
    assert.equal(results.results.length, block.txs.length);
    assert.ok(results.results.every(({ code }) => code === 0));
    const { commit, header, canonical } = await client.commit(paid.height);
    assert.deepEqual(commit.blockId.hash, blockId.hash);
    assert.ok(canonical && equalBytes(header.dataHash, block.header.dataHash));
    assert.ok(commit.signatures.filter(({ blockIdFlag }) => blockIdFlag === BlockIdFlag.Commit).length >= 3);
    const page = await client.validators({ height: paid.height, per_page: 3 });
    assert.deepEqual([page.count, page.total], [3, 4]);
    const all = await client.validatorsAll(paid.height);
    assert.equal(all.validators.length, 4);
    assert.ok(all.validators.some(({ address }) => equalBytes(address, header.proposerAddress)));
  });

  it('blockchain, blockSearch and blockSearchAll', async () => {
    const { blockMetas, lastHeight } = await client.blockchain(1, paid.height);
    assert.equal(blockMetas[0]?.header.height, paid.height);
    assert.ok(lastHeight >= paid.height);
    const found = await client.blockSearch({ query: `block.height = ${paid.height}` });
    assert.equal(found.blocks[0]?.block.header.height, paid.height);
    const all = await client.blockSearchAll({ query: 'block.height >= 1', per_page: 1 });
    assert.equal(all.blocks.length, all.totalCount);
  });

  it('tx with its proof, txSearch and txSearchAll, by sender too', async () => {
    const answer = await client.tx({ hash: paid.hash, prove: true });
    assert.equal(answer.height, paid.height);
    const { block } = await client.block(paid.height);
    assert.ok(answer.proof);
    const { rootHash, proof, data } = answer.proof;
    assert.deepEqual(rootHash, block.header.dataHash);
    assert.deepEqual(new Uint8Array(data), paid.tx);
    // data_hash is the root over the transactions' hashes.
    assert.ok(verifyMerkleProof(rootHash, { ...proof, aunts: [...proof.aunts] }, sha256(paid.tx)));
    assert.ok(!verifyMerkleProof(rootHash, { ...proof, aunts: [...proof.aunts] }, sha256(paid.hash)));
    const query = `message.sender = '${alice.address}'`;
    const bySender = await client.txSearch({ query, prove: true });
    assert.ok(bySender.txs.some(({ hash }) => equalBytes(hash, paid.hash)));
    const all = await client.txSearchAll({ query: `${query} AND tx.height = ${paid.height}`, per_page: 1 });
    assert.equal(all.txs.length, all.totalCount);
    assert.ok(all.txs.some(({ hash }) => equalBytes(hash, paid.hash)));
    await assert.rejects(client.tx({ hash: sha256(paid.hash) }), /not found/);
  });

  it('genesis, health and numUnconfirmedTxs', async () => {
    const genesis = await client.genesis();
    assert.equal(genesis.chainId, net.ready.chain_id);
    assert.ok(genesis.appState !== undefined && 'bank' in genesis.appState);
    assert.deepEqual(await client.health(), null);
    assert.ok((await client.numUnconfirmedTxs()).total >= 0);
  });

  it('broadcastTxSync and broadcastTxAsync', async function () {
    this.timeout(60_000);
    const first = await client.broadcastTxSync({ tx: await transfer() });
    assert.equal(first.code, 0, first.log);
    await committed(first.hash);
    const second = await client.broadcastTxAsync({ tx: await transfer() });
    await committed(second.hash);
  });

  it('subscribeNewBlock, subscribeNewBlockHeader and subscribeTx over one WebSocket', async function () {
    this.timeout(60_000);
    socket = await Comet38Client.connect(net.node(1).rpc.replace('http', 'ws'));
    const blocks = gather<comet38.NewBlockEvent>(socket.subscribeNewBlock());
    const headers = gather<comet38.NewBlockHeaderEvent>(socket.subscribeNewBlockHeader());
    const txs = gather<comet38.TxEvent>(socket.subscribeTx());
    const mine = gather<comet38.TxEvent>(socket.subscribeTx(`message.sender = '${alice.address}'`));
    const nobodys = gather<comet38.TxEvent>(socket.subscribeTx("message.sender = 'nobody'"));
    // A subscription stands once its first event is here.
    await until('blocks and headers come', async () => blocks.length > 0 && headers.length > 0);
    const tx = await transfer();
    const { hash } = await client.broadcastTxSync({ tx });
    await until('both subscriptions see it', async () =>
      [txs, mine].every((events) => events.some((event) => equalBytes(event.hash, hash))),
    );
    const event = txs.find((candidate) => equalBytes(candidate.hash, hash));
    assert.ok(event !== undefined && equalBytes(event.tx, tx) && event.result.code === 0);
    assert.deepEqual(nobodys, []);
    await until('its block is seen', async () =>
      blocks.some(
        ({ header, txs: inBlock }) => header.height === event.height && inBlock.some((one) => equalBytes(one, tx)),
      ),
    );
    await until('its header is seen', async () => headers.some(({ height }) => height === event.height));
    const heights = blocks.map(({ header }) => header.height);
    assert.deepEqual(
      heights,
      heights.map((_, index) => (heights[0] ?? 0) + index),
      'every block once, in order',
    );
  });

  async function committed(hash: Uint8Array): Promise<void> {
    await until(`${toHex(hash)} is committed`, async () => (await client.tx({ hash })).result.code === 0);
    const { height } = await client.tx({ hash });
    assert.ok(height > paid.height);
  }

  function gather<T>(stream: Stream<T>): T[] {
    const events: T[] = [];
    stream.addListener({
      next: (event) => void events.push(event),
      error: (error) => assert.fail(String(error)),
      complete: () => {},
    });
    return events;
  }
});
