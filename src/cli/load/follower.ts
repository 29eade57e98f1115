import { WebSocket } from 'ws';
import { failure } from '../errors.ts';
import { listAt, numberAt } from '../json-shape.ts';
import type { RpcClient } from '../rpc-client.ts';

const SUBSCRIPTION = "tm.event='NewBlockHeader'";
const SUBSCRIBE_TIMEOUT_MS = 5_000;

/** A block as it was noticed. */
export interface SeenBlock {
  readonly height: number;
  /** Milliseconds on the monotonic clock when the node told about it. */
  readonly seenMs: number;
  /** Base64, in block order. */
  readonly txs: readonly string[];
}

/**
 * Reads every block of one node: told by subscription, so that the time is exact and nobody polls, then fetched whole.
 */
export class BlockFollower {
  private readonly client: RpcClient;
  private readonly onBlock: (block: SeenBlock) => void;
  private readonly announced: { height: number; seenMs: number }[] = [];
  private socket: WebSocket | undefined;
  private reading = false;
  private nextHeight = 0;

  constructor(client: RpcClient, onBlock: (block: SeenBlock) => void) {
    this.client = client;
    this.onBlock = onBlock;
  }

  /** Set when following broke off: the run's figures would be wrong. */
  fault: Error | undefined;

  /** Resolves when the subscription stands. Blocks above the current height are reported. */
  async start(): Promise<void> {
    this.nextHeight = (await this.client.height()) + 1;
    const socket = new WebSocket(`${this.client.url.replace(/^http/, 'ws')}/websocket`);
    this.socket = socket;
    await new Promise<void>((resolve, reject) => {
      const refuse = (reason: string): void => reject(failure(`cannot follow blocks at ${this.client.url}: ${reason}`));
      const late = setTimeout(() => refuse('no answer to the subscription'), SUBSCRIBE_TIMEOUT_MS);
      socket.on('open', () =>
        socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'subscribe', params: { query: SUBSCRIPTION } })),
      );
      socket.on('error', (error) => {
        this.fault = error;
        refuse(error.message);
      });
      socket.on('close', () => {
        this.fault ??= failure('the node closed the subscription');
      });
      socket.on('message', (data) => {
        clearTimeout(late);
        resolve();
        this.takeMessage(String(data));
      });
    });
  }

  stop(): void {
    this.socket?.removeAllListeners('close');
    this.socket?.on('error', () => {}); // closing a socket that is still opening is an error of no interest
    this.socket?.close();
  }

  private takeMessage(text: string): void {
    const seenMs = performance.now();
    const message: unknown = JSON.parse(text);
    if (!text.includes('"header"')) return; // the answer to the subscription itself
    this.announced.push({ height: numberAt(message, 'result.data.value.header.height'), seenMs });
    if (this.reading) return;
    this.reading = true;
    this.readAnnounced().catch((error: unknown) => {
      this.fault = error instanceof Error ? error : new Error(String(error));
    });
  }

  private async readAnnounced(): Promise<void> {
    for (let next = this.announced.shift(); next !== undefined; next = this.announced.shift()) {
      // A slow subscriber may have missed some: they are read too, with the time of the one that was told.
      while (this.nextHeight <= next.height) {
        const height = this.nextHeight++;
        const answer = await this.client.call('block', { height: String(height) });
        this.onBlock({ height, seenMs: next.seenMs, txs: listAt(answer, 'block.data.txs') as string[] });
      }
    }
    this.reading = false;
  }
}
