import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { QUIET_HEIGHTS } from '#engine/look-back.ts';
import type { WrittenBackup } from '#node/backup.ts';
import { assertAgreement, assertReturns } from '../support/checks.ts';
import { LoadedNetwork } from '../support/loaded-network.ts';
import { type Outcome, run } from '../support/process.ts';
import { heightOf } from '../support/rpc.ts';

/** Backups in a row: the chain goes on beside each of them. */
const BACKUPS = 4;
/** The validator that loses its data. */
const VICTIM = 3;

function succeeded({ code, stdout, stderr }: Outcome): string {
  assert.equal(code, 0, stderr);
  return stdout;
}

describe('a backup that is taken under load', () => {
  let network: LoadedNetwork;
  let directory: string;
  const backups: WrittenBackup[] = [];

  before(async function () {
    this.timeout(150_000);
    network = await LoadedNetwork.start();
    directory = join(network.net.directory, 'backups/');
  });

  after(async function () {
    this.timeout(60_000);
    await network?.stop();
  });

  const backUp = async (index: number): Promise<WrittenBackup> =>
    JSON.parse(
      succeeded(await run(['backup', '--home', network.net.node(index).home, '--output', directory, '--json'])),
    );

  it('is of one height each, and blocks come meanwhile', async function () {
    this.timeout(120_000);
    const { net, traffic } = network;
    for (let i = 0; i < BACKUPS; i++) {
      const before = await heightOf(net.node(0).rpc);
      backups.push(await backUp(0));
      const { height, file } = backups.at(-1) as WrittenBackup;
      assert.ok(height >= before, `height ${height} is the newest`);
      succeeded(await run(['backup', 'verify', file]));
      await net.waitForAll(height + 1);
      await traffic.flows();
    }
    const heights = backups.map(({ height }) => height);
    assert.deepEqual(
      heights,
      heights.toSorted((a, b) => a - b),
    );
    assert.equal(new Set(heights).size, BACKUPS, 'the chain went on between them');
  });

  it('is restored into a new home, whose node catches up and agrees', async function () {
    this.timeout(180_000);
    const { net } = network;
    const { file, height } = backups[0] as WrittenBackup;
    const node = await net.join('restored', 0, async (home) => {
      const restored = JSON.parse(succeeded(await run(['restore', '--home', home, '--input', file, '--json'])));
      assert.equal(restored.height, height);
    });
    await net.waitForAll(await heightOf(net.node(0).rpc));
    await assertAgreement(net);
    assert.ok((await heightOf(node.rpc)) > height);
  });

  it('brings a validator back that lost its data, and with them the record of what it signed', async function () {
    this.timeout(300_000);
    const { net, traffic } = network;
    const { home } = net.node(VICTIM);
    const { file, height } = backups[0] as WrittenBackup;
    await network.kill(VICTIM);
    const diedAt = await heightOf(net.node(0).rpc);
    assert.ok(diedAt > height);
    await rm(join(home, 'data'), { recursive: true });
    succeeded(await run(['restore', '--home', home, '--input', file]));

    const refused = await run(['start', '--home', home]);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /^bizra-node: the signing record .* is missing: .*--recover-signing-record$/m);

    await net.restart(VICTIM, '--recover-signing-record');
    await assertReturns(net.node(VICTIM), net.node(0));
    const log = await net.log(VICTIM);
    assert.match(log, new RegExp(`signs nothing up to this height mutedHeight=${height + QUIET_HEIGHTS}\\b`));
    await traffic.flows();
    await assertAgreement(net);
  });

  it('nothing reported is lost, the supply is the same, nobody signed twice', async function () {
    this.timeout(600_000);
    await network.assertAllIsWell();
  });
});
