import assert from 'node:assert/strict';
import { type MerkleProof, merkleProofs, verifyMerkleProof } from '#crypto/merkle.ts';
import { ChainReader } from '#rpc/chain-reader.ts';
import { CommitWaiter } from '#rpc/commit-waiter.ts';
import { blockResultsJson } from '#rpc/json.ts';
import { ChainMethods } from '#rpc/methods-chain.ts';
import { TxMethods } from '#rpc/methods-tx.ts';
import type { ExecutedTx, TxPosition } from '#rpc/node-api.ts';
import type { ParamValue } from '#rpc/params.ts';
import { TxProofs } from '#rpc/tx-proofs.ts';
import { txHash } from '#types/block.ts';
import { parseQuery } from '#types/query.ts';
import { fromHex, toHex } from '#util/bytes.ts';
import { NEVER_PAUSE } from '#util/pause.ts';
import { RecordedChain } from '../../support/recorded-chain.ts';
import { RecordedNode } from '../../support/recorded-node.ts';

/** A block of so many transactions takes the place of the recorded one. */
const HEIGHT = 50;

function transactions(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => Uint8Array.of(i & 0xff, i >> 8, 7));
}

/** The recorded node, with one block that is full, and what was asked of it. */
class Rig {
  readonly node: RecordedNode;
  readonly txs: readonly Uint8Array[];
  readonly asked: string[] = [];
  pauses = 0;
  private readonly methods;

  private constructor(node: RecordedNode, txCount: number) {
    this.node = node;
    this.txs = transactions(txCount);
    const reader = new ChainReader(node);
    const waiter = new CommitWaiter(1000);
    this.methods = new Map([
      ...new TxMethods(node, reader, waiter).entries(),
      ...new ChainMethods(node, reader).entries(),
    ]);
  }

  static async create(txCount: number): Promise<Rig> {
    const node = await RecordedNode.create(new RecordedChain());
    const rig = new Rig(node, txCount);
    await rig.fill();
    return rig;
  }

  async ask(method: string, ...values: ParamValue[]): Promise<string> {
    return (await this.methods.get(method)?.answer(values)) as string;
  }

  private async fill(): Promise<void> {
    const { node, txs, asked } = this;
    const stored = await node.block(HEIGHT);
    const results = await node.results(HEIGHT);
    assert.ok(stored !== undefined && results !== undefined);
    const [first] = await node.searchTxs(parseQuery('tx.height > 0'));
    const { result } = (await node.tx(first as TxPosition)) as ExecutedTx;
    node.block = async (height) => {
      asked.push(`block ${height}`);
      return { ...stored, block: { ...stored.block, txs } };
    };
    node.results = async (height) => {
      asked.push(`results ${height}`);
      return { ...results, height, txResults: txs.map(() => result) };
    };
    node.tx = async ({ height, index }) => {
      asked.push(`tx ${height}/${index}`);
      const tx = txs[index];
      return tx === undefined ? undefined : { tx, result };
    };
    node.searchTxs = async () => txs.map((_, index): TxPosition => ({ height: HEIGHT, index }));
    node.txByHash = async (hash) => {
      const index = txs.findIndex((tx) => toHex(txHash(tx)) === toHex(hash));
      return index < 0 ? undefined : { height: HEIGHT, index };
    };
    node.newPause = () => () => {
      this.pauses += 1;
      return Promise.resolve();
    };
  }
}

describe('answers about single transactions', () => {
  it('read that transaction alone, and its block for a proof', async () => {
    const rig = await Rig.create(3);
    await rig.ask('tx', txHash(rig.txs[1] as Uint8Array), false);
    assert.deepEqual(rig.asked, [`tx ${HEIGHT}/1`]);
    rig.asked.length = 0;
    await rig.ask('tx_search', 'tx.height > 0', false);
    assert.deepEqual(rig.asked, [`tx ${HEIGHT}/0`, `tx ${HEIGHT}/1`, `tx ${HEIGHT}/2`]);
    rig.asked.length = 0;
    await rig.ask('tx', txHash(rig.txs[1] as Uint8Array), true);
    assert.deepEqual(rig.asked, [`tx ${HEIGHT}/1`, `block ${HEIGHT}`]);
  });

  it('hash the block once for all of a page, pausing between its transactions and between those of the page', async () => {
    const rig = await Rig.create(1000);
    const answer = JSON.parse(await rig.ask('tx_search', 'tx.height > 0', true, 2, 10));
    // Hashes of 1,000 leaves and of their pairs, of pairs of pairs and so on.
    assert.ok(rig.pauses >= 2000, `${rig.pauses} pauses`);
    assert.ok(rig.pauses < 2100, `${rig.pauses} pauses`);
    assert.equal(answer.total_count, '1000');
    assert.deepEqual(
      answer.txs.map(({ index }: { index: number }) => index),
      Array.from({ length: 10 }, (_, i) => i + 10),
    );
    for (const { hash, proof } of answer.txs) {
      const { total, index, leaf_hash, aunts } = proof.proof;
      const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));
      const merkle = {
        total: Number(total),
        index: Number(index),
        leafHash: bytes(leaf_hash),
        aunts: aunts.map(bytes),
      };
      assert.ok(verifyMerkleProof(fromHex(proof.root_hash), merkle, fromHex(hash)));
    }
  });

  it('prove every place in blocks of every size as one tree does', async () => {
    for (const count of [1, 2, 3, 4, 5, 7, 8, 9, 33]) {
      const txs = transactions(count);
      const { root, proofs } = merkleProofs(txs.map(txHash));
      const made = new TxProofs();
      for (const [index, expected] of proofs.entries()) {
        const { root: ofOne, proof } = await made.proof(count, txs, index, NEVER_PAUSE);
        assert.deepEqual(ofOne, root);
        assert.deepEqual(proof, expected satisfies MerkleProof);
      }
    }
  });
});

describe('block_results', () => {
  it('is written a transaction at a time, to the same text', async () => {
    for (const count of [0, 1, 300]) {
      const rig = await Rig.create(count);
      const results = await rig.node.results(HEIGHT);
      assert.ok(results !== undefined);
      assert.equal(await rig.ask('block_results', HEIGHT), JSON.stringify(blockResultsJson(results)));
      assert.equal(rig.pauses, count);
    }
  });
});
