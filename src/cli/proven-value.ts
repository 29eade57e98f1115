import { setTimeout as delay } from 'node:timers/promises';
import { type LightBlock, type ProofOp, verifyProof } from '#light/index.ts';
import { failure } from './errors.ts';
import { textAt } from './json-shape.ts';
import type { AbciAnswer, RpcClient } from './rpc-client.ts';

/** Milliseconds. The header with the state's hash is that of the next block, which may be due only later. */
const HEADER_TIMEOUT_MS = 30_000;
const HEADER_POLL_MS = 100;

/** A value of the state, or its absence, as a node answers; nothing of it is verified. */
export async function askForProof(
  client: RpcClient,
  store: string,
  key: Uint8Array,
  height: number | undefined,
): Promise<AbciAnswer> {
  const query = { prove: true, ...(height === undefined ? {} : { height }) };
  const answer = await client.abciQuery(`/store/${store}/key`, key, query);
  if (answer.code !== 0) throw failure(`the node gives no proof: ${answer.log}`);
  if (height !== undefined && answer.height !== height) {
    throw failure(`the node answers with height ${answer.height} where ${height} was asked for`);
  }
  return answer;
}

/** Values are never empty in this state: an empty answer claims absence. */
export function claimedValue(answer: AbciAnswer): Uint8Array | undefined {
  return answer.value.length === 0 ? undefined : answer.value;
}

/** Checks the answer against the app hash of a verified header. Throws `bad_proof`. */
export function verifyAnswer(answer: AbciAnswer, store: string, key: Uint8Array, { header }: LightBlock): void {
  const ops = answer.proofOps.map((op) => ({
    type: textAt(op, 'type') as ProofOp['type'],
    key: new Uint8Array(Buffer.from(textAt(op, 'key'), 'base64')),
    data: new Uint8Array(Buffer.from(textAt(op, 'data'), 'base64')),
  }));
  verifyProof(ops, header.appHash, { store, key, value: claimedValue(answer) });
}

/** Resolves once the node has that height: an answer at its newest one is proven by the header after it. */
export async function waitForHeight(client: RpcClient, height: number): Promise<void> {
  const deadline = Date.now() + HEADER_TIMEOUT_MS;
  for (let head = await client.height(); head < height; head = await client.height()) {
    if (Date.now() > deadline) {
      throw failure(`header ${height}, which has the state's hash, did not come within ${HEADER_TIMEOUT_MS / 1_000} s`);
    }
    await delay(HEADER_POLL_MS);
  }
}
