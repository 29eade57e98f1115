import { call, pause } from './rpc.ts';

const RECONNECT_MS = 100;

export interface ReportedBlock {
  readonly height: number;
  readonly hash: string;
  /** Base64. */
  readonly txs: readonly string[];
}

interface BlockJson {
  readonly header: { readonly height: string };
  readonly data: { readonly txs: readonly string[] };
}

interface Notice {
  readonly result?: {
    readonly data?: { readonly value: { readonly block: BlockJson; readonly block_id: { hash: string } } };
  };
}

/**
 * Everything that one node tells a client about its blocks, from the moment in which it says so: subscribed as a wallet
 * is, again after each of the node's deaths, and the heights between read back.
 */
export class BlockReader {
  private readonly rpc: string;
  private readonly onBlock: (block: ReportedBlock) => void;
  private readonly done: Promise<void>;
  private running = true;
  private socket: WebSocket | undefined;
  /** Read without a gap up to here. */
  private height = 0;

  constructor(rpc: string, onBlock: (block: ReportedBlock) => void) {
    this.rpc = rpc;
    this.onBlock = onBlock;
    this.done = this.follow();
  }

  stop(): Promise<void> {
    this.running = false;
    this.socket?.close();
    return this.done;
  }

  private async follow(): Promise<void> {
    while (this.running) {
      await this.session().catch(() => {
        // The node is down: again, until it is back.
      });
      await pause(RECONNECT_MS);
    }
  }

  /** One connection, to its end. */
  private async session(): Promise<void> {
    const socket = new WebSocket(`${this.rpc.replace(/^http/, 'ws')}/websocket`);
    this.socket = socket;
    const closed = new Promise<void>((resolve) => socket.addEventListener('close', () => resolve(), { once: true }));
    const opened = new Promise<void>((resolve) => socket.addEventListener('open', () => resolve(), { once: true }));
    await Promise.race([opened, closed]);
    if (socket.readyState !== WebSocket.OPEN) return;
    socket.addEventListener('message', ({ data }) => this.notice(JSON.parse(String(data)) as Notice));
    const request = { jsonrpc: '2.0', id: 1, method: 'subscribe', params: { query: "tm.event = 'NewBlock'" } };
    socket.send(JSON.stringify(request));
    await this.readBack().catch(() => socket.close());
    await closed;
  }

  private notice({ result }: Notice): void {
    const value = result?.data?.value;
    if (value !== undefined) this.report(value.block, value.block_id.hash);
  }

  private async readBack(): Promise<void> {
    const status = await call<{ sync_info: { latest_block_height: string } }>(this.rpc, 'status');
    const head = Number(status.sync_info.latest_block_height);
    for (let height = this.height + 1; height <= head && this.running; height++) {
      const { block, block_id } = await call<{ block: BlockJson; block_id: { hash: string } }>(this.rpc, 'block', {
        height: String(height),
      });
      this.report(block, block_id.hash);
      this.height = height;
    }
  }

  private report(block: BlockJson, hash: string): void {
    this.onBlock({ height: Number(block.header.height), hash, txs: block.data.txs });
  }
}
