import type { Command } from 'commander';
import { decodeBech32 } from '#crypto/address.ts';
import { addressText } from '../account-key.ts';
import { failure, usageError } from '../errors.ts';
import { Keyring } from '../keyring.ts';
import { GAS_PRICE_AMOUNT } from '../network-builder.ts';
import { type HomeOptions, type JsonOptions, type NodeOptions, withHome, withJson, withNode } from '../options.ts';
import { formatPairs, groupDigits, print, safeText } from '../output.ts';
import { type PassphraseOptions, readPassphrase } from '../passphrase.ts';
import { RpcClient } from '../rpc-client.ts';
import { type SubmitResult, submit } from '../submitter.ts';
import type { Terminal } from '../terminal.ts';
import { parseCoin, sendMessage } from '../tx-builder.ts';

interface TxOptions extends HomeOptions, NodeOptions, JsonOptions, PassphraseOptions {
  readonly from: string;
  readonly memo: string;
  readonly gas: string;
  readonly gasPrice?: string;
  readonly timeoutHeight?: string;
  readonly wait: boolean;
}

function parseGas(text: string): bigint | undefined {
  if (text === 'auto') return undefined;
  if (/^[1-9]\d{0,18}$/.test(text)) return BigInt(text);
  throw usageError(`--gas ${text.slice(0, 40)} is not accepted; write "auto" or a number`);
}

function prefixOf(address: string): string {
  try {
    return decodeBech32(address).prefix;
  } catch (error) {
    throw usageError(error instanceof Error ? error.message : String(error));
  }
}

function report(terminal: Terminal, options: TxOptions, result: SubmitResult): void {
  const { hash, height, code, log, gasUsed } = result;
  const answer = { hash, height: height ?? null, code, log, gas_used: gasUsed?.toString() ?? null };
  print(terminal, options.json === true, answer, () =>
    formatPairs([
      ['transaction', hash],
      ['height', height === undefined ? 'not waited for' : groupDigits(height)],
      ['result', code === 0 ? 'ok' : `failed, code ${code}: ${safeText(log, 500)}`],
      ...(gasUsed === undefined ? [] : [['gas used', groupDigits(gasUsed)] as const]),
    ]),
  );
  if (code !== 0) throw failure(`transaction ${hash} was committed and failed with code ${code}`);
}

async function send(terminal: Terminal, to: string, amount: string, options: TxOptions): Promise<void> {
  const coins = amount.split(',').map(parseCoin);
  const gasLimit = parseGas(options.gas);
  const prefix = prefixOf(to);
  const client = new RpcClient(options.node);
  const key = await new Keyring(options.home).unlock(options.from, () =>
    readPassphrase(terminal, options.from, options),
  );
  const message = sendMessage(addressText(prefix, key.address), to, coins);
  const result = await submit(client, key, [message], {
    prefix,
    memo: options.memo,
    gasPrice: options.gasPrice ?? GAS_PRICE_AMOUNT + (coins[0]?.denom ?? ''),
    waitForCommit: options.wait,
    ...(gasLimit === undefined ? {} : { gasLimit }),
    ...(options.timeoutHeight === undefined ? {} : { timeoutHeight: BigInt(options.timeoutHeight) }),
  });
  report(terminal, options, result);
}

/** Options of every command that signs a transaction. */
function withTx(command: Command, terminal: Terminal): Command {
  return withJson(withNode(withHome(command, terminal), terminal))
    .requiredOption('--from <key>', 'key that pays and signs')
    .option('--memo <text>', 'note for the receiver', '')
    .option('--gas <n>', '"auto" tries the transaction first', 'auto')
    .option(
      '--gas-price <price>',
      `price of one unit of gas (default: ${GAS_PRICE_AMOUNT} of the amount's denomination)`,
    )
    .option('--timeout-height <n>', 'refused after this height')
    .option('--no-wait', 'return when a node has taken it, before it is in a block')
    .option('--passphrase-file <file>', 'file with the passphrase (or BIZRA_PASSPHRASE, BIZRA_PASSPHRASE_FILE)');
}

export function registerTx(program: Command, terminal: Terminal): void {
  const group = program.command('tx').description('sign a transaction and bring it to the chain');
  withTx(group.command('send'), terminal)
    .argument('<to>', 'address of the receiver')
    .argument('<amount>', 'such as 1000ubizra')
    .description('send money')
    .action((to: string, amount: string, options: TxOptions) => send(terminal, to, amount, options));
}
