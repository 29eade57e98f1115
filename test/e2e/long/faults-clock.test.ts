import assert from 'node:assert/strict';
import { isNilBlockId } from '#types/block-id.ts';
import { PREVOTE, type Vote } from '#types/vote.ts';
import { toHex } from '#util/bytes.ts';
import { assertReturns } from '../support/checks.ts';
import { type FaultNet, loadedFaultNet, validatorAddressOf } from '../support/fault-net.ts';
import { endure } from '../support/fault-trial.ts';
import type { LoadedNetwork } from '../support/loaded-network.ts';
import { nodeWithClock } from '../support/odd-program.ts';
import { callMany, heightOf } from '../support/rpc.ts';
import { votesInLog } from '../support/vote-audit.ts';

const TRIAL_TIMEOUT_MS = 300_000;
const LASTS_MS = 30_000;
const TEN_MINUTES_MS = 600_000;
/** Between a block's time, which is when most validators precommitted its parent, and now. */
const SANE_MS = 10_000;
const ODD = 3;
const KEPT_PACE = 0.9;
const NANOSECONDS_PER_MILLISECOND = 1_000_000n;

interface HeaderAnswer {
  readonly header: { readonly time: string };
}

describe('four validators under load, one with a wrong clock', () => {
  let network: LoadedNetwork<FaultNet>;

  before(async function () {
    this.timeout(150_000);
    network = await loadedFaultNet();
  });

  after(async function () {
    this.timeout(60_000);
    await network?.stop();
  });

  async function assertSaneTimes(from: number, startMs: number): Promise<void> {
    const { rpc } = network.net.node(0);
    const head = await heightOf(rpc);
    const params = Array.from({ length: head - from + 1 }, (_, index) => ({ height: String(from + index) }));
    const headers = await callMany<HeaderAnswer>(rpc, 'header', params);
    const times = headers.map(({ header }) => Date.parse(header.time));
    for (const [index, time] of times.entries()) {
      assert.ok(index === 0 || time > (times[index - 1] as number), `height ${from + index} is later than the last`);
      assert.ok(time > startMs - SANE_MS && time < Date.now() + SANE_MS, `height ${from + index} has time ${time}`);
    }
  }

  /** Its clock showed: in the times of its votes, or, behind, in its nil for proposals that seem to run ahead (L22). */
  async function assertWasOdd(aheadMs: number, from: number): Promise<void> {
    const { net } = network;
    const address = await validatorAddressOf(net.node(ODD).home);
    const seen = await votesInLog(net.node(0).home);
    const votes = seen.filter((vote) => vote.height > from && toHex(vote.validatorAddress) === address);
    const isOdd = (vote: Vote): boolean => {
      const aheadOfNow = Number(vote.timestamp / NANOSECONDS_PER_MILLISECOND) - Date.now();
      return aheadMs > 0 ? aheadOfNow > aheadMs / 2 : vote.type === PREVOTE && isNilBlockId(vote.blockId);
    };
    assert.ok(votes.some(isOdd), `${votes.length} votes of it are as if its clock were right`);
  }

  for (const [title, aheadMs] of [
    ['ten minutes ahead', TEN_MINUTES_MS],
    ['ten minutes behind', -TEN_MINUTES_MS],
  ] as const) {
    it(`${title}: the chain goes on at its pace, and the times of its blocks are right`, async function () {
      this.timeout(TRIAL_TIMEOUT_MS);
      const { net, traffic } = network;
      const startMs = Date.now();
      const from = await heightOf(net.node(0).rpc);
      await traffic.leave(ODD);
      const pace = await endure(network, {
        title,
        lastsMs: LASTS_MS,
        start: async () => {
          await net.replace(ODD, nodeWithClock(aheadMs));
          await assertReturns(net.node(ODD), net.node(0));
        },
        end: async () => {
          await net.replace(ODD);
          await assertReturns(net.node(ODD), net.node(0));
        },
      });
      traffic.comeBack();
      assert.ok(pace.during >= KEPT_PACE * pace.before, 'one wrong clock of four slows nothing down');
      await assertSaneTimes(from, startMs);
      await assertWasOdd(aheadMs, from);
    });
  }

  it('nothing reported is lost, the supply is the same, nobody signed twice', async function () {
    this.timeout(600_000);
    await network.assertAllIsWell();
  });
});
