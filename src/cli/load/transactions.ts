import { setImmediate as yieldToOthers } from 'node:timers/promises';
import { encodeBody, feeOf, sendMessage, signTx } from '../tx-builder.ts';
import { type Chain, type LoadAccount, TRANSFER_GAS } from './load-accounts.ts';

/** Transactions between two looks at the rest of the program. */
const SIGNED_PER_SLICE = 200;

/**
 * Signs `count` transfers of one base unit, account after account in turn: transaction k is of account
 * k mod accounts. Returns them in base64, as they travel.
 */
export async function signTransfers(
  chain: Chain,
  accounts: readonly LoadAccount[],
  count: number,
  progress: (signed: number) => void,
): Promise<string[]> {
  const fee = feeOf(TRANSFER_GAS, chain.gasPrice);
  const contents = accounts.map(({ address }, index) => {
    const to = accounts[(index + 1) % accounts.length]?.address ?? address;
    const messages = [sendMessage(address, to, [{ denom: chain.denom, amount: '1' }])];
    const content = { messages, fee, gasLimit: TRANSFER_GAS };
    return { content, body: encodeBody(content) };
  });
  const signed: string[] = [];
  for (let index = 0; index < count; index++) {
    const account = accounts[index % accounts.length] as LoadAccount;
    const { content, body } = contents[index % accounts.length] as (typeof contents)[number];
    const sequence = account.sequence + BigInt(Math.floor(index / accounts.length));
    const signer = { chainId: chain.chainId, accountNumber: account.accountNumber, sequence };
    signed.push(Buffer.from(signTx(account.key, signer, content, body)).toString('base64'));
    if (index % SIGNED_PER_SLICE === 0) {
      progress(index);
      await yieldToOthers();
    }
  }
  return signed;
}

/** What one account may spend in a run: its share of the transactions, each with fee and amount. */
export function spendingOf(chain: Chain, accounts: number, count: number): bigint {
  const fee = feeOf(TRANSFER_GAS, chain.gasPrice).reduce((sum, coin) => sum + BigInt(coin.amount), 0n);
  return BigInt(Math.ceil(count / accounts)) * (fee + 1n);
}
