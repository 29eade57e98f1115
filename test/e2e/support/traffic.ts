import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { StargateClient } from '@cosmjs/stargate';
import { encodeBody, sendMessage, signTx } from '#cli/tx-builder.ts';
import { accountAddress, encodeBech32 } from '#crypto/address.ts';
import { sha256 } from '#crypto/hash.ts';
import { secp256k1PublicKey } from '#crypto/secp256k1.ts';
import { toHex } from '#util/bytes.ts';
import { call, type Devnet } from './devnet.ts';

const GAS_LIMIT = 120_000n;
const FUNDS = 1_000_000_000_000n;

interface Account {
  readonly key: { privateKey: Uint8Array; publicKey: Uint8Array; address: Uint8Array };
  readonly text: string;
  accountNumber: bigint;
  sequence: bigint;
  resync: boolean;
}

/** Keys of test accounts: fixed, worthless, the same in every run. */
function makeAccounts(count: number, prefix: string): Account[] {
  return Array.from({ length: count }, (_, index) => {
    const privateKey = sha256(new TextEncoder().encode(`bizra e2e traffic ${index}`));
    const publicKey = secp256k1PublicKey(privateKey);
    const address = accountAddress(publicKey);
    const text = encodeBech32(prefix, address);
    return { key: { privateKey, publicKey, address }, text, accountNumber: 0n, sequence: 0n, resync: true };
  });
}

/** Writes the file for `--genesis-accounts` that funds the traffic's accounts. */
export async function writeTrafficAccounts(path: string, count: number, prefix = 'bizra'): Promise<void> {
  const lines = makeAccounts(count, prefix).map(({ text }) => `${text} ${FUNDS}`);
  await writeFile(path, `${lines.join('\n')}\n`);
}

/**
 * Payments against whichever nodes are up, and a reader of every node's blocks that remembers each transaction that
 * any node reported as committed. Nothing remembered may ever be missing, or stand at another height.
 */
export class Traffic {
  readonly reported = new Map<string, number>();
  readonly conflicts: string[] = [];
  accepted = 0;
  private readonly net: Devnet;
  private readonly accounts: Account[];
  private readonly paceMs: number;
  private readonly readHeights: number[];
  private running = true;
  private readonly workers: Promise<void>[];

  constructor(net: Devnet, options: { readonly accounts: number; readonly paceMs: number }) {
    this.net = net;
    this.accounts = makeAccounts(options.accounts, net.ready.prefix);
    this.paceMs = options.paceMs;
    this.readHeights = net.nodes.map(() => 0);
    this.workers = [
      ...this.accounts.map((account, index) => this.pay(account, index)),
      ...net.nodes.map((_, index) => this.read(index)),
    ];
  }

  async stop(): Promise<void> {
    this.running = false;
    await Promise.all(this.workers);
  }

  /** Every transaction that was reported as committed is on every node, at the height that was reported. */
  async assertNothingLost(): Promise<void> {
    assert.ok(this.reported.size > 0, 'traffic was committed');
    assert.deepEqual(this.conflicts, []);
    for (const { rpc, moniker } of this.net.nodes) {
      for (const [hash, height] of this.reported) {
        const found = await call<{ height: string }>(rpc, 'tx', { hash: Buffer.from(hash, 'hex').toString('base64') });
        assert.equal(Number(found.height), height, `${moniker} has ${hash} at another height`);
      }
    }
  }

  private async pay(account: Account, index: number): Promise<void> {
    const to = this.accounts[(index + 1) % this.accounts.length]?.text ?? account.text;
    for (let turn = index; this.running; turn++) {
      const node = this.net.node(turn % this.net.nodes.length);
      try {
        if (account.resync) await this.resync(account, node.rpc);
        await this.payOnce(account, to, node.rpc);
      } catch {
        // The node is down, as this test wants it to be: the next turn asks another.
        account.resync = true;
      }
      await new Promise((resolve) => setTimeout(resolve, this.paceMs));
    }
  }

  private async payOnce(account: Account, to: string, rpc: string): Promise<void> {
    const { chain_id: chainId, denom } = this.net.ready;
    const { accountNumber, sequence } = account;
    const content = {
      messages: [sendMessage(account.text, to, [{ denom, amount: '1' }])],
      fee: [{ denom, amount: '5000' }],
      gasLimit: GAS_LIMIT,
    };
    const tx = signTx(account.key, { chainId, accountNumber, sequence }, content, encodeBody(content));
    const { code } = await call<{ code: number }>(rpc, 'broadcast_tx_sync', { tx: Buffer.from(tx).toString('base64') });
    if (code === 0) {
      account.sequence++;
      this.accepted++;
    } else account.resync = true;
  }

  private async resync(account: Account, rpc: string): Promise<void> {
    const client = await StargateClient.connect(rpc);
    try {
      const { accountNumber, sequence } = await client.getSequence(account.text);
      account.accountNumber = BigInt(accountNumber);
      account.sequence = BigInt(sequence);
      account.resync = false;
    } finally {
      client.disconnect();
    }
  }

  private async read(index: number): Promise<void> {
    while (this.running) {
      await this.readNew(index).catch(() => {
        // Down: go on where it stopped once it is back.
      });
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  private async readNew(index: number): Promise<void> {
    const { rpc } = this.net.node(index);
    const status = await call<{ sync_info: { latest_block_height: string } }>(rpc, 'status');
    const head = Number(status.sync_info.latest_block_height);
    for (let height = (this.readHeights[index] ?? 0) + 1; height <= head && this.running; height++) {
      const { block } = await call<{ block: { data: { txs: string[] } } }>(rpc, 'block', { height: String(height) });
      for (const tx of block.data.txs) this.remember(toHex(sha256(Buffer.from(tx, 'base64'))), height);
      this.readHeights[index] = height;
    }
  }

  private remember(hash: string, height: number): void {
    const known = this.reported.get(hash);
    if (known !== undefined && known !== height)
      this.conflicts.push(`${hash} was reported at ${known} and at ${height}`);
    this.reported.set(hash, height);
  }
}
