import { setTimeout as delay } from 'node:timers/promises';
import { QueryBalanceRequest, QueryBalanceResponse } from 'cosmjs-types/cosmos/bank/v1beta1/query';
import { sha256 } from '#crypto/hash.ts';
import { concatBytes } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { type AccountKey, addressText, keyOf } from '../account-key.ts';
import { failure } from '../errors.ts';
import { numberAt, textAt } from '../json-shape.ts';
import type { RpcClient } from '../rpc-client.ts';
import { readAccount } from '../submitter.ts';
import { feeOf, sendMessage, signTx } from '../tx-builder.ts';

/** An account that pays during a run. */
export interface LoadAccount {
  readonly key: AccountKey;
  readonly address: string;
  readonly accountNumber: bigint;
  readonly sequence: bigint;
}

export interface Chain {
  readonly client: RpcClient;
  readonly chainId: string;
  readonly prefix: string;
  readonly denom: string;
  readonly gasPrice: string;
}

/** A transfer costs less; simulation of each would double the work. */
export const TRANSFER_GAS = 100_000n;
/** Transfers in one funding transaction: a block takes many such, and its gas stays in any usual limit. */
const FUNDED_PER_TX = 50;
/** Accounts that are asked about at a time. */
const PARALLEL_QUERIES = 16;
const FUNDING_TIMEOUT_MS = 60_000;
const POLL_MS = 50;

/**
 * Keys that follow from the funder's key, so that a later run finds the same accounts with what is left in them, and
 * that are as secret as it is.
 */
export function deriveLoadKeys(funder: AccountKey, count: number): AccountKey[] {
  const label = new TextEncoder().encode('bizra-node load account');
  return Array.from({ length: count }, (_, index) => {
    const number = new TextEncoder().encode(String(index));
    return keyOf(sha256(concatBytes(label, funder.privateKey, number)));
  });
}

async function mapInGroups<T, R>(items: readonly T[], map: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += PARALLEL_QUERIES) {
    results.push(...(await Promise.all(items.slice(start, start + PARALLEL_QUERIES).map(map))));
  }
  return results;
}

async function readBalance(chain: Chain, address: string): Promise<bigint> {
  const request = QueryBalanceRequest.encode({ address, denom: chain.denom }).finish();
  const answer = await chain.client.abciQuery('/cosmos.bank.v1beta1.Query/Balance', request);
  if (answer.code !== 0) throw failure(`the node refused to read a balance: ${answer.log}`);
  return BigInt(QueryBalanceResponse.decode(answer.value).balance?.amount ?? '0');
}

async function broadcast(chain: Chain, tx: Uint8Array): Promise<Uint8Array> {
  const answer = await chain.client.call('broadcast_tx_sync', { tx: Buffer.from(tx).toString('base64') });
  const code = numberAt(answer, 'code');
  if (code !== 0) throw failure(`the node refused to fund the load accounts (code ${code}): ${textAt(answer, 'log')}`);
  return sha256(tx);
}

async function committed(chain: Chain, hash: Uint8Array): Promise<void> {
  const deadline = Date.now() + FUNDING_TIMEOUT_MS;
  for (;;) {
    try {
      const answer = await chain.client.call('tx', { hash: Buffer.from(hash).toString('base64'), prove: false });
      const code = numberAt(answer, 'tx_result.code');
      if (code === 0) return;
      throw failure(`funding the load accounts failed with code ${code}: ${textAt(answer, 'tx_result.log')}`);
    } catch (error) {
      if (!(error instanceof BizraError) || error.code !== 'refused') throw error; // refused: not in a block yet
    }
    if (Date.now() > deadline) throw failure('the transactions that fund the load accounts were not committed in time');
    await delay(POLL_MS);
  }
}

/** Brings every address that holds less than `amount` up to it, in as few transactions as fit. */
async function fund(chain: Chain, funder: AccountKey, addresses: readonly string[], amount: bigint): Promise<void> {
  const balances = await mapInGroups(addresses, (address) => readBalance(chain, address));
  const poor = addresses.filter((_, index) => (balances[index] as bigint) < amount);
  if (poor.length === 0) return;
  const from = addressText(chain.prefix, funder.address);
  const account = await readAccount(chain.client, from);
  const hashes: Uint8Array[] = [];
  for (let start = 0; start < poor.length; start += FUNDED_PER_TX) {
    const receivers = poor.slice(start, start + FUNDED_PER_TX);
    const coins = [{ denom: chain.denom, amount: amount.toString() }];
    const gasLimit = TRANSFER_GAS * BigInt(receivers.length);
    const sequence = account.sequence + BigInt(hashes.length);
    const signer = { chainId: chain.chainId, accountNumber: account.accountNumber, sequence };
    const messages = receivers.map((to) => sendMessage(from, to, coins));
    const content = { messages, fee: feeOf(gasLimit, chain.gasPrice), gasLimit };
    hashes.push(await broadcast(chain, signTx(funder, signer, content)));
  }
  for (const hash of hashes) await committed(chain, hash);
}

/** Accounts with at least `amount` each, funded where they have less, with their numbers and sequences. */
export async function prepareAccounts(
  chain: Chain,
  funder: AccountKey,
  count: number,
  amount: bigint,
): Promise<LoadAccount[]> {
  const keys = deriveLoadKeys(funder, count);
  const addresses = keys.map((key) => addressText(chain.prefix, key.address));
  await fund(chain, funder, addresses, amount);
  return mapInGroups([...keys.entries()], async ([index, key]) => {
    const address = addresses[index] as string;
    const { accountNumber, sequence } = await readAccount(chain.client, address);
    return { key, address, accountNumber, sequence };
  });
}
