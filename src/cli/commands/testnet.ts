import { resolve } from 'node:path';
import type { Command } from 'commander';
import { isEmptyDirectory } from '#config/home.ts';
import { type ChainOptions, withChain } from '../chain-options.ts';
import { usageError } from '../errors.ts';
import { readGenesisAccounts } from '../genesis-accounts.ts';
import { DEFAULT_BLOCK_INTERVAL_MIN_MS, DEFAULT_EMPTY_BLOCK_INTERVAL_MS } from '../genesis-builder.ts';
import { type BuiltNode, buildNetwork, type NodePlace, PORTS_PER_NODE } from '../network-builder.ts';
import { type JsonOptions, wholeNumber, withJson } from '../options.ts';
import { formatTable, print } from '../output.ts';
import type { Terminal } from '../terminal.ts';
import { testAccounts } from '../test-accounts.ts';

/** More homes than any machine runs. */
const MAX_NODES = 200;

interface TestnetOptions extends JsonOptions, ChainOptions {
  readonly validators: number;
  readonly fullNodes: number;
  readonly output: string;
  readonly chainId: string;
  readonly hosts?: string;
  readonly basePort: number;
  readonly testAccounts: boolean;
}

/** With `--hosts` each node has the usual ports on its own machine; without, all are on this one. */
function places(options: TestnetOptions): NodePlace[] {
  const count = options.validators + options.fullNodes;
  const hosts = options.hosts?.split(',').map((host) => host.trim());
  if (hosts !== undefined && (hosts.length !== count || hosts.includes(''))) {
    throw usageError(`--hosts names ${hosts.length} hosts for ${count} nodes; give one for each, with commas between`);
  }
  return Array.from({ length: count }, (_, index) => {
    const p2pPort = options.basePort + (hosts === undefined ? PORTS_PER_NODE * index : 0);
    const validator = index < options.validators;
    const moniker = validator ? `validator${index}` : `full${index - options.validators}`;
    return { moniker, host: hosts?.[index] ?? '127.0.0.1', p2pPort, rpcPort: p2pPort + 1, validator };
  });
}

async function testnet(terminal: Terminal, options: TestnetOptions): Promise<void> {
  const output = resolve(options.output);
  if (!(await isEmptyDirectory(output))) throw usageError(`${output} is not empty; choose another --output`);
  const accounts = options.testAccounts ? await testAccounts() : [];
  const nodes = await buildNetwork({
    output,
    chainId: options.chainId,
    prefix: options.prefix,
    denom: options.denom,
    timeMs: Date.now(),
    blockIntervalMinMs: DEFAULT_BLOCK_INTERVAL_MIN_MS,
    emptyBlockIntervalMs: DEFAULT_EMPTY_BLOCK_INTERVAL_MS,
    stake: options.stake,
    nodes: places(options),
    accounts: await readGenesisAccounts(options.genesisAccounts, options.prefix, options.denom),
    testAccounts: accounts,
    settings: {},
  });
  const shown = nodes.map(({ moniker, home, p2p, rpc }) => ({ moniker, home, p2p, rpc }));
  print(terminal, options.json === true, { chain_id: options.chainId, nodes: shown }, () =>
    describe(nodes, accounts.length),
  );
}

function describe(nodes: readonly BuiltNode[], testAccountCount: number): string[] {
  const lines = formatTable(
    ['node', 'home', 'p2p'],
    nodes.map(({ moniker, home, p2p }) => [moniker, home, p2p]),
  );
  lines.push('', `Start each with: bizra-node start --home ${nodes[0]?.home ?? 'HOME'}`);
  if (testAccountCount > 0) {
    lines.push(
      `${testAccountCount} test accounts are funded whose keys are PUBLIC; --no-test-accounts leaves them out.`,
    );
  }
  return lines;
}

export function registerTestnet(program: Command, terminal: Terminal): void {
  withChain(withJson(program.command('testnet')))
    .description('write the homes of a new network with several validators')
    .requiredOption('--output <dir>', 'where to write them; must be empty')
    .option('--validators <n>', 'validators', wholeNumber('--validators', 1, MAX_NODES), 4)
    .option('--full-nodes <n>', 'nodes that do not vote', wholeNumber('--full-nodes', 0, MAX_NODES), 0)
    .option('--chain-id <id>', 'name of the chain', 'bizra-testnet')
    .option('--hosts <list>', 'machines of the nodes, with commas between (default: all on this one)')
    .option(
      '--base-port <port>',
      'p2p port of the first node; RPC is the next',
      wholeNumber('--base-port', 1, 65_000),
      26_656,
    )
    .option('--no-test-accounts', 'do not fund the public test accounts')
    .action((options: TestnetOptions) => testnet(terminal, options));
}
