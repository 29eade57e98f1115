import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { usageError } from './errors.ts';
import { DEFAULT_NODE_URL } from './rpc-client.ts';
import type { Terminal } from './terminal.ts';

/** Options that many commands share, so that they are spelled alike everywhere. */

export interface HomeOptions {
  readonly home: string;
}

export interface NodeOptions {
  readonly node: string;
}

export interface JsonOptions {
  readonly json?: boolean;
}

export function withHome(command: Command, terminal: Terminal): Command {
  const byDefault = terminal.environment.BIZRA_HOME ?? join(homedir(), '.bizra-node');
  return command.option('--home <dir>', 'directory of the node: configuration, keys and data', byDefault);
}

export function withNode(command: Command, terminal: Terminal): Command {
  return command.option(
    '--node <url>',
    'RPC address of the node to ask',
    terminal.environment.BIZRA_NODE ?? DEFAULT_NODE_URL,
  );
}

export function withJson(command: Command): Command {
  return command.option('--json', 'print JSON, one object a line');
}

/** Parses a whole number for commander. Throws `usage` that names the flag. */
export function wholeNumber(flag: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw usageError(`${flag} ${text.slice(0, 40)} is not accepted; give a whole number from ${min} to ${max}`);
  };
}

export function bigNumber(flag: string): (text: string) => bigint {
  return (text) => {
    if (/^\d{1,78}$/.test(text)) return BigInt(text);
    throw usageError(`${flag} ${text.slice(0, 40)} is not accepted; give a whole number`);
  };
}
