import assert from 'node:assert/strict';

/** A request that takes longer has no answer: the node is dead or dying. */
const CALL_TIMEOUT_MS = 15_000;
const POLL_MS = 50;
const UNTIL_TIMEOUT_MS = 60_000;
/** Requests in one batch: below what a devnet accepts. */
const BATCH = 500;

interface Answer<T> {
  readonly id: number;
  readonly result?: T;
  readonly error?: { readonly message: string; readonly data?: string };
}

export type Params = Readonly<Record<string, unknown>>;

/** Polls a condition of another process, which sends no event for it. */
export async function until(
  what: string,
  condition: () => Promise<boolean>,
  timeoutMs: number = UNTIL_TIMEOUT_MS,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      if (await condition()) return;
    } catch (error) {
      // A node that is down or starting; told when the time is over.
      last = error;
    }
    await pause(POLL_MS);
  }
  const reason = last instanceof Error ? ` (last error: ${last.message})` : '';
  assert.fail(`not within ${timeoutMs} ms: ${what}${reason}`);
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** One JSON-RPC call. Throws with the node's text on an error. */
export async function call<T>(rpc: string, method: string, params: Params = {}): Promise<T> {
  return resultOf(method, await post<Answer<T>>(rpc, { jsonrpc: '2.0', id: 1, method, params }));
}

/** The same method for many parameters, in batches; results in their order. */
export async function callMany<T>(rpc: string, method: string, params: readonly Params[]): Promise<T[]> {
  const results: T[] = [];
  for (let start = 0; start < params.length; start += BATCH) {
    const part = params.slice(start, start + BATCH);
    const body = part.map((one, index) => ({ jsonrpc: '2.0', id: index, method, params: one }));
    // As in CometBFT, a batch of one is answered without a list around it.
    const answers = [await post<Answer<T> | Answer<T>[]>(rpc, body)].flat();
    const byId = new Map(answers.map((answer) => [answer.id, answer]));
    for (const index of part.keys()) results.push(resultOf(method, byId.get(index)));
  }
  return results;
}

async function post<T>(rpc: string, body: unknown): Promise<T> {
  const response = await fetch(rpc, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
  });
  return (await response.json()) as T;
}

function resultOf<T>(method: string, answer: Answer<T> | undefined): T {
  if (answer?.error !== undefined) throw new Error(`${method}: ${answer.error.data ?? answer.error.message}`);
  if (answer?.result === undefined) throw new Error(`${method}: no answer`);
  return answer.result;
}

export async function heightOf(rpc: string): Promise<number> {
  const status = await call<{ sync_info: { latest_block_height: string } }>(rpc, 'status');
  return Number(status.sync_info.latest_block_height);
}

export async function waitForHeight(rpc: string, height: number, timeoutMs?: number): Promise<void> {
  await until(`${rpc} reaches height ${height}`, async () => (await heightOf(rpc)) >= height, timeoutMs);
}

/** App hash in the header of `height`: the state after `height - 1`. */
export async function appHashAt(rpc: string, height: number): Promise<string> {
  const { header } = await call<{ header: { app_hash: string } }>(rpc, 'header', { height: String(height) });
  return header.app_hash;
}

export async function blockHashAt(rpc: string, height: number): Promise<string> {
  const { block_id } = await call<{ block_id: { hash: string } }>(rpc, 'block', { height: String(height) });
  return block_id.hash;
}
