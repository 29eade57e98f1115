import type { Address } from '../../address.ts';
import { type Coin, formatCoin, formatCoins } from '../../coins.ts';
import type { TxContext } from '../../context.ts';
import { BANK_ERRORS, Refusal, SDK_ERRORS } from '../../errors.ts';
import type { AuthState } from '../auth/state.ts';
import { emitCoinReceived, emitCoinSpent, emitSender, emitTransfer } from './events.ts';
import { type BankState, balanceKey } from './state.ts';

/** Moves coins between accounts. Coins are canonical: who calls has checked them. */
export class Transfers {
  private readonly bank: BankState;
  private readonly auth: AuthState;
  private readonly blocked: ReadonlySet<string>;

  /** `blocked` are the keys of addresses that refuse direct sends. */
  constructor(bank: BankState, auth: AuthState, blocked: ReadonlySet<string>) {
    this.bank = bank;
    this.auth = auth;
    this.blocked = blocked;
  }

  /** Throws `insufficient funds`. A recipient without an account gets one. */
  send(context: TxContext, from: Address, to: Address, coins: readonly Coin[]): void {
    const amount = context.recordsEvents ? formatCoins(coins) : '';
    this.take(context, from, coins, amount);
    this.give(context, to, coins, amount);
    this.ensureAccount(context, to);
    emitMove(context, from, to, amount);
  }

  /** Fees and other moves to a module's account, which always exists. */
  sendToModule(context: TxContext, from: Address, module: Address, coins: readonly Coin[]): void {
    const amount = context.recordsEvents ? formatCoins(coins) : '';
    this.take(context, from, coins, amount);
    this.give(context, module, coins, amount);
    emitMove(context, from, module, amount);
  }

  /** Debits `from`, denomination by denomination. `amount` is the coins' text. */
  take(context: TxContext, from: Address, coins: readonly Coin[], amount: string): void {
    for (const coin of coins) {
      const key = balanceKey(from, coin.denom);
      const balance = this.bank.getAmount(context, key);
      if (balance < coin.amount) {
        const spendable = formatCoin({ denom: coin.denom, amount: balance });
        throw new Refusal(
          SDK_ERRORS.insufficientFunds,
          `spendable balance ${spendable} is smaller than ${formatCoin(coin)}`,
        );
      }
      this.bank.setAmount(context, key, balance - coin.amount);
    }
    if (context.recordsEvents) emitCoinSpent(context, from, amount);
  }

  /** Credits `to`. */
  give(context: TxContext, to: Address, coins: readonly Coin[], amount: string): void {
    for (const coin of coins) {
      const key = balanceKey(to, coin.denom);
      this.bank.setAmount(context, key, this.bank.getAmount(context, key) + coin.amount);
    }
    if (context.recordsEvents) emitCoinReceived(context, to, amount);
  }

  /** Makes an account for an address that was paid for the first time. */
  ensureAccount(context: TxContext, address: Address): void {
    if (this.auth.getAccount(context, address) === undefined) this.auth.createAccount(context, address);
  }

  /** Throws unless every denomination may be sent. */
  checkSendEnabled(context: TxContext, coins: readonly Coin[]): void {
    const { defaultSendEnabled } = this.bank.getParams(context);
    for (const { denom } of coins) {
      if (this.bank.getSendEnabled(context, denom) ?? defaultSendEnabled) continue;
      throw new Refusal(BANK_ERRORS.sendDisabled, `${denom} transfers are currently disabled`);
    }
  }

  /** Throws when `to` belongs to a module. */
  checkRecipient(to: Address): void {
    if (!this.blocked.has(to.key)) return;
    throw new Refusal(SDK_ERRORS.unauthorized, `${to.text} is not allowed to receive funds`);
  }
}

function emitMove(context: TxContext, from: Address, to: Address, amount: string): void {
  if (!context.recordsEvents) return;
  emitTransfer(context, to, from, amount);
  emitSender(context, from);
}
