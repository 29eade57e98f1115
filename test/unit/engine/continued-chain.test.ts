import assert from 'node:assert/strict';
import { decodeWalRecord } from '#engine/wal-record.ts';
import { NOTHING_SIGNED, SIGNER_STEP, writeLastSigned } from '#signer/last-signed.ts';
import { Wal } from '#storage/wal.ts';
import { type Genesis, parseGenesis } from '#types/genesis.ts';
import { simGenesis } from '../../sim/chain/genesis.ts';
import { NodeBench } from './bench.ts';

/** The old chain has a log of it, up to its decision, and the key has signed there. */
const HEIGHT = 2;

function newChain(initialHeight: number): Genesis {
  const { text } = simGenesis(1);
  const document = { ...JSON.parse(text), chain_id: 'sim-2', initial_height: String(initialHeight) };
  return parseGenesis(JSON.stringify(document));
}

async function recordsOfOldChain(): Promise<Uint8Array[]> {
  const old = await new NodeBench(1).install();
  await old.start();
  await old.run(20_000, () => old.node.chain.state.height > HEIGHT);
  await old.node.engine.stop();
  const { records } = await Wal.open(old.files, 'wal');
  const begins = (record: Uint8Array, height: number): boolean => {
    const input = decodeWalRecord(record);
    return input.kind === 'newHeight' && input.height === height;
  };
  const first = records.findIndex((record) => begins(record, HEIGHT));
  const end = records.findIndex((record) => begins(record, HEIGHT + 1));
  return records.slice(first, end);
}

/** A home whose genesis file was replaced and whose database was removed; record and log were kept. */
async function continued(initialHeight: number): Promise<NodeBench> {
  const bench = new NodeBench(1);
  Object.assign(bench, { genesis: newChain(initialHeight) });
  await bench.install();
  const wal = await Wal.open(bench.files, 'wal');
  for (const record of await recordsOfOldChain()) await wal.append(record);
  await wal.sync();
  await wal.close();
  await writeLastSigned(bench.files, 'state', { ...NOTHING_SIGNED, height: HEIGHT, step: SIGNER_STEP.precommit });
  bench.deeds.length = 0;
  return bench;
}

describe('a new chain in the home of an old one, whose log and signing record stay', () => {
  it('takes no block of that height out of the old log, and signs nothing where the key has signed', async () => {
    const bench = await continued(HEIGHT);
    await bench.start();
    await bench.run(5_000);
    assert.equal(bench.node.chain.state.height, HEIGHT - 1);
    assert.equal(bench.node.blockStore.block(HEIGHT), undefined);
    assert.ok(!bench.deeds.includes('sign'));
    assert.deepEqual(bench.fatal, []);
    await bench.node.engine.stop();
  });

  it('goes on where it begins above all that the key has signed', async () => {
    const bench = await continued(HEIGHT + 1);
    await bench.start();
    await bench.run(20_000, () => bench.node.chain.state.height > HEIGHT + 1);
    assert.equal(bench.node.blockStore.block(HEIGHT + 1)?.header.chainId, 'sim-2');
    assert.ok(bench.node.chain.state.height > HEIGHT + 1);
    assert.deepEqual(bench.fatal, []);
    await bench.node.engine.stop();
  });
});
