import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assertAgreement, totalSupply } from './checks.ts';
import { Devnet } from './devnet.ts';
import { heightOf, until } from './rpc.ts';
import { Traffic, writeTrafficAccounts } from './traffic.ts';
import { VoteAudit } from './vote-audit.ts';

const ACCOUNTS = 8;
const PACE_MS = 60;
/** What no node of an honest network ever writes. */
const BAD_LOG_LINES = /signed two votes|the signer refused|internal error|could not be handled/;

export const VALIDATORS: readonly number[] = [0, 1, 2, 3];

/** Four validators that are paid on all the time, and what must hold of them whatever happens. */
export class LoadedNetwork {
  readonly net: Devnet;
  readonly traffic: Traffic;
  private readonly supply: string;
  private readonly audit = new VoteAudit();

  private constructor(net: Devnet, traffic: Traffic, supply: string) {
    this.net = net;
    this.traffic = traffic;
    this.supply = supply;
  }

  static async start(): Promise<LoadedNetwork> {
    const directory = await mkdtemp(join(tmpdir(), 'bizra-e2e-'));
    try {
      const file = join(directory, 'accounts');
      await writeTrafficAccounts(file, ACCOUNTS);
      const net = await Devnet.start('--validators', String(VALIDATORS.length), '--genesis-accounts', file);
      const supply = await totalSupply(net.node(0));
      const traffic = new Traffic(net, { accounts: ACCOUNTS, paceMs: PACE_MS });
      await traffic.flows();
      return new LoadedNetwork(net, traffic, supply);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
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
        log.split('\n').filter((line) => BAD_LOG_LINES.test(line)),
        [],
      );
    }
    const height = await heightOf(net.node(0).rpc);
    console.log(`      ${height} heights, ${traffic.committed} payments reported, ${audit.size} votes seen`);
  }

  async stop(): Promise<void> {
    await this.traffic.stop();
    await this.net.stop();
  }
}
