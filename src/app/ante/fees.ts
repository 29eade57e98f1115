import type { Address } from '../address.ts';
import { areCanonical, type Coin, formatCoin, formatCoins } from '../coins.ts';
import type { TxContext } from '../context.ts';
import { Refusal, SDK_ERRORS } from '../errors.ts';
import { attribute } from '../events.ts';
import { WRITE_BYTE_GAS, WRITE_FLAT_GAS } from '../gas.ts';
import { type GasPrice, requiredFee } from '../gas-price.ts';
import type { Account } from '../modules/auth/account.ts';
import type { AuthState } from '../modules/auth/state.ts';
import { type BankState, balanceKey } from '../modules/bank/state.ts';
import type { Transfers } from '../modules/bank/transfers.ts';
import type { DecodedTx } from '../tx.ts';

export interface FeeParts {
  readonly auth: AuthState;
  readonly bank: BankState;
  readonly transfers: Transfers;
  readonly feeCollector: Address;
  readonly baseDenom: string;
  /** What this node asks for before it takes a transaction into its mempool. */
  readonly minGasPrice: GasPrice | undefined;
}

/** Digits that a fee can add to the collector's balance: what a simulation without a fee assumes. */
const ASSUMED_FEE_DIGITS = 20;

/** Moves the fee to the collector. Returns the payer's account, which must exist. */
export function deductFee(parts: FeeParts, context: TxContext, tx: DecodedTx): Account {
  const { mode } = context;
  if (mode !== 'simulate' && tx.gasWanted === 0n) {
    throw new Refusal(SDK_ERRORS.invalidGasLimit, 'must provide positive gas');
  }
  if ((mode === 'check' || mode === 'recheck') && parts.minGasPrice !== undefined) {
    checkOffer(parts.minGasPrice, tx);
  }
  if (tx.fee !== undefined && tx.fee.granter !== '') {
    throw new Refusal(SDK_ERRORS.invalidRequest, 'fee grants are not enabled');
  }
  const payer = feePayer(tx);
  const account = parts.auth.getAccount(context, payer);
  if (account === undefined) {
    throw new Refusal(SDK_ERRORS.unknownAddress, `fee payer address: ${payer.text} does not exist`);
  }
  payFee(parts, context, payer, tx.feeAmount);
  return account;
}

/** The first signer, unless the transaction names another one; form and count were checked. */
export function feePayer(tx: DecodedTx): Address {
  return (tx.fee?.payer ?? tx.signers[0]) as Address;
}

function payFee(parts: FeeParts, context: TxContext, payer: Address, amount: readonly Coin[]): void {
  // Wallets spell "no fee" as an empty list or as coins of zero.
  const isZero = amount.every((coin) => coin.amount === 0n);
  if (!isZero) {
    if (!areCanonical(amount)) {
      throw new Refusal(SDK_ERRORS.insufficientFee, `invalid fee amount: ${formatCoins(amount)}`);
    }
    moveFee(parts, context, payer, amount);
  } else if (context.mode === 'simulate') chargeAssumedFee(parts, context, payer);
  if (context.recordsEvents) {
    const fee = isZero ? '' : formatCoins(amount);
    context.emit('tx', [attribute('fee', fee), attribute('fee_payer', payer.text)]);
  }
}

function moveFee(parts: FeeParts, context: TxContext, payer: Address, amount: readonly Coin[]): void {
  try {
    parts.transfers.sendToModule(context, payer, parts.feeCollector, amount);
  } catch (error) {
    if (!(error instanceof Refusal) || error.registered !== SDK_ERRORS.insufficientFunds) throw error;
    // The SDK wraps the bank's error once more.
    throw new Refusal(SDK_ERRORS.insufficientFunds, error.log);
  }
}

/** Wallets simulate without a fee and then pay one: its gas must be in the estimate (design 6). */
function chargeAssumedFee(parts: FeeParts, context: TxContext, payer: Address): void {
  for (const address of [payer, parts.feeCollector]) {
    const digits = parts.bank.getBalance(context, address, parts.baseDenom).toString().length;
    const length = balanceKey(address, parts.baseDenom).length + Math.max(digits, ASSUMED_FEE_DIGITS) + 1;
    context.gas.consume(WRITE_FLAT_GAS + WRITE_BYTE_GAS * length, 'WriteFlat');
  }
}

function checkOffer(price: GasPrice, tx: DecodedTx): void {
  const required = requiredFee(price, tx.gasWanted);
  const offered = tx.feeAmount.find((coin) => coin.denom === required.denom)?.amount ?? 0n;
  if (offered >= required.amount) return;
  throw new Refusal(
    SDK_ERRORS.insufficientFee,
    `insufficient fees; got: ${formatCoins(tx.feeAmount)} required: ${formatCoin(required)}`,
  );
}
