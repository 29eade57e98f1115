import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { RpcClient } from '#cli/rpc-client.ts';
import { readAccount } from '#cli/submitter.ts';
import { encodeBody, sendMessage, signTx } from '#cli/tx-builder.ts';
import { accountAddress, encodeBech32 } from '#crypto/address.ts';
import { sha256 } from '#crypto/hash.ts';
import { secp256k1PublicKey } from '#crypto/secp256k1.ts';
import { toHex } from '#util/bytes.ts';
import { BlockReader } from './block-reader.ts';
import { BlockTimes } from './block-times.ts';
import type { Net } from './net.ts';
import { call, callMany, pause, until } from './rpc.ts';

const GAS_LIMIT = 120_000n;
const FEE_AMOUNT = '5000';
const FUNDS = 1_000_000_000_000n;

interface Account {
  readonly key: { privateKey: Uint8Array; publicKey: Uint8Array; address: Uint8Array };
  readonly text: string;
  /** Undefined: to be read from a node first. */
  next: { readonly accountNumber: bigint; readonly sequence: bigint } | undefined;
  /** Payments that a node took and no node has reported as committed. */
  waiting: { readonly hash: string; readonly sinceMs: number }[];
}

export interface TrafficOptions {
  readonly accounts: number;
  /** Each account pays once in this time, to one node after the other. */
  readonly paceMs: number;
  /** Payments of one account that may wait for a block; then it pays no more. Absent: any number. */
  readonly maxWaiting?: number;
}

/** A payment that waits so long may have been refused after all: the account tries again. */
const WAITING_MS = 10_000;

/** Keys of test accounts: fixed, worthless, the same in every run. */
function makeAccounts(count: number, prefix: string): Account[] {
  return Array.from({ length: count }, (_, index) => {
    const privateKey = sha256(new TextEncoder().encode(`bizra e2e traffic ${index}`));
    const publicKey = secp256k1PublicKey(privateKey);
    const address = accountAddress(publicKey);
    return {
      key: { privateKey, publicKey, address },
      text: encodeBech32(prefix, address),
      next: undefined,
      waiting: [],
    };
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
  /** Payments that a node took. */
  accepted = 0;
  /** When each new height was first reported by any node. */
  readonly blockTimes = new BlockTimes();
  private readonly net: Net;
  private readonly accounts: readonly Account[];
  private readonly options: TrafficOptions;
  private readonly reported = new Map<string, number>();
  private readonly blocks = new Map<number, string>();
  private readonly conflicts: string[] = [];
  private readonly readers: readonly BlockReader[];
  private readonly payers: readonly Promise<void>[];
  private readonly left = new Set<number>();
  /** Payments under way, by node. */
  private readonly underway = new Map<number, number>();
  private running = true;

  constructor(net: Net, options: TrafficOptions) {
    this.net = net;
    this.accounts = makeAccounts(options.accounts, net.ready.prefix);
    this.options = options;
    this.readers = net.nodes.map(({ rpc }) => new BlockReader(rpc, (block) => this.remember(block)));
    this.payers = this.accounts.map((account, index) => this.pay(account, index));
  }

  get committed(): number {
    return this.reported.size;
  }

  /** Stops paying and reading. */
  async stop(): Promise<void> {
    this.running = false;
    await Promise.all([...this.payers, ...this.readers.map((reader) => reader.stop())]);
  }

  /** Payments go on being committed. */
  async flows(count = 20): Promise<void> {
    const target = this.committed + count;
    await until(`${count} more payments are committed`, async () => this.committed >= target);
  }

  /** Pays no more to these nodes, which are about to be silent; resolves when no payment waits for their answer. */
  async leave(...nodes: number[]): Promise<void> {
    for (const node of nodes) this.left.add(node);
    await until('the payments under way are answered', async () =>
      nodes.every((node) => (this.underway.get(node) ?? 0) === 0),
    );
  }

  /** Pays to all nodes again. */
  comeBack(): void {
    this.left.clear();
  }

  /** Every transaction that was reported as committed is on every node, at the height that was reported. */
  async assertNothingLost(): Promise<void> {
    assert.ok(this.reported.size > 0, 'traffic was committed');
    assert.deepEqual(this.conflicts, []);
    const hashes = [...this.reported.keys()];
    const params = hashes.map((hash) => ({ hash: Buffer.from(hash, 'hex').toString('base64') }));
    for (const { rpc, moniker } of this.net.nodes) {
      const found = await callMany<{ height: string }>(rpc, 'tx', params);
      for (const [index, hash] of hashes.entries()) {
        assert.equal(Number(found[index]?.height), this.reported.get(hash), `${moniker} has ${hash} elsewhere`);
      }
    }
  }

  private async pay(account: Account, index: number): Promise<void> {
    const to = this.accounts[(index + 1) % this.accounts.length]?.text ?? account.text;
    for (let turn = index; this.running; turn++) {
      const node = turn % this.net.nodes.length;
      if (this.left.has(node)) continue;
      if (this.isWaiting(account)) {
        await pause(this.options.paceMs);
        continue;
      }
      this.count(node, 1);
      // The node may be down, as these tests want it to be: the next turn asks another, and reads the sequence first.
      account.next = await this.payOnce(account, to, this.net.node(node).rpc).catch(() => undefined);
      this.count(node, -1);
      await pause(this.options.paceMs);
    }
  }

  private isWaiting(account: Account): boolean {
    const oldest = performance.now() - WAITING_MS;
    account.waiting = account.waiting.filter(({ hash, sinceMs }) => sinceMs > oldest && !this.reported.has(hash));
    return account.waiting.length >= (this.options.maxWaiting ?? Number.POSITIVE_INFINITY);
  }

  private count(node: number, change: number): void {
    this.underway.set(node, (this.underway.get(node) ?? 0) + change);
  }

  /** What the account's next payment needs; undefined when the node did not take this one. */
  private async payOnce(account: Account, to: string, rpc: string): Promise<Account['next']> {
    const { chain_id: chainId, denom } = this.net.ready;
    const { accountNumber, sequence } = account.next ?? (await readAccount(new RpcClient(rpc), account.text));
    const content = {
      messages: [sendMessage(account.text, to, [{ denom, amount: '1' }])],
      fee: [{ denom, amount: FEE_AMOUNT }],
      gasLimit: GAS_LIMIT,
    };
    const tx = signTx(account.key, { chainId, accountNumber, sequence }, content, encodeBody(content));
    const { code } = await call<{ code: number }>(rpc, 'broadcast_tx_sync', { tx: Buffer.from(tx).toString('base64') });
    if (code !== 0) return undefined;
    this.accepted++;
    account.waiting.push({ hash: toHex(sha256(tx)), sinceMs: performance.now() });
    return { accountNumber, sequence: sequence + 1n };
  }

  private remember({ height, hash, txs }: { height: number; hash: string; txs: readonly string[] }): void {
    const known = this.blocks.get(height);
    if (known !== undefined && known !== hash) this.conflicts.push(`two blocks at height ${height}`);
    if (known !== undefined) return;
    this.blocks.set(height, hash);
    this.blockTimes.add(height, performance.now());
    for (const tx of txs) {
      const txHash = toHex(sha256(Buffer.from(tx, 'base64')));
      if (this.reported.has(txHash)) this.conflicts.push(`${txHash} is in two blocks`);
      this.reported.set(txHash, height);
    }
  }
}
