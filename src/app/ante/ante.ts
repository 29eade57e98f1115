import type { TxContext } from '../context.ts';
import type { DecodedTx } from '../tx.ts';
import { checkBasics, checkMemo, checkTimeout } from './basic.ts';
import { deductFee, type FeeParts } from './fees.ts';
import { authenticate, type SignatureParts } from './signatures.ts';
import { simulationPadding } from './simulation.ts';

export type AnteParts = FeeParts & SignatureParts;

/**
 * What comes before a transaction's messages, in the SDK's order (wire-formats 8): form, timeout, memo, size gas, fee,
 * keys, signature count and gas, sequences and signatures. Throws a Refusal; whoever calls takes the writes back.
 */
export function runAnte(parts: AnteParts, context: TxContext, tx: DecodedTx): void {
  if (tx.messageFault !== undefined) throw tx.messageFault;
  checkBasics(context, tx);
  checkTimeout(context, tx);
  const params = parts.auth.getParams(context);
  checkMemo(params, tx);
  const padding = context.mode === 'simulate' ? simulationPadding(tx, parts.baseDenom) : 0;
  context.gas.consume(params.txSizeCostPerByte * (tx.bytes.length + padding), 'txSize');
  const payer = deductFee(parts, context, tx);
  authenticate(parts, context, tx, params, payer);
}
