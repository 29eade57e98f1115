import assert from 'node:assert/strict';
import { assertReturns } from '../support/checks.ts';
import { type FaultNet, loadedFaultNet } from '../support/fault-net.ts';
import type { LoadedNetwork } from '../support/loaded-network.ts';
import { callMany, heightOf, pause } from '../support/rpc.ts';

const WATCHED_MS = 60_000;
/** The kill itself falls into some moment of a height. */
const SETTLES_MS = 2_000;
/** What the network promises at default settings where messages take no time. */
const PROMISED_MS = 1_000;

interface CommitAnswer {
  readonly signed_header: { readonly commit: { readonly round: number } };
}

/** Share `q` of the values is not above it. */
function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

function figures(values: readonly number[]): string {
  return [0.5, 0.95, 1].map((q) => quantile(values, q).toFixed(0)).join('/');
}

/** In which round each height was decided. */
async function roundsOf(rpc: string, heights: readonly number[]): Promise<ReadonlyMap<number, number>> {
  const head = await heightOf(rpc);
  const known = heights.filter((height) => height <= head);
  const params = known.map((height) => ({ height: String(height) }));
  const commits = await callMany<CommitAnswer>(rpc, 'commit', params);
  return new Map(known.map((height, index) => [height, commits[index]?.signed_header.commit.round ?? 0]));
}

describe('a proposer that is dead, at default settings', () => {
  let network: LoadedNetwork<FaultNet>;

  before(async function () {
    this.timeout(150_000);
    network = await loadedFaultNet({ direct: true });
  });

  after(async function () {
    this.timeout(60_000);
    await network?.stop();
  });

  it('costs less than a second each time its turn comes', async function () {
    this.timeout(300_000);
    const { net, traffic } = network;
    const { rpc } = net.node(0);
    await network.kill(3);
    await pause(SETTLES_MS);
    const fromMs = performance.now();
    await pause(WATCHED_MS);
    const gaps = traffic.blockTimes.gaps(fromMs);
    const rounds = await roundsOf(rpc, [...gaps.keys()]);
    const usual = [...gaps].flatMap(([height, gap]) => (rounds.get(height) === 0 ? [gap] : []));
    const delayed = [...gaps].flatMap(([height, gap]) => ((rounds.get(height) ?? 0) > 0 ? [gap] : []));
    const pace = quantile(usual, 0.5);
    const costs = delayed.map((gap) => gap - pace);
    console.log(
      `      milliseconds to a block, p50/p95/max: ${figures(usual)} in round 0 (${usual.length} heights), ` +
        `${figures(delayed)} in later rounds; ${delayed.length} turns of the dead one cost ${figures(costs)}`,
    );
    assert.ok(delayed.length >= 10, 'its turn came');
    assert.ok(quantile(costs, 0.5) < PROMISED_MS, 'the median cost of a turn');
    await net.restart(3);
    await assertReturns(net.node(3), net.node(0));
  });

  it('nothing reported is lost, the supply is the same, nobody signed twice', async function () {
    this.timeout(600_000);
    await network.assertAllIsWell();
  });
});
