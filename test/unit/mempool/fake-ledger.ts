import { createHash } from 'node:crypto';
import type { CheckResult } from '#app/contract.ts';
import type { Decoded, MempoolApp, MempoolTx, TxTerms } from '#mempool/contract.ts';

export interface FakeTx extends MempoolTx, TxTerms {
  /** Sequence for each of `accounts`. */
  readonly sequences: readonly number[];
  readonly badSignature: boolean;
}

interface FakeTxInit {
  readonly accounts: readonly string[];
  readonly sequences: readonly number[];
  readonly fee?: bigint;
  readonly gas?: bigint;
  readonly timeoutHeight?: bigint;
  readonly badSignature?: boolean;
  /** Makes otherwise equal transactions differ; pads. */
  readonly memo?: string;
}

interface Account {
  sequence: number;
  balance: bigint;
}

export const hashTx = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest());

export function encodeFake(init: FakeTxInit): Uint8Array {
  const { accounts, sequences, fee = 100n, gas = 100n, timeoutHeight = 0n, badSignature = false, memo = '' } = init;
  const fields = [accounts.join('+'), sequences.join('+'), fee, gas, timeoutHeight, badSignature, memo];
  return new TextEncoder().encode(fields.join('|'));
}

const result = (code: number, log: string): CheckResult => ({
  code,
  codespace: code === 0 ? '' : 'sdk',
  log,
  gasWanted: 0n,
  gasUsed: 0n,
});

/** A ledger with sequences and balances; the first account pays the fee. Pending effects are kept by account. */
export class FakeLedger implements MempoolApp<FakeTx> {
  readonly head = new Map<string, Account>();
  readonly pending = new Map<string, Account>();
  verifyCalls: number[] = [];
  checks = 0;
  /** Thrown by the next check. */
  fault: Error | undefined;
  forgetPending?: (accounts: readonly string[]) => void;

  constructor(options: { forgetsByAccount: boolean }) {
    if (options.forgetsByAccount) {
      this.forgetPending = (accounts) => {
        for (const account of accounts) this.pending.delete(account);
      };
    }
  }

  fund(account: string, balance: bigint): void {
    this.head.set(account, { sequence: 0, balance });
  }

  decode(bytes: Uint8Array, hash: Uint8Array): Decoded<FakeTx> | { refused: CheckResult } {
    const fields = new TextDecoder().decode(bytes).split('|');
    if (fields.length !== 7) return { refused: result(2, 'tx parse error') };
    const [accounts, sequences, fee, gas, timeoutHeight, badSignature] = fields as [
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    const tx: FakeTx = {
      hash,
      bytes,
      accounts: accounts.split('+'),
      sequences: sequences.split('+').map(Number),
      fee: BigInt(fee),
      gas: BigInt(gas),
      timeoutHeight: BigInt(timeoutHeight),
      badSignature: badSignature === 'true',
    };
    return { tx, terms: tx };
  }

  async verify(txs: readonly FakeTx[]): Promise<readonly CheckResult[]> {
    this.verifyCalls.push(txs.length);
    return txs.map((tx) => (tx.badSignature ? result(4, 'signature verification failed') : result(0, '')));
  }

  check(tx: FakeTx): CheckResult {
    this.checks++;
    if (this.fault !== undefined) {
      const { fault } = this;
      this.fault = undefined;
      throw fault;
    }
    return this.apply(tx, (name) => this.pending.get(name) ?? this.head.get(name), this.pending);
  }

  resetPending(): void {
    this.pending.clear();
  }

  /** Executes on the head, as a block does. */
  execute(tx: FakeTx): CheckResult {
    return this.apply(tx, (name) => this.head.get(name), this.head);
  }

  apply(tx: FakeTx, read: (name: string) => Account | undefined, write: Map<string, Account>): CheckResult {
    const next: [string, Account][] = [];
    for (const [i, name] of tx.accounts.entries()) {
      const account = read(name);
      if (account === undefined) return result(9, `account ${name} not found`);
      const got = tx.sequences[i] as number;
      if (account.sequence !== got) {
        return result(32, `account sequence mismatch, expected ${account.sequence}, got ${got}`);
      }
      const fee = i === 0 ? tx.fee : 0n;
      if (account.balance < fee) return result(5, 'insufficient funds');
      next.push([name, { sequence: account.sequence + 1, balance: account.balance - fee }]);
    }
    for (const [name, account] of next) write.set(name, account);
    return result(0, '');
  }
}
