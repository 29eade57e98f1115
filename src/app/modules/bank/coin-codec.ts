import { malformed, unknownField, type WireReader } from '../../codec/wire-reader.ts';
import { type Coin, parseAmount } from '../../coins.ts';

/** Reads an embedded `Coin{denom=1, amount=2}`. What is left out is refused: an amount has no default spelling. */
export function readCoin(reader: WireReader): Coin {
  reader.countEntry();
  const outer = reader.enter();
  let denom = '';
  let amount: bigint | undefined;
  let last = 0;
  while (reader.more()) {
    const tag = reader.tag(last);
    reader.once(tag, last);
    if (tag === 0x0a) denom = reader.text();
    else if (tag === 0x12) amount = readAmount(reader.text());
    else throw unknownField('cosmos.base.v1beta1.Coin', tag);
    last = tag;
  }
  reader.leave(outer);
  if (amount === undefined) throw malformed('a coin has no amount');
  return { denom, amount };
}

function readAmount(text: string): bigint {
  const amount = parseAmount(text);
  if (amount === undefined) throw malformed(`invalid coin amount ${JSON.stringify(text.slice(0, 100))}`);
  return amount;
}
