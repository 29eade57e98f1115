import type { BuiltNode } from '#cli/network-builder.ts';
import { formatTable, groupDigits } from '#cli/output.ts';
import { TEST_ACCOUNT_AMOUNT } from '#cli/test-accounts.ts';
import type { NodeView, Rates } from './watcher.ts';

/** What the devnet tells: JSON objects for machines, or words and a table for people. */

export interface StartedNode extends BuiltNode {
  readonly pid: number;
}

export interface ShownAccount {
  readonly name: string;
  readonly address: string;
  readonly mnemonic: string;
}

export interface ReadyEvent {
  readonly event: 'ready';
  readonly chain_id: string;
  readonly prefix: string;
  readonly denom: string;
  readonly gas_price: string;
  readonly nodes: readonly {
    readonly moniker: string;
    readonly home: string;
    readonly pid: number;
    readonly rpc: string;
    readonly rest: string | null;
    readonly p2p: string;
  }[];
  readonly accounts: readonly ShownAccount[];
}

export interface DoneEvent {
  readonly event: 'done';
  readonly height: number;
  readonly block_id: string;
  readonly app_hash: string;
  readonly validators: number;
  readonly seconds: number;
}

export function readyEvent(
  chain: { readonly chainId: string; readonly prefix: string; readonly denom: string; readonly gasPrice: string },
  nodes: readonly StartedNode[],
  accounts: readonly ShownAccount[],
): ReadyEvent {
  return {
    event: 'ready',
    chain_id: chain.chainId,
    prefix: chain.prefix,
    denom: chain.denom,
    gas_price: chain.gasPrice,
    nodes: nodes.map(({ moniker, home, pid, rpc, p2p }) => ({ moniker, home, pid, rpc, rest: null, p2p })),
    accounts: accounts.map(({ name, address, mnemonic }) => ({ name, address, mnemonic })),
  };
}

/** What a person needs in order to use the network. */
export function describeReady(ready: ReadyEvent, output: string): string[] {
  const nodes = formatTable(
    ['node', 'RPC', 'process', 'home'],
    ready.nodes.map(({ moniker, rpc, pid, home }) => [moniker, rpc, String(pid), home]),
  );
  const accounts = ready.accounts.flatMap(({ name, address, mnemonic }) => [
    `${name}  ${address}`,
    `  ${mnemonic}`,
    '',
  ]);
  return [
    `Network ${ready.chain_id} is up: ${ready.nodes.length} ${ready.nodes.length === 1 ? 'node' : 'nodes'}, gas price ${ready.gas_price}, files in ${output}`,
    '',
    ...nodes,
    '',
    `Test accounts, each with ${groupDigits(TEST_ACCOUNT_AMOUNT)} ${ready.denom}. Their keys are PUBLIC: never use them elsewhere.`,
    '',
    ...accounts,
    `Pay: bin/bizra-node tx send ${ready.accounts[1]?.address ?? 'ADDRESS'} 1000${ready.denom} --from ${ready.accounts[0]?.name ?? 'KEY'} --home ${ready.nodes[0]?.home ?? 'HOME'} --node ${ready.nodes[0]?.rpc ?? 'URL'}`,
    'Stop: Ctrl-C',
    '',
  ];
}

/** A node as the table shows it. */
export interface TableRow {
  readonly moniker: string;
  readonly view: NodeView | undefined;
  /** Set once the process that the devnet started has ended. */
  readonly exitCode: number | undefined;
}

function state(row: TableRow): string {
  if (row.exitCode === undefined) return row.view === undefined ? 'no answer' : 'running';
  return row.view === undefined ? `ended (code ${row.exitCode})` : 'running again';
}

export function describeRates(rates: Rates | undefined): string {
  if (rates === undefined) return '- tx/s, block time -';
  return `${rates.txPerSecond.toFixed(1)} tx/s, block time ${rates.blockSeconds.toFixed(2)} s`;
}

export function formatLive(rows: readonly TableRow[], rates: Rates | undefined): string[] {
  const cells = rows.map((row) => [
    row.moniker,
    row.view === undefined ? '-' : groupDigits(row.view.height),
    row.view === undefined ? '-' : String(row.view.round),
    row.view === undefined ? '-' : String(row.view.peers),
    state(row),
  ]);
  return [...formatTable(['node', 'height', 'round', 'peers', 'state'], cells, [1, 2, 3]), '', describeRates(rates)];
}

/** One line for logs and pipes, where a table cannot be redrawn. */
export function formatSummary(rows: readonly TableRow[], rates: Rates | undefined): string {
  const answering = rows.filter((row) => row.view !== undefined);
  const height = Math.max(0, ...answering.map((row) => row.view?.height ?? 0));
  return `height ${groupDigits(height)}, ${answering.length} of ${rows.length} nodes answer, ${describeRates(rates)}`;
}

export function describeDone(done: DoneEvent): string[] {
  return [
    '',
    `Height ${groupDigits(done.height)} after ${done.seconds.toFixed(1)} s on ${done.validators} validators`,
    `block ${done.block_id}`,
    `state ${done.app_hash}`,
  ];
}
