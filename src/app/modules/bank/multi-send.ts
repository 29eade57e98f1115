import { EMPTY_BYTES } from '#util/bytes.ts';
import type { Address, InvalidAddress } from '../../address.ts';
import { unknownField, type WireReader } from '../../codec/wire-reader.ts';
import { type Coin, canonicalCoins, equalCoins, formatCoins } from '../../coins.ts';
import type { TxContext } from '../../context.ts';
import { BANK_ERRORS, Refusal } from '../../errors.ts';
import type { MessageType, Touch } from '../../message.ts';
import { accountKey } from '../auth/state.ts';
import { readCoin } from './coin-codec.ts';
import { emitSender, emitTransferTo } from './events.ts';
import { type BankParts, checkAddress, checkCoins } from './send.ts';
import { balanceKey } from './state.ts';

/** `Input` or `Output`: an account and what it gives or gets. */
interface Share {
  readonly address: Address | InvalidAddress;
  readonly coins: readonly Coin[];
}

export interface MsgMultiSend {
  readonly inputs: readonly Share[];
  readonly outputs: readonly Share[];
}

const NAME = 'cosmos.bank.v1beta1.MsgMultiSend';

/** One payer, many recipients. */
export class MultiSendType implements MessageType<MsgMultiSend> {
  readonly typeUrl = `/${NAME}`;
  readonly responseTypeUrl = `/${NAME}Response`;
  readonly module = 'bank';
  private readonly parts: BankParts;

  constructor(parts: BankParts) {
    this.parts = parts;
  }

  decode(reader: WireReader): MsgMultiSend {
    const inputs: Share[] = [];
    const outputs: Share[] = [];
    let last = 0;
    while (reader.more()) {
      const tag = reader.tag(last);
      if (tag === 0x0a) inputs.push(this.readShare(reader, 'cosmos.bank.v1beta1.Input'));
      else if (tag === 0x12) outputs.push(this.readShare(reader, 'cosmos.bank.v1beta1.Output'));
      else throw unknownField(NAME, tag);
      last = tag;
    }
    return { inputs, outputs };
  }

  /** All checks come before any write (regression multisend-order). */
  verify({ inputs, outputs }: MsgMultiSend): void {
    const input = inputs[0];
    if (input === undefined) throw new Refusal(BANK_ERRORS.noInputs);
    if (inputs.length > 1) throw new Refusal(BANK_ERRORS.multipleSenders);
    if (outputs.length === 0) throw new Refusal(BANK_ERRORS.noOutputs);
    checkAddress(input.address, 'input');
    checkCoins(input.coins);
    for (const output of outputs) {
      checkAddress(output.address, 'output');
      checkCoins(output.coins);
    }
    const total = canonicalCoins(outputs.flatMap((output) => output.coins));
    if (!equalCoins(input.coins, total)) throw new Refusal(BANK_ERRORS.inputOutputMismatch);
  }

  signers(message: MsgMultiSend): readonly Address[] {
    return message.inputs.map((input) => input.address as Address);
  }

  touches({ inputs, outputs }: MsgMultiSend, touch: Touch): void {
    const { auth, bank } = this.parts;
    for (const { address, coins } of [...inputs, ...outputs]) {
      touch(auth.accounts, accountKey(address as Address));
      for (const { denom } of coins) touch(bank.balances, balanceKey(address as Address, denom));
    }
  }

  execute(context: TxContext, { inputs, outputs }: MsgMultiSend): Uint8Array {
    const { transfers } = this.parts;
    const input = inputs[0] as Share;
    transfers.checkSendEnabled(context, input.coins);
    for (const output of outputs) transfers.checkRecipient(output.address as Address);
    const from = input.address as Address;
    transfers.take(context, from, input.coins, formatCoins(input.coins));
    emitSender(context, from);
    for (const output of outputs) {
      const to = output.address as Address;
      const amount = formatCoins(output.coins);
      transfers.give(context, to, output.coins, amount);
      transfers.ensureAccount(context, to);
      emitTransferTo(context, to, amount);
    }
    return EMPTY_BYTES;
  }

  private readShare(reader: WireReader, name: string): Share {
    reader.countEntry();
    const outer = reader.enter();
    let address = '';
    const coins: Coin[] = [];
    let last = 0;
    while (reader.more()) {
      const tag = reader.tag(last);
      if (tag !== 0x12) reader.once(tag, last);
      if (tag === 0x0a) address = reader.text();
      else if (tag === 0x12) coins.push(readCoin(reader));
      else throw unknownField(name, tag);
      last = tag;
    }
    reader.leave(outer);
    return { address: this.parts.addresses.parse(address), coins };
  }
}
