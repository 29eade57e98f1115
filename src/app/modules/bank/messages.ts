import type { MessageType } from '../../message.ts';
import { MultiSendType } from './multi-send.ts';
import { type BankParts, SendType } from './send.ts';

export type { BankParts } from './send.ts';

/** Messages of the bank module. */
export function bankMessages(parts: BankParts): readonly MessageType[] {
  return [new SendType(parts) as MessageType, new MultiSendType(parts) as MessageType];
}
