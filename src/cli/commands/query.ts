import type { Command } from 'commander';
import { QueryAllBalancesRequest, QueryAllBalancesResponse } from 'cosmjs-types/cosmos/bank/v1beta1/query';
import { fromHex } from '#util/bytes.ts';
import { failure, usageError } from '../errors.ts';
import { at, listAt, numberAt, textAt } from '../json-shape.ts';
import { type JsonOptions, type NodeOptions, wholeNumber, withJson, withNode } from '../options.ts';
import { formatPairs, formatTable, groupDigits, print, safeText } from '../output.ts';
import { RpcClient } from '../rpc-client.ts';
import { readAccount } from '../submitter.ts';
import type { Terminal } from '../terminal.ts';
import { registerProof } from './proof.ts';
import { registerValidators } from './validators.ts';

type QueryOptions = NodeOptions & JsonOptions;

/** Coins of one answer: more denominations than this on one account are not shown. */
const MAX_COINS = 1_000n;

async function account(terminal: Terminal, address: string, options: QueryOptions): Promise<void> {
  const found = await readAccount(new RpcClient(options.node), address);
  const answer = {
    address: found.address,
    account_number: found.accountNumber.toString(),
    sequence: found.sequence.toString(),
    has_public_key: found.pubKey !== undefined,
  };
  print(terminal, options.json === true, answer, () =>
    formatPairs([
      ['address', answer.address],
      ['account number', answer.account_number],
      ['sequence', answer.sequence],
      ['public key', answer.has_public_key ? 'known' : 'not yet (it has signed nothing)'],
    ]),
  );
}

async function balance(terminal: Terminal, address: string, options: QueryOptions): Promise<void> {
  const request = QueryAllBalancesRequest.fromPartial({ address, pagination: { limit: MAX_COINS } });
  const path = '/cosmos.bank.v1beta1.Query/AllBalances';
  const answer = await new RpcClient(options.node).abciQuery(path, QueryAllBalancesRequest.encode(request).finish());
  if (answer.code !== 0) throw failure(`the node refused to read the balance of ${address}: ${answer.log}`);
  const coins = QueryAllBalancesResponse.decode(answer.value).balances;
  const json = { address, height: answer.height, balances: coins.map(({ denom, amount }) => ({ denom, amount })) };
  print(terminal, options.json === true, json, () =>
    coins.length === 0
      ? ['nothing']
      : formatTable(
          ['amount', 'denomination'],
          coins.map(({ amount, denom }) => [groupDigits(amount), denom]),
          [0],
        ),
  );
}

async function tx(terminal: Terminal, hash: string, options: QueryOptions): Promise<void> {
  const hex = hash.replace(/^0x/, '');
  if (!/^[0-9a-fA-F]{64}$/.test(hex)) throw usageError(`"${hash.slice(0, 80)}" is not a hash; 64 hex digits expected`);
  const params = { hash: Buffer.from(fromHex(hex)).toString('base64'), prove: false };
  const answer = await new RpcClient(options.node).call('tx', params);
  const code = numberAt(answer, 'tx_result.code');
  print(terminal, options.json === true, answer, () =>
    formatPairs([
      ['hash', textAt(answer, 'hash')],
      ['height', groupDigits(numberAt(answer, 'height'))],
      ['index', String(at(answer, 'index') ?? 0)],
      ['result', code === 0 ? 'ok' : `failed, code ${code}: ${safeText(textAt(answer, 'tx_result.log'), 500)}`],
      ['gas', `${textAt(answer, 'tx_result.gas_used')} used of ${textAt(answer, 'tx_result.gas_wanted')}`],
      ['size', `${Buffer.from(textAt(answer, 'tx'), 'base64').length} bytes`],
    ]),
  );
}

async function block(terminal: Terminal, height: number | undefined, options: QueryOptions): Promise<void> {
  const params: Record<string, string> = height === undefined ? {} : { height: String(height) };
  const answer = await new RpcClient(options.node).call('block', params);
  const header = (name: string): string => textAt(answer, `block.header.${name}`);
  print(terminal, options.json === true, answer, () =>
    formatPairs([
      ['height', groupDigits(numberAt(answer, 'block.header.height'))],
      ['hash', textAt(answer, 'block_id.hash')],
      ['time', header('time')],
      ['proposer', header('proposer_address')],
      ['transactions', groupDigits(listAt(answer, 'block.data.txs').length)],
      ['app hash before', header('app_hash')],
      ['last commit round', String(at(answer, 'block.last_commit.round') ?? 0)],
    ]),
  );
}

export function registerQuery(program: Command, terminal: Terminal): void {
  const group = program.command('query').description('read the chain through a node');
  const command = (usage: string, description: string): Command =>
    withJson(withNode(group.command(usage), terminal)).description(description);
  command('account <address>', 'number and sequence of an account').action((address: string, options: QueryOptions) =>
    account(terminal, address, options),
  );
  command('balance <address>', 'money of an account').action((address: string, options: QueryOptions) =>
    balance(terminal, address, options),
  );
  registerValidators(group, terminal);
  command('tx <hash>', 'one transaction').action((hash: string, options: QueryOptions) => tx(terminal, hash, options));
  withJson(withNode(group.command('block'), terminal))
    .argument('[height]', 'height (default: the newest)', wholeNumber('height', 1, Number.MAX_SAFE_INTEGER))
    .description('one block')
    .action((height: number | undefined, options: QueryOptions) => block(terminal, height, options));
  registerProof(group, terminal);
}
