import { isAddress } from '../address.ts';
import { formatCoins } from '../coins.ts';
import type { TxContext } from '../context.ts';
import { Refusal, SDK_ERRORS } from '../errors.ts';
import type { AuthParams } from '../modules/auth/params.ts';
import type { DecodedTx } from '../tx.ts';

/** The SDK's gas limits are int64. */
const MAX_GAS_LIMIT = (1n << 63n) - 1n;

/** Checks of form, in the SDK's order; none needs state. A simulation may lack fee, keys and signatures. */
export function checkBasics(context: TxContext, tx: DecodedTx): void {
  const { fee, signatures, signerInfos, signers } = tx;
  const maxGas = context.block.maxGas;
  if (maxGas !== undefined && tx.gasWanted > maxGas) {
    throw new Refusal(SDK_ERRORS.invalidGasLimit, `tx gas limit ${tx.gasWanted} exceeds block max gas ${maxGas}`);
  }
  if (context.mode === 'recheck') return;
  if (fee !== undefined) checkFeeForm(tx);
  if (context.mode === 'simulate') {
    if (signatures.length <= signers.length && signerInfos.length <= signers.length) return;
  } else if (fee === undefined) throw new Refusal(SDK_ERRORS.invalidRequest, 'missing fee');
  if (signatures.length === 0) throw new Refusal(SDK_ERRORS.noSignatures);
  checkCount(signers.length, signatures.length);
  checkCount(signers.length, signerInfos.length);
}

/** The last height at which the transaction may be executed. */
export function checkTimeout(context: TxContext, tx: DecodedTx): void {
  if (tx.timeoutHeight === 0n || BigInt(context.block.height) <= tx.timeoutHeight) return;
  throw new Refusal(
    SDK_ERRORS.timeoutHeight,
    `block height: ${context.block.height}, timeout height: ${tx.timeoutHeight}`,
  );
}

/** The limit is in bytes, though the SDK's text says characters. */
export function checkMemo(params: AuthParams, tx: DecodedTx): void {
  // A UTF-16 unit is at most three bytes of UTF-8: short memos need no count.
  if (tx.memo.length * 3 <= params.maxMemoCharacters) return;
  const length = new TextEncoder().encode(tx.memo).length;
  if (length <= params.maxMemoCharacters) return;
  throw new Refusal(
    SDK_ERRORS.memoTooLarge,
    `maximum number of characters is ${params.maxMemoCharacters} but received ${length} characters`,
  );
}

/** Every signer has one signature and one info, before anything uses them (regression signer-counts). */
function checkCount(expected: number, got: number): void {
  if (expected === got) return;
  throw new Refusal(SDK_ERRORS.unauthorized, `wrong number of signers; expected ${expected}, got ${got}`);
}

function checkFeeForm(tx: DecodedTx): void {
  if (tx.gasWanted > MAX_GAS_LIMIT) {
    throw new Refusal(SDK_ERRORS.invalidRequest, `invalid gas supplied; ${tx.gasWanted} > ${MAX_GAS_LIMIT}`);
  }
  if (tx.feeAmount.some((coin) => coin.amount < 0n)) {
    throw new Refusal(SDK_ERRORS.insufficientFee, `invalid fee provided: ${formatCoins(tx.feeAmount)}`);
  }
  const payer = tx.fee?.payer;
  if (payer !== undefined && !isAddress(payer)) {
    throw new Refusal(SDK_ERRORS.invalidAddress, `invalid fee payer address (${payer.fault})`);
  }
}
