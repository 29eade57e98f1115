import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { verifyProof } from '#state/proof-verify.ts';
import type { ProofOp, StoreName } from '#state/store.ts';
import { fromHex, toHex } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { failure, usageError } from '../errors.ts';
import { textAt } from '../json-shape.ts';
import { type JsonOptions, type NodeOptions, wholeNumber, withJson, withNode } from '../options.ts';
import { formatPairs, print } from '../output.ts';
import { type AbciAnswer, RpcClient } from '../rpc-client.ts';
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

/** Milliseconds. The header with the state's hash is that of the next block, which may be due only later. */
const HEADER_TIMEOUT_MS = 30_000;
const HEADER_POLL_MS = 100;

/** The app hash in a header, waited for where the block does not exist yet. */
async function appHashAt(client: RpcClient, height: number): Promise<Uint8Array> {
  const deadline = Date.now() + HEADER_TIMEOUT_MS;
  for (;;) {
    try {
      return fromHex(textAt(await client.call('header', { height: String(height) }), 'header.app_hash'));
    } catch (error) {
      const notYet = error instanceof BizraError && /must be less than or equal/.test(error.message);
      if (!notYet || Date.now() > deadline) throw error;
    }
    await delay(HEADER_POLL_MS);
  }
}

/** Checks the answer against the next header's app hash, as this node gives it. Throws `bad_proof`. */
async function verifyAnswer(client: RpcClient, store: string, key: Uint8Array, answer: AbciAnswer): Promise<void> {
  const ops = answer.proofOps.map((op) => ({
    type: textAt(op, 'type') as ProofOp['type'],
    key: new Uint8Array(Buffer.from(textAt(op, 'key'), 'base64')),
    data: new Uint8Array(Buffer.from(textAt(op, 'data'), 'base64')),
  }));
  // Values are never empty in this state: an empty answer claims absence.
  const value = answer.value.length === 0 ? undefined : answer.value;
  verifyProof(ops, await appHashAt(client, answer.height + 1), { store: store as StoreName, key, value });
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
  if (options.verify === true) await verifyAnswer(client, store, key, answer);
  const verified = options.verify === true;
  const json = { store, key: toHex(key), value, height: answer.height, verified, proof_ops: answer.proofOps };
  print(terminal, options.json === true, json, () =>
    formatPairs([
      ['value', value ?? 'absent'],
      ['height', String(answer.height)],
      ['proof', verified ? `fits the app hash of header ${answer.height + 1}` : 'not checked; --verify checks it'],
    ]),
  );
}

export function registerProof(group: Command, terminal: Terminal): void {
  withJson(withNode(group.command('proof'), terminal))
    .argument('<store>', 'store, such as bank or acc')
    .argument('<key>', 'key in hex')
    .description('a value of the state, or its absence, with its proof')
    .option('--verify', 'check the proof against the next header')
    .option(
      '--height <n>',
      'height (default: the newest that can be proven)',
      wholeNumber('--height', 1, Number.MAX_SAFE_INTEGER),
    )
    .action((store: string, key: string, options: ProofOptions) => proof(terminal, store, key, options));
}
