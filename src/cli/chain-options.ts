import { type Command, Option } from 'commander';
import { DEFAULT_DENOM, DEFAULT_PREFIX, DEFAULT_STAKE } from './genesis-builder.ts';
import { bigNumber } from './options.ts';

/** What a new chain is asked for, alike in every command that makes one. */
export interface ChainOptions {
  readonly prefix: string;
  readonly denom: string;
  readonly stake: bigint;
  readonly genesisAccounts?: string;
}

export function withChain(command: Command): Command {
  const stake = new Option('--stake <amount>', 'stake of each validator; a million gives one unit of power')
    .argParser(bigNumber('--stake'))
    .default(DEFAULT_STAKE, String(DEFAULT_STAKE));
  return command
    .option('--prefix <prefix>', 'prefix of addresses', DEFAULT_PREFIX)
    .option('--denom <denom>', 'base denomination', DEFAULT_DENOM)
    .option('--genesis-accounts <file>', 'fund accounts: lines of "address amount"')
    .addOption(stake);
}
