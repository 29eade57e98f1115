import { Command, CommanderError } from 'commander';
import { messageOf, usageError } from '#cli/errors.ts';
import { DEFAULT_DENOM, DEFAULT_PREFIX } from '#cli/genesis-builder.ts';
import { wholeNumber } from '#cli/options.ts';

/** Four validators survive the loss of one: the smallest network that shows what consensus is for. */
const DEFAULT_VALIDATORS = 4;
const MAX_NODES = 100;
const DEFAULT_BASE_PORT = 26_656;
/** Ports are ten apart, and every node needs four of them below 65,536. */
const MAX_BASE_PORT = 65_000;

export interface DevnetOptions {
  readonly validators: number;
  readonly fullNodes: number;
  /** Absent: a directory under `.devnet` that nobody uses. */
  readonly output?: string;
  /** 0 takes free ports. */
  readonly basePort: number;
  readonly prefix: string;
  readonly denom: string;
  readonly genesisAccounts?: string;
  readonly untilHeight?: number;
  readonly json?: boolean;
  readonly reset?: boolean;
}

/** Reads `npm run devnet -- ...`. Undefined: the help was asked for and printed. Throws `usage`. */
export function parseDevnetOptions(args: readonly string[], print: (text: string) => void): DevnetOptions | undefined {
  const command = new Command('npm run devnet --')
    .description('Start a network of nodes on this machine; Ctrl-C stops it.')
    .exitOverride()
    .configureOutput({ writeOut: print, outputError: () => {} })
    .allowExcessArguments(false)
    .option('--validators <n>', 'validators', wholeNumber('--validators', 1, MAX_NODES), DEFAULT_VALIDATORS)
    .option('--full-nodes <n>', 'nodes that do not vote', wholeNumber('--full-nodes', 0, MAX_NODES), 0)
    .option('--output <dir>', 'where the homes go (default: a free directory under .devnet)')
    .option('--reset', 'empty the output directory first')
    .option(
      '--base-port <port>',
      'p2p port of the first node, RPC the next; the second node has them 10 higher; 0 takes free ones',
      wholeNumber('--base-port', 0, MAX_BASE_PORT),
      DEFAULT_BASE_PORT,
    )
    .option('--prefix <prefix>', 'prefix of addresses', DEFAULT_PREFIX)
    .option('--denom <denom>', 'base denomination', DEFAULT_DENOM)
    .option('--genesis-accounts <file>', 'fund more accounts: lines of "address amount"')
    .option(
      '--until-height <n>',
      'stop at this height and compare the nodes',
      wholeNumber('--until-height', 1, 2 ** 40),
    )
    .option('--json', 'one JSON object a line and nothing else on standard output');
  try {
    command.parse([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return undefined;
    throw usageError(`${messageOf(error).replace(/^error: /, '')}; see npm run devnet -- --help`);
  }
  const options = command.opts<DevnetOptions>();
  if (options.basePort + 10 * (options.validators + options.fullNodes) > 65_535) {
    throw usageError(`--base-port ${options.basePort} leaves no room for all nodes; take a lower one`);
  }
  return options;
}
