import type { Command } from 'commander';
import { at, listAt } from '../json-shape.ts';
import { type JsonOptions, type NodeOptions, withJson, withNode } from '../options.ts';
import { formatTable, print, safeText } from '../output.ts';
import { RpcClient } from '../rpc-client.ts';
import type { Terminal } from '../terminal.ts';

function row(peer: unknown): string[] {
  const shown = (path: string): string => safeText(String(at(peer, path) ?? '-'));
  const direction = at(peer, 'is_outbound') === true ? 'out' : 'in';
  return [shown('node_info.moniker'), shown('node_info.id'), shown('remote_ip'), direction, shown('node_info.version')];
}

export function registerPeers(program: Command, terminal: Terminal): void {
  withJson(withNode(program.command('peers'), terminal))
    .description('the peers of a node')
    .action(async (options: NodeOptions & JsonOptions) => {
      const network = await new RpcClient(options.node).call('net_info');
      const peers = listAt(network, 'peers');
      print(terminal, options.json === true, network, () =>
        peers.length === 0
          ? ['no peers']
          : formatTable(['moniker', 'node id', 'address', 'direction', 'version'], peers.map(row)),
      );
    });
}
