import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assertAgreement, totalSupply } from './checks.ts';
import { Devnet } from './devnet.ts';
import type { Net } from './net.ts';
import { heightOf, until } from './rpc.ts';
import { Traffic, type TrafficOptions, writeTrafficAccounts } from './traffic.ts';
import { VoteAudit } from './vote-audit.ts';

const ACCOUNTS = 8;
const PACE_MS = 60;
/** What no node of an honest network ever writes. */
const BAD_LOG_LINES = /signed two votes|the signer refused|internal error|could not be handled/;
/** The same where a byzantine validator does sign two votes. */
const BAD_LOG_LINES_ANYWAY = /the signer refused|internal error|could not be handled/;

export const VALIDATORS: readonly number[] = [0, 1, 2, 3];

/** Four validators that are paid on all the time, and what must hold of them whatever happens. */
export class LoadedNetwork<N extends Net = Devnet> {
  readonly net: N;
  readonly traffic: Traffic;
  private readonly supply: string;
  private readonly audit = new VoteAudit();
  private badLogLines = BAD_LOG_LINES;

  private constructor(net: N, traffic: Traffic, supply: string) {
    this.net = net;
    this.traffic = traffic;
    this.supply = supply;
  }

  static start(): Promise<LoadedNetwork> {
    return LoadedNetwork.over((accounts) =>
      Devnet.start('--validators', String(VALIDATORS.length), '--genesis-accounts', accounts),
    );
  }

  /**
   * `open` makes the network; it is given the file of the accounts that pay.
   */
  static async over<N extends Net>(
    open: (accountsFile: string) => Promise<N>,
    pace: Omit<TrafficOptions, 'accounts'> = { paceMs: PACE_MS },
  ): Promise<LoadedNetwork<N>> {
    const directory = await mkdtemp(join(tmpdir(), 'bizra-e2e-'));
    try {
      const file = join(directory, 'accounts');
      await writeTrafficAccounts(file, ACCOUNTS);
      return await LoadedNetwork.load(await open(file), pace);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  private static async load<N extends Net>(net: N, pace: Omit<TrafficOptions, 'accounts'>): Promise<LoadedNetwork<N>> {
    const supply = await totalSupply(net.node(0));
    const traffic = new Traffic(net, { accounts: ACCOUNTS, ...pace });
    const network = new LoadedNetwork(net, traffic, supply);
    try {
      await traffic.flows();
      return network;
    } catch (error) {
      await network.stop().catch(() => {}); // what went wrong first is what is told
      throw error;
    }
  }

  /** A validator that is not among the nodes, and that may sign what it likes: its address in hex. */
  excuse(address: string): void {
    this.audit.excuse(address);
    this.badLogLines = BAD_LOG_LINES_ANYWAY;
  }

  /** SIGKILL to all of them at the same instant; reads the votes in the logs that they leave. */
  async kill(...indexes: number[]): Promise<void> {
    await this.net.kill(...indexes);
    for (const index of indexes) await this.audit.readLog(this.net.node(index).home);
  }

  /** All at once, as a power cut and its end. Resolves when the network has decided more heights. */
  async restartAll(): Promise<void> {
    await Promise.all(VALIDATORS.map((index) => this.net.restart(index)));
    const { rpc } = this.net.node(0);
    let height = 0;
    await until('node 0 answers', async () => {
      height = await heightOf(rpc);
      return height > 0;
    });
    await this.net.waitForAll(height + 3);
    await this.traffic.flows();
    await assertAgreement(this.net);
  }

  /** Ends the payments. Nothing reported is lost, the supply is what it was, nobody signed twice. */
  async assertAllIsWell(): Promise<void> {
    const { net, traffic, audit } = this;
    await traffic.stop();
    const heights = await Promise.all(net.nodes.map(({ rpc }) => heightOf(rpc)));
    await net.waitForAll(Math.max(...heights) + 1);
    await assertAgreement(net);
    await traffic.assertNothingLost();
    for (const node of net.nodes) assert.equal(await totalSupply(node), this.supply);
    for (const { home } of net.nodes) await audit.readLog(home);
    await audit.readCommits(net);
    audit.assertNobodySignedTwice();
    for (const index of net.nodes.keys()) {
      const log = await net.log(index);
      assert.deepEqual(
        log.split('\n').filter((line) => this.badLogLines.test(line)),
        [],
      );
    }
    const height = await heightOf(net.node(0).rpc);
    console.log(`      ${height} heights, ${traffic.committed} payments reported, ${audit.size} votes seen`);
  }

  async stop(): Promise<void> {
    try {
      await this.traffic.stop();
    } finally {
      await this.net.stop();
    }
  }
}
