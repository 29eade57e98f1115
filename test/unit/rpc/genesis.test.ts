import assert from 'node:assert/strict';
import { ChainReader } from '#rpc/chain-reader.ts';
import { genesisJson } from '#rpc/json-node.ts';
import { ChainMethods } from '#rpc/methods-chain.ts';
import type { ParamValue } from '#rpc/params.ts';
import type { Genesis } from '#types/genesis.ts';
import { RecordedChain } from '../../support/recorded-chain.ts';
import { RecordedNode } from '../../support/recorded-node.ts';

const CHUNK_BYTES = 16 * 1024 * 1024;

class Rig {
  /** How often the accounts were read. */
  readings = 0;
  readonly genesis: Genesis;
  private readonly methods;

  private constructor(node: RecordedNode, memo: string) {
    const { genesis } = node;
    const count = (): void => void this.readings++;
    this.genesis = Object.defineProperty({ ...genesis }, 'appState', {
      get: () => {
        count();
        return { memo };
      },
    });
    Object.assign(node, { genesis: this.genesis });
    this.methods = new Map(new ChainMethods(node, new ChainReader(node)).entries());
  }

  static async create(memo: string): Promise<Rig> {
    return new Rig(await RecordedNode.create(new RecordedChain()), memo);
  }

  async ask(method: string, ...values: ParamValue[]): Promise<string> {
    return (await this.methods.get(method)?.answer(values)) as string;
  }
}

describe('the genesis document', () => {
  it('is written out once, when somebody first asks', async () => {
    const rig = await Rig.create('for all: \u{1f600}, é, \ud800');
    assert.equal(rig.readings, 0);
    const answer = await rig.ask('genesis');
    for (let i = 0; i < 3; i++) assert.equal(await rig.ask('genesis'), answer);
    const { chunk, total, data } = JSON.parse(await rig.ask('genesis_chunked'));
    await assert.rejects(rig.ask('genesis_chunked', 1), { message: 'there are 0 chunks, 1 is invalid' });
    await assert.rejects(rig.ask('genesis_chunked', -1), { message: 'there are 0 chunks, -1 is invalid' });
    assert.equal(rig.readings, 1);
    const text = JSON.stringify(genesisJson(rig.genesis));
    assert.equal(answer, `{"genesis":${text}}`);
    assert.deepEqual([chunk, total, Buffer.from(data, 'base64').toString()], ['0', '1', text]);
  });

  it('comes in chunks alone when it is large, and all of them together are the whole', async () => {
    const rig = await Rig.create('x'.repeat(CHUNK_BYTES));
    await assert.rejects(rig.ask('genesis'), /genesis response is large/);
    const chunks: Buffer[] = [];
    for (const asked of [0, 1]) {
      const { chunk, total, data } = JSON.parse(await rig.ask('genesis_chunked', asked));
      assert.deepEqual([chunk, total], [String(asked), '2']);
      chunks.push(Buffer.from(data, 'base64'));
    }
    await assert.rejects(rig.ask('genesis_chunked', 2), { message: 'there are 1 chunks, 2 is invalid' });
    assert.equal(rig.readings, 1);
    assert.equal(chunks[0]?.length, CHUNK_BYTES);
    assert.ok(Buffer.concat(chunks).equals(Buffer.from(JSON.stringify(genesisJson(rig.genesis)))));
  });
});
