import type { Command } from 'commander';
import { type AccountKey, addressText, keyOfMnemonic } from '../account-key.ts';
import { chainPrefix } from '../chain-prefix.ts';
import { failure, usageError } from '../errors.ts';
import { DEFAULT_DENOM } from '../genesis-builder.ts';
import { Keyring } from '../keyring.ts';
import { runLoad } from '../load/engine.ts';
import { deriveLoadKeys } from '../load/load-accounts.ts';
import { formatReport } from '../load/load-report.ts';
import { GAS_PRICE_AMOUNT } from '../network-builder.ts';
import { bigNumber, type HomeOptions, type JsonOptions, wholeNumber, withHome, withJson } from '../options.ts';
import { print, safeText } from '../output.ts';
import { type PassphraseOptions, readPassphrase } from '../passphrase.ts';
import { DEFAULT_NODE_URL, parseNodeUrl } from '../rpc-client.ts';
import type { Terminal } from '../terminal.ts';
import { TEST_ACCOUNT_MNEMONICS } from '../test-accounts.ts';

/** So many that no account has to wait for its own last transaction. */
const DEFAULT_ACCOUNTS = 200;
/** Transactions not yet committed, at rate 0: some blocks' worth, well below the mempool's bound. */
const DEFAULT_WINDOW = 8_000;
/** CometBFT's bound on a batch, so that any node takes it. */
const DEFAULT_BATCH = 10;
const DEFAULT_CONNECTIONS = 4;
/** Signed ahead at rate 0: some 100 MB. */
const DEFAULT_MAX_TRANSACTIONS = 200_000;

interface LoadCommandOptions extends HomeOptions, JsonOptions, PassphraseOptions {
  readonly rate: number;
  readonly duration: number;
  readonly node?: readonly string[];
  readonly accounts: number;
  readonly from?: string;
  readonly prefix?: string;
  readonly denom: string;
  readonly gasPrice?: string;
  readonly pids?: string;
  readonly window: number;
  readonly batch: number;
  readonly connections: number;
  readonly maxTxs: number;
  readonly printAccounts?: bigint;
}

function collect(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), ...value.split(',')];
}

function parsePids(text: string | undefined): number[] {
  if (text === undefined) return [];
  return text.split(',').map((part) => {
    const pid = Number(part);
    if (Number.isSafeInteger(pid) && pid > 0) return pid;
    throw usageError(`--pids ${safeText(text)} is not accepted; write process ids with commas between`);
  });
}

/** The key that pays: `--from` of the keyring, or a devnet's first public account. */
async function funderOf(terminal: Terminal, options: LoadCommandOptions): Promise<AccountKey> {
  const { from } = options;
  if (from === undefined) return keyOfMnemonic(TEST_ACCOUNT_MNEMONICS[0]?.[1] ?? '');
  return new Keyring(options.home).unlock(from, () => readPassphrase(terminal, from, options));
}

async function load(terminal: Terminal, options: LoadCommandOptions): Promise<void> {
  const prefix = await chainPrefix(options.home, options.prefix);
  const funder = await funderOf(terminal, options);
  if (options.printAccounts !== undefined) {
    for (const key of deriveLoadKeys(funder, options.accounts)) {
      terminal.line(`${addressText(prefix, key.address)} ${options.printAccounts}`);
    }
    return;
  }
  const report = await runLoad({
    nodes: (options.node ?? [DEFAULT_NODE_URL]).map(parseNodeUrl),
    rate: options.rate,
    durationSeconds: options.duration,
    accounts: options.accounts,
    funder,
    prefix,
    denom: options.denom,
    gasPrice: options.gasPrice ?? GAS_PRICE_AMOUNT + options.denom,
    pids: parsePids(options.pids),
    window: options.window,
    batchSize: options.batch,
    connectionsPerNode: options.connections,
    maxTransactions: options.maxTxs,
    progress: (text) => terminal.progress(text),
  });
  terminal.progress('');
  print(terminal, options.json === true, report, () => formatReport(report));
  if (report.committed === 0) throw failure('nothing was committed');
}

export function registerLoad(program: Command, terminal: Terminal): void {
  const count = (flag: string, min: number, max: number) => wholeNumber(flag, min, max);
  withJson(withHome(program.command('load'), terminal))
    .description('sign transfers ahead of time, send them to all nodes, and measure')
    .requiredOption(
      '--rate <n>',
      'transactions a second; 0 sends as fast as they are taken',
      count('--rate', 0, 1_000_000),
    )
    .requiredOption('--duration <seconds>', 'how long to send', count('--duration', 1, 86_400))
    .option('--node <url>', `RPC address; give it once for each node (default: ${DEFAULT_NODE_URL})`, collect)
    .option('--accounts <n>', 'accounts that pay in turn', count('--accounts', 2, 100_000), DEFAULT_ACCOUNTS)
    .option('--from <key>', 'key that funds them where needed (default: the first public account of a devnet)')
    .option('--prefix <prefix>', 'prefix of addresses (default: that of the genesis file in the home, or bizra)')
    .option('--denom <denom>', 'denomination', DEFAULT_DENOM)
    .option('--gas-price <price>', `price of one unit of gas (default: ${GAS_PRICE_AMOUNT} of the denomination)`)
    .option('--pids <list>', 'process ids of the nodes, to report their CPU and memory')
    .option(
      '--window <n>',
      'at rate 0: transactions that may wait for a block',
      count('--window', 1, 1_000_000),
      DEFAULT_WINDOW,
    )
    .option('--batch <n>', 'transactions in one request', count('--batch', 1, 10_000), DEFAULT_BATCH)
    .option('--connections <n>', 'connections to each node', count('--connections', 1, 1_000), DEFAULT_CONNECTIONS)
    .option(
      '--max-txs <n>',
      'at rate 0: sign no more than this',
      count('--max-txs', 1, 10_000_000),
      DEFAULT_MAX_TRANSACTIONS,
    )
    .option(
      '--print-accounts <amount>',
      'only print "address amount" lines for --genesis-accounts',
      bigNumber('--print-accounts'),
    )
    .option('--passphrase-file <file>', 'file with the passphrase (or BIZRA_PASSPHRASE, BIZRA_PASSPHRASE_FILE)')
    .addHelpText(
      'after',
      '\nThe accounts follow from the funding key: a later run finds them with what is left in them.',
    )
    .action((options: LoadCommandOptions) => load(terminal, options));
}
