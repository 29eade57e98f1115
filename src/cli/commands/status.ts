import type { Command } from 'commander';
import { at, listAt, numberAt, textAt } from '../json-shape.ts';
import { type JsonOptions, type NodeOptions, withJson, withNode } from '../options.ts';
import { formatPairs, groupDigits, print, safeText } from '../output.ts';
import { RpcClient } from '../rpc-client.ts';
import type { Terminal } from '../terminal.ts';

function describe(status: unknown, peers: number): string[] {
  const time = textAt(status, 'sync_info.latest_block_time');
  const age = (Date.now() - Date.parse(time)) / 1_000;
  const power = numberAt(status, 'validator_info.voting_power');
  return formatPairs([
    ['moniker', safeText(textAt(status, 'node_info.moniker'))],
    ['node id', safeText(textAt(status, 'node_info.id'))],
    ['chain id', safeText(textAt(status, 'node_info.network'))],
    ['height', groupDigits(numberAt(status, 'sync_info.latest_block_height'))],
    ['block time', `${time} (${age.toFixed(1)} s ago)`],
    ['block hash', textAt(status, 'sync_info.latest_block_hash')],
    ['app hash', textAt(status, 'sync_info.latest_app_hash')],
    ['catching up', at(status, 'sync_info.catching_up') === true ? 'yes' : 'no'],
    ['peers', String(peers)],
    ['validator', `${textAt(status, 'validator_info.address')} (power ${groupDigits(power)})`],
    ['version', safeText(textAt(status, 'node_info.version'))],
  ]);
}

export function registerStatus(program: Command, terminal: Terminal): void {
  withJson(withNode(program.command('status'), terminal))
    .description('what a node knows: height, time, hashes, peers')
    .action(async (options: NodeOptions & JsonOptions) => {
      const client = new RpcClient(options.node);
      const [status, network] = await Promise.all([client.call('status'), client.call('net_info')]);
      print(terminal, options.json === true, status, () => describe(status, listAt(network, 'peers').length));
    });
}
