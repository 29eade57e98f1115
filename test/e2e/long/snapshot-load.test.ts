import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { callAdmin } from '#cli/admin-client.ts';
import { encodeBech32 } from '#crypto/address.ts';
import { sha256 } from '#crypto/hash.ts';
import type { SnapshotFields } from '#node/snapshot-commands.ts';
import type { ExportedSnapshot } from '#node/snapshot-export.ts';
import { Devnet } from '../support/devnet.ts';
import { LoadedNetwork } from '../support/loaded-network.ts';
import { ROOT, run } from '../support/process.ts';
import { appHashAt, heightOf, waitForHeight } from '../support/rpc.ts';

/** Beside those that pay; two leaves each. `BIZRA_E2E_ACCOUNTS=500000` gives the million of docs/performance.md. */
const ACCOUNTS = Number(process.env.BIZRA_E2E_ACCOUNTS ?? 20_000);
const PREFIX = 'bizra';
const ADDRESS_BYTES = 20;
const LINES_AT_ONCE = 10_000;
const BLOCKS_BEFORE = 40;
/** The first are killed while the program loads, the last when it is nearly done. */
const KILLS = 6;
const KILL_STEP_MS = 400;
const TIMEOUT_MS = 900_000;

async function addAccounts(file: string): Promise<void> {
  for (let from = 0; from < ACCOUNTS; from += LINES_AT_ONCE) {
    const lines = Array.from({ length: Math.min(LINES_AT_ONCE, ACCOUNTS - from) }, (_, i) => {
      const seed = new TextEncoder().encode(`holder ${from + i}`);
      return `${encodeBech32(PREFIX, sha256(seed).subarray(0, ADDRESS_BYTES))} 1000000\n`;
    });
    await appendFile(file, lines.join(''));
  }
}

function describeGaps(gaps: ReadonlyMap<number, number>): string {
  const sorted = [...gaps.values()].sort((a, b) => a - b);
  const at = (part: number): string => (sorted[Math.ceil(part * sorted.length) - 1] ?? 0).toFixed(0);
  return `${sorted.length} blocks, interval p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, max ${at(1)} ms`;
}

async function killAfter(args: readonly string[], ms: number): Promise<void> {
  const child = spawn(join(ROOT, 'bin', 'bizra-node'), args, { cwd: ROOT, stdio: 'ignore' });
  const gone = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), ms);
  await gone;
  clearTimeout(timer);
}

describe('snapshots of all validators at once, under load', () => {
  let network: LoadedNetwork;

  before(async function () {
    this.timeout(TIMEOUT_MS);
    network = await LoadedNetwork.over(async (file) => {
      await addAccounts(file);
      return Devnet.start('--validators', '4', '--genesis-accounts', file);
    });
  });

  after(async function () {
    this.timeout(60_000);
    await network?.stop();
  });

  it('are made while blocks go on, and are the same', async function () {
    this.timeout(TIMEOUT_MS);
    const { net, traffic } = network;
    await waitForHeight(net.node(0).rpc, 10, TIMEOUT_MS);
    const beforeMs = performance.now();
    await traffic.flows();
    await waitForHeight(net.node(0).rpc, 10 + BLOCKS_BEFORE, TIMEOUT_MS);
    console.log(`      before: ${describeGaps(traffic.blockTimes.gaps(beforeMs))}`);
    const startMs = performance.now();
    const made = await Promise.all(
      net.nodes.map(async ({ home }) => (await callAdmin(home, 'snapshot-create', {})) as SnapshotFields),
    );
    const seconds = (performance.now() - startMs) / 1_000;
    console.log(`      during: ${describeGaps(traffic.blockTimes.gaps(startMs))}`);
    const { leaves, bytes, stored_bytes } = made[0] as SnapshotFields;
    console.log(
      `      ${leaves} leaves in ${seconds.toFixed(1)} s on each of four nodes, ${bytes} bytes, ${stored_bytes} stored`,
    );
    assert.ok(leaves >= 2 * ACCOUNTS);
    const ids = new Map(made.map(({ height, id }) => [height, id]));
    for (const { height, id } of made) assert.equal(id, ids.get(height), `the snapshots at height ${height} differ`);
    await traffic.flows();
  });

  it('are imported by a process that is killed on the way, again and again, and started', async function () {
    this.timeout(TIMEOUT_MS);
    const { net } = network;
    const { home } = net.node(0);
    const file = join(net.directory, 'chain.snapshot');
    await waitForHeight(net.node(0).rpc, (await heightOf(net.node(0).rpc)) + 2);
    const { trust_height, trust_hash } = (await callAdmin(home, 'snapshot-export', {
      output: file,
    })) as ExportedSnapshot;
    const joined = await net.join('imported', 0, async (target) => {
      const trust = ['--trust-height', String(trust_height), '--trust-hash', trust_hash];
      const args = ['snapshot', 'import', file, '--home', target, ...trust];
      for (let kill = 1; kill <= KILLS; kill++) await killAfter(args, kill * KILL_STEP_MS);
      const { code, stderr } = await run(args);
      // The last one that was killed may have been done.
      assert.ok(code === 0 || /a home without data/.test(stderr), stderr);
    });
    const height = (await heightOf(net.node(0).rpc)) + 3;
    await waitForHeight(joined.rpc, height, TIMEOUT_MS);
    assert.equal(await appHashAt(joined.rpc, height), await appHashAt(net.node(0).rpc, height));
    // It has no earlier blocks, of which the others are asked below.
    await network.kill(net.nodes.length - 1);
    net.ready.nodes.pop();
  });

  it('nothing reported is lost, the supply is the same, nobody signed twice', async function () {
    this.timeout(TIMEOUT_MS);
    await network.assertAllIsWell();
  });
});
