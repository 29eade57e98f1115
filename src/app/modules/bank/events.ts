import type { Address } from '../../address.ts';
import type { TxContext } from '../../context.ts';
import { attribute } from '../../events.ts';

/** Events of the SDK's bank module (wire-formats 7.4). `amount` is text like `10ubizra`. */

export function emitCoinSpent(context: TxContext, spender: Address, amount: string): void {
  context.emit('coin_spent', [attribute('spender', spender.text), attribute('amount', amount)]);
}

export function emitCoinReceived(context: TxContext, receiver: Address, amount: string): void {
  context.emit('coin_received', [attribute('receiver', receiver.text), attribute('amount', amount)]);
}

export function emitTransfer(context: TxContext, recipient: Address, sender: Address, amount: string): void {
  context.emit('transfer', [
    attribute('recipient', recipient.text),
    attribute('sender', sender.text),
    attribute('amount', amount),
  ]);
}

/** A share of a transfer from one to many. */
export function emitTransferTo(context: TxContext, recipient: Address, amount: string): void {
  context.emit('transfer', [attribute('recipient', recipient.text), attribute('amount', amount)]);
}

export function emitSender(context: TxContext, sender: Address): void {
  context.emit('message', [attribute('sender', sender.text)]);
}
