import { EMPTY_BYTES } from '#util/bytes.ts';
import { type Address, type AddressBook, type InvalidAddress, isAddress } from '../../address.ts';
import { unknownField, type WireReader } from '../../codec/wire-reader.ts';
import { areCanonical, type Coin, formatCoins } from '../../coins.ts';
import type { TxContext } from '../../context.ts';
import { Refusal, SDK_ERRORS } from '../../errors.ts';
import type { MessageType, Touch } from '../../message.ts';
import { type AuthState, accountKey } from '../auth/state.ts';
import { readCoin } from './coin-codec.ts';
import { type BankState, balanceKey } from './state.ts';
import type { Transfers } from './transfers.ts';

export interface MsgSend {
  readonly from: Address | InvalidAddress;
  readonly to: Address | InvalidAddress;
  readonly amount: readonly Coin[];
}

/** Modules that the bank's messages work with. */
export interface BankParts {
  readonly addresses: AddressBook;
  readonly auth: AuthState;
  readonly bank: BankState;
  readonly transfers: Transfers;
}

const NAME = 'cosmos.bank.v1beta1.MsgSend';

/** One payer, one recipient. */
export class SendType implements MessageType<MsgSend> {
  readonly typeUrl = `/${NAME}`;
  readonly responseTypeUrl = `/${NAME}Response`;
  readonly module = 'bank';
  private readonly parts: BankParts;

  constructor(parts: BankParts) {
    this.parts = parts;
  }

  decode(reader: WireReader): MsgSend {
    let from = '';
    let to = '';
    const amount: Coin[] = [];
    let last = 0;
    while (reader.more()) {
      const tag = reader.tag(last);
      if (tag !== 0x1a) reader.once(tag, last);
      if (tag === 0x0a) from = reader.text();
      else if (tag === 0x12) to = reader.text();
      else if (tag === 0x1a) amount.push(readCoin(reader));
      else throw unknownField(NAME, tag);
      last = tag;
    }
    const { addresses } = this.parts;
    return { from: addresses.parse(from), to: addresses.parse(to), amount };
  }

  verify(message: MsgSend): void {
    checkAddress(message.from, 'from');
    checkAddress(message.to, 'to');
    checkCoins(message.amount);
  }

  signers(message: MsgSend): readonly Address[] {
    return [message.from as Address];
  }

  touches(message: MsgSend, touch: Touch): void {
    const { auth, bank } = this.parts;
    const to = message.to as Address;
    touch(auth.accounts, accountKey(to));
    for (const { denom } of message.amount) {
      touch(bank.balances, balanceKey(message.from as Address, denom));
      touch(bank.balances, balanceKey(to, denom));
    }
  }

  execute(context: TxContext, message: MsgSend): Uint8Array {
    const { transfers } = this.parts;
    const to = message.to as Address;
    transfers.checkSendEnabled(context, message.amount);
    transfers.checkRecipient(to);
    transfers.send(context, message.from as Address, to, message.amount);
    return EMPTY_BYTES;
  }
}

/** `role` as in the SDK's text: `invalid from address: ...`. */
export function checkAddress(address: Address | InvalidAddress, role: string): void {
  if (!isAddress(address)) throw new Refusal(SDK_ERRORS.invalidAddress, `invalid ${role} address: ${address.fault}`);
}

/** At least one coin, all canonical. */
export function checkCoins(coins: readonly Coin[]): void {
  if (coins.length === 0 || !areCanonical(coins)) throw new Refusal(SDK_ERRORS.invalidCoins, formatCoins(coins));
}
