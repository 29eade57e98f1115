import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '#crypto/hash.ts';
import { skipBecause } from '../../support/skip.ts';
import { Devnet } from '../support/devnet.ts';
import { BUILD_TIMEOUT_MS, cometbftProgram, LightClient } from '../support/go-cometbft.ts';
import { blockHashAt, call, heightOf, waitForHeight } from '../support/rpc.ts';
import { openWallet, signTransfer } from '../support/wallet.ts';

/** Heights that the light client is led through; some of them with payments. */
const HEIGHTS = 40;
const PAYMENTS = 10;
const TRUSTED_HEIGHT = 2;

type Json = Record<string, unknown>;

describe("CometBFT's own light client, written in Go", () => {
  let directory: string;
  let program: string;
  let net: Devnet;
  const payments: { hash: string; height: number }[] = [];

  before(async function () {
    this.timeout(BUILD_TIMEOUT_MS + 240_000);
    const found = await cometbftProgram();
    if (found === undefined) skipBecause(this, 'neither cometbft 0.38.26 nor go is installed');
    program = found;
    directory = await mkdtemp(join(tmpdir(), 'bizra-light-'));
    net = await Devnet.start('--validators', '4');
    await pay();
    await waitForHeight(net.node(0).rpc, HEIGHTS, 120_000);
  });

  after(async function () {
    this.timeout(60_000);
    await net?.stop();
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });

  for (const sequential of [true, false]) {
    it(`follows the devnet header by header, verifying ${sequential ? 'sequentially' : 'by skipping'}`, async function () {
      this.timeout(240_000);
      const light = await start(sequential ? 'sequential' : 'skipping', { sequential });
      try {
        const node = net.node(0).rpc;
        const head = await heightOf(node);
        for (let height = TRUSTED_HEIGHT; height < head; height++) {
          for (const method of ['commit', 'validators', 'block']) await assertSame(light.rpc, node, method, height);
        }
        for (const { hash, height } of payments) await assertServesTx(light.rpc, hash, height);
        // What did not exist when it began is followed as well.
        await waitForHeight(node, head + 3);
        await assertSame(light.rpc, node, 'commit', head + 2);
      } finally {
        await light.stop();
      }
    });
  }

  it('refuses the devnet when it is told to trust another header', async function () {
    this.timeout(120_000);
    const trustedHash = Buffer.from(sha256(new Uint8Array(1)))
      .toString('hex')
      .toUpperCase();
    await assert.rejects(start('misled', { trustedHash }), /expected header's hash/);
  });

  async function start(
    name: string,
    options: { readonly sequential?: boolean; readonly trustedHash?: string },
  ): Promise<LightClient> {
    return LightClient.start({
      program,
      home: join(directory, name),
      chainId: net.ready.chain_id,
      primary: net.node(0).rpc,
      witnesses: [net.node(1).rpc, net.node(2).rpc],
      trustedHeight: TRUSTED_HEIGHT,
      trustedHash: options.trustedHash ?? (await blockHashAt(net.node(3).rpc, TRUSTED_HEIGHT)),
      sequential: options.sequential ?? true,
    });
  }

  /** Payments in different blocks, one after the other. */
  async function pay(): Promise<void> {
    const { rpc } = net.node(0);
    const alice = await openWallet(net.ready, 0, rpc);
    for (let count = 0; count < PAYMENTS; count++) {
      const tx = await signTransfer(alice, net.ready.accounts[1]?.address ?? '', net.ready.denom);
      const answer = await call<{ hash: string; height: string }>(rpc, 'broadcast_tx_commit', {
        tx: Buffer.from(tx).toString('base64'),
      });
      payments.push({ hash: answer.hash, height: Number(answer.height) });
    }
    alice.client.disconnect();
  }
});

async function assertSame(light: string, node: string, method: string, height: number): Promise<void> {
  const params = { height: String(height) };
  const [verified, plain] = await Promise.all([call<Json>(light, method, params), call<Json>(node, method, params)]);
  assert.deepEqual(comparable(verified), comparable(plain), `${method} at height ${height}`);
}

/** Go's client reads an empty list as none and writes it so, and calls every commit canonical. */
function comparable(answer: Json): unknown {
  const text = JSON.stringify(answer, (key, value) => {
    if (key === 'canonical') return undefined;
    return Array.isArray(value) && value.length === 0 ? null : value;
  });
  return JSON.parse(text);
}

async function assertServesTx(light: string, hash: string, height: number): Promise<void> {
  const params = { hash: Buffer.from(hash, 'hex').toString('base64'), prove: true };
  const answer = await call<{ height: string; hash: string; proof: Json }>(light, 'tx', params);
  assert.deepEqual([answer.hash, Number(answer.height)], [hash, height]);
}
