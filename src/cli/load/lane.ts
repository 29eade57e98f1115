import { Agent, request } from 'node:http';
import { at } from '../json-shape.ts';

/** The SDK's code for a wrong sequence. */
const CODE_WRONG_SEQUENCE = 32;
/** Milliseconds before a node that was full is tried again. */
const FULL_PAUSE_MS = 20;
/** Milliseconds before a node that did not answer is tried again. */
const BROKEN_PAUSE_MS = 200;

export interface LaneOptions {
  /** `http://HOST:PORT`. */
  readonly url: string;
  /** Transactions in one JSON-RPC batch. */
  readonly batchSize: number;
  readonly transactions: readonly string[];
  readonly accountOf: (index: number) => number;
  /** The node took it. */
  readonly onAccepted: (index: number) => void;
  /** The node refused it for good; `reason` is bounded by the kinds of refusals. */
  readonly onRefused: (index: number, reason: string) => void;
}

type Verdict = 'accepted' | 'full' | { readonly refused: string; readonly sequence: boolean };

/** Digits vary from refusal to refusal; without them the reasons can be counted. */
function reasonOf(words: string): string {
  return words.replace(/[0-9A-Fa-f]{32,}|\d+/g, 'N').slice(0, 160);
}

function verdictOf(answer: unknown): Verdict {
  const error = at(answer, 'error');
  if (error !== undefined && error !== null) {
    const words = String(at(error, 'data') ?? at(error, 'message'));
    return words.includes('mempool is full') ? 'full' : { refused: reasonOf(words), sequence: false };
  }
  const code = at(answer, 'result.code');
  if (code === 0) return 'accepted';
  const log = String(at(answer, 'result.log') ?? '');
  if (log.includes('mempool is full')) return 'full';
  return { refused: `code ${String(code)}: ${reasonOf(log)}`, sequence: code === CODE_WRONG_SEQUENCE };
}

/**
 * One connection to one node. Sends what is queued, in order, one batch at a time; keeps the order of each account
 * when a full mempool sends some back. Everything of one account must go through one lane.
 */
export class Lane {
  private readonly options: LaneOptions;
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });
  private queue: number[] = [];
  private sending = false;
  private closed = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(options: LaneOptions) {
    this.options = options;
  }

  /** Transactions that wait here. */
  get waiting(): number {
    return this.queue.length;
  }

  push(index: number): void {
    this.queue.push(index);
  }

  /** Sends the next batch unless one is under way. */
  flush(): void {
    if (this.sending || this.closed || this.timer !== undefined || this.queue.length === 0) return;
    const batch = this.queue.splice(0, this.options.batchSize);
    this.sending = true;
    this.post(this.bodyOf(batch), (text) => {
      this.sending = false;
      if (this.closed) return;
      if (text === undefined) this.retryLater(batch, BROKEN_PAUSE_MS);
      else this.takeAnswers(batch, text);
      this.flush();
    });
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.agent.destroy();
  }

  private bodyOf(batch: readonly number[]): string {
    const calls = batch.map((index) => {
      const params = `{"tx":"${this.options.transactions[index]}"}`;
      return `{"jsonrpc":"2.0","id":${index},"method":"broadcast_tx_sync","params":${params}}`;
    });
    return calls.length === 1 ? (calls[0] as string) : `[${calls.join(',')}]`;
  }

  /** Undefined: the node did not answer. */
  private post(body: string, done: (text: string | undefined) => void): void {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const call = request(this.options.url, { method: 'POST', agent: this.agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => done(Buffer.concat(chunks).toString('latin1')));
      response.on('error', () => done(undefined));
    });
    call.on('error', () => done(undefined));
    call.end(body);
  }

  private takeAnswers(batch: readonly number[], text: string): void {
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      for (const index of batch) this.options.onRefused(index, 'the node did not answer in JSON');
      return;
    }
    const answers = Array.isArray(parsed) ? parsed : [parsed];
    const byId = new Map(answers.map((answer) => [at(answer, 'id'), answer]));
    const single = answers.length === 1 && at(answers[0], 'id') == null ? answers[0] : undefined;
    const again: number[] = [];
    const blocked = new Set<number>();
    for (const index of batch) {
      const verdict = verdictOf(byId.get(index) ?? single);
      const account = this.options.accountOf(index);
      // After one that was sent back, the account's next ones miss it: they are as good as sent back.
      const behind = typeof verdict === 'object' && verdict.sequence && blocked.has(account);
      if (verdict === 'full' || behind) {
        blocked.add(account);
        again.push(index);
      } else if (verdict === 'accepted') this.options.onAccepted(index);
      else this.options.onRefused(index, verdict.refused);
    }
    if (again.length > 0) this.retryLater(again, FULL_PAUSE_MS);
  }

  private retryLater(indexes: readonly number[], pauseMs: number): void {
    this.queue = [...indexes, ...this.queue];
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.flush();
    }, pauseMs);
  }
}
