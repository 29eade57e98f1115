import { buildTx, send, type Wallet } from '../../unit/app/support.ts';
import type { Machine } from '../machine/machine.ts';
import type { Chance } from '../time/chance.ts';
import type { Life, Scheduler } from '../time/scheduler.ts';
import { CHAIN_ID } from './genesis.ts';

const NEXT_MS = [20, 400] as const;
/** The ledger's answer to a wrong sequence names the right one. */
const EXPECTED_SEQUENCE = /expected (\d+)/;

/** Clients that send transfers to whichever node is up. */
export class Workload {
  accepted = 0;
  refused = 0;
  private readonly parts: {
    scheduler: Scheduler;
    machines: readonly Machine[];
    chance: Chance;
    wallets: readonly Wallet[];
    fail: (error: unknown) => void;
    onSent: (tx: Uint8Array) => void;
  };
  private readonly life: Life = { alive: true };
  private readonly sequences: bigint[];

  constructor(parts: Workload['parts']) {
    this.parts = parts;
    this.sequences = parts.wallets.map(() => 0n);
  }

  begin(): void {
    const { scheduler, chance } = this.parts;
    scheduler.after(chance.between(...NEXT_MS), this.life, () => {
      this.send().catch(this.parts.fail);
      this.begin();
    });
  }

  private async send(): Promise<void> {
    const { chance, wallets, machines } = this.parts;
    const index = chance.below(wallets.length);
    const from = wallets[index] as Wallet;
    const to = chance.pick(wallets);
    const { node } = chance.pick(machines);
    const sequence = this.sequences[index] as bigint;
    if (node === undefined) return;
    const tx = buildTx({
      chainId: CHAIN_ID,
      messages: [send(from.text, to.text, BigInt(1 + chance.below(1_000)))],
      signers: [{ wallet: from, sequence, accountNumber: BigInt(index) }],
      fee: { amount: [{ denom: 'ubizra', amount: '5000' }] },
    });
    this.parts.onSent(tx);
    const { code, log, refusal } = await node.mempool.admit(tx, 'rpc');
    if (code === 0 && refusal === undefined) {
      this.accepted++;
      this.sequences[index] = sequence + 1n;
    } else {
      this.refused++;
      const expected = EXPECTED_SEQUENCE.exec(log)?.[1];
      if (expected !== undefined) this.sequences[index] = BigInt(expected);
    }
  }
}
