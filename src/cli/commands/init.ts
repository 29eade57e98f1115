import { resolve } from 'node:path';
import type { Command } from 'commander';
import { readTextFile } from '#config/home.ts';
import { loadSettings } from '#config/settings.ts';
import { type Genesis, parseGenesis } from '#types/genesis.ts';
import { BizraError } from '#util/errors.ts';
import { type ChainOptions, withChain } from '../chain-options.ts';
import { usageError } from '../errors.ts';
import { readGenesisAccounts } from '../genesis-accounts.ts';
import { buildGenesis, DEFAULT_BLOCK_INTERVAL_MIN_MS, DEFAULT_EMPTY_BLOCK_INTERVAL_MS } from '../genesis-builder.ts';
import { needEmptyHome, newNodeIdentity, writeHome } from '../home-builder.ts';
import { GAS_PRICE_AMOUNT } from '../network-builder.ts';
import { type HomeOptions, type JsonOptions, wholeNumber, withHome, withJson } from '../options.ts';
import { formatPairs, print } from '../output.ts';
import { type SettingFlags, settingFlags, withSettings } from '../setting-flags.ts';
import type { Terminal } from '../terminal.ts';

interface InitOptions extends HomeOptions, JsonOptions, ChainOptions, SettingFlags {
  readonly chainId?: string;
  readonly genesis?: string;
  readonly blockInterval: number;
  readonly emptyBlockInterval: number;
}

/** A new chain with this node as its only validator. */
async function newGenesis(options: InitOptions, moniker: string, publicKey: Uint8Array): Promise<string> {
  return buildGenesis({
    chainId: options.chainId ?? `bizra-${Date.now().toString(36)}`,
    timeMs: Date.now(),
    prefix: options.prefix,
    denom: options.denom,
    blockIntervalMinMs: options.blockInterval,
    emptyBlockIntervalMs: options.emptyBlockInterval,
    validators: [{ name: moniker, publicKey, stake: options.stake }],
    accounts: await readGenesisAccounts(options.genesisAccounts, options.prefix, options.denom),
  });
}

function parseNamed(path: string, text: string): Genesis {
  try {
    return parseGenesis(text);
  } catch (error) {
    throw error instanceof BizraError ? new BizraError(error.code, `${path}: ${error.message}`) : error;
  }
}

/** The file of a chain that exists. */
async function givenGenesis(path: string, chainId: string | undefined): Promise<string> {
  const text = await readTextFile(path);
  if (text === undefined) throw usageError(`genesis file ${path} does not exist`);
  const genesis = parseNamed(path, text);
  if (chainId !== undefined && genesis.chainId !== chainId) {
    throw usageError(
      `${path} is of chain ${genesis.chainId}, not ${chainId}; give the right file or leave out --chain-id`,
    );
  }
  return text;
}

async function init(terminal: Terminal, moniker: string | undefined, options: InitOptions): Promise<void> {
  const home = resolve(options.home);
  await needEmptyHome(home);
  const flags = settingFlags(options);
  if (moniker !== undefined) flags.moniker = moniker;
  const { moniker: shownName } = loadSettings({ flags });
  const identity = newNodeIdentity();
  const genesis =
    options.genesis === undefined
      ? await newGenesis(options, shownName, identity.validatorKey.publicKey)
      : await givenGenesis(options.genesis, options.chainId);
  const { chainId, chain } = parseGenesis(genesis);
  // A node that admits free transactions can be filled for nothing: whoever wants that must say so.
  flags['mempool.min_gas_prices'] ??= GAS_PRICE_AMOUNT + chain.baseDenom;
  const settings = loadSettings({ flags });
  await writeHome(home, { identity, settings, genesis });
  const answer = { home, chain_id: chainId, moniker: settings.moniker, peer_id: identity.peerId };
  print(terminal, options.json === true, answer, () => [
    ...formatPairs([
      ['home', home],
      ['chain id', chainId],
      ['moniker', settings.moniker],
      ['peer id', identity.peerId],
    ]),
    '',
    `Start it with: bizra-node start --home ${home}`,
  ]);
}

export function registerInit(program: Command, terminal: Terminal): void {
  const command = withJson(withHome(program.command('init'), terminal))
    .argument('[moniker]', 'name of the node, shown to others')
    .description('make a home: a new chain with this node as its validator, or (--genesis) a node of an existing one')
    .option('--chain-id <id>', 'name of the chain')
    .option('--genesis <file>', 'join the chain of this genesis file')
    .option(
      '--block-interval <ms>',
      'blocks with work come no closer than this',
      wholeNumber('--block-interval', 0, 3_600_000),
      DEFAULT_BLOCK_INTERVAL_MIN_MS,
    )
    .option(
      '--empty-block-interval <ms>',
      'empty blocks come this often',
      wholeNumber('--empty-block-interval', 0, 3_600_000),
      DEFAULT_EMPTY_BLOCK_INTERVAL_MS,
    );
  withSettings(withChain(command)).action((moniker: string | undefined) =>
    init(terminal, moniker, command.optsWithGlobals()),
  );
}
