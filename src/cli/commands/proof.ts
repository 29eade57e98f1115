import type { Command } from 'commander';
import { fromHex, toHex } from '#util/bytes.ts';
import { failure, usageError } from '../errors.ts';
import { type JsonOptions, type NodeOptions, wholeNumber, withJson, withNode } from '../options.ts';
import { formatPairs, print } from '../output.ts';
import { RpcClient } from '../rpc-client.ts';
import type { Terminal } from '../terminal.ts';

interface ProofOptions extends NodeOptions, JsonOptions {
  readonly height?: number;
  readonly verify?: boolean;
}

function parseKey(text: string): Uint8Array {
  const hex = text.replace(/^0x/, '');
  if (!/^([0-9a-fA-F]{2})+$/.test(hex))
    throw usageError(`key "${text.slice(0, 80)}" is not hex; write whole bytes, like 02`);
  return fromHex(hex);
}

async function proof(terminal: Terminal, store: string, keyText: string, options: ProofOptions): Promise<void> {
  if (!/^[a-z][a-z0-9]{0,31}$/.test(store))
    throw usageError(`store "${store.slice(0, 40)}" is not a store name, like bank`);
  const key = parseKey(keyText);
  const client = new RpcClient(options.node);
  const query = { prove: true, ...(options.height === undefined ? {} : { height: options.height }) };
  const answer = await client.abciQuery(`/store/${store}/key`, key, query);
  if (answer.code !== 0) throw failure(`the node gives no proof: ${answer.log}`);
  const value = answer.value.length === 0 ? null : toHex(answer.value);
  const json = { store, key: toHex(key), value, height: answer.height, proof_ops: answer.proofOps };
  print(terminal, options.json === true, json, () =>
    formatPairs([
      ['value', value ?? 'absent'],
      ['height', String(answer.height)],
      ['proof', `${answer.proofOps.length} operations`],
    ]),
  );
}

export function registerProof(group: Command, terminal: Terminal): void {
  withJson(withNode(group.command('proof'), terminal))
    .argument('<store>', 'store, such as bank or acc')
    .argument('<key>', 'key in hex')
    .description('a value of the state, or its absence, with its proof')
    .option(
      '--height <n>',
      'height (default: the newest that can be proven)',
      wholeNumber('--height', 1, Number.MAX_SAFE_INTEGER),
    )
    .action((store: string, key: string, options: ProofOptions) => proof(terminal, store, key, options));
}
