import { at, listAt, numberAt, textAt } from '#cli/json-shape.ts';
import { RpcClient } from '#cli/rpc-client.ts';

/** Milliseconds; on one machine a longer silence means a dead or stuck node. */
const RPC_TIMEOUT_MS = 3_000;
/** Blocks over which rates are taken: the most that one `blockchain` call gives. */
const RATE_BLOCKS = 20;

/** One look at a node; undefined fields could not be read. */
export interface NodeView {
  readonly height: number;
  /** Round in which the newest block was decided. */
  readonly round: number;
  readonly peers: number;
}

export interface Rates {
  readonly txPerSecond: number;
  /** Seconds between blocks. */
  readonly blockSeconds: number;
}

/** What a node says about one height, to be compared with the others. */
export interface HeightView {
  readonly blockId: string;
  /** State after the height, upper-case hex. */
  readonly appHash: string;
}

/** Reads one node over RPC. Every method resolves to undefined when the node does not answer. */
export class Watcher {
  private readonly client: RpcClient;

  constructor(url: string) {
    this.client = new RpcClient(url, { timeoutMs: RPC_TIMEOUT_MS });
  }

  private async quietly<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch {
      return undefined; // dead, starting or busy: what the caller shows as such
    }
  }

  height(): Promise<number | undefined> {
    return this.quietly(() => this.client.height());
  }

  view(): Promise<NodeView | undefined> {
    return this.quietly(async () => {
      const [commit, network] = await Promise.all([this.client.call('commit'), this.client.call('net_info')]);
      return {
        height: numberAt(commit, 'signed_header.commit.height'),
        round: numberAt(commit, 'signed_header.commit.round'),
        peers: listAt(network, 'peers').length,
      };
    });
  }

  rates(height: number): Promise<Rates | undefined> {
    return this.quietly(async () => {
      const minHeight = String(Math.max(1, height - RATE_BLOCKS + 1));
      const answer = await this.client.call('blockchain', { minHeight, maxHeight: String(height) });
      return ratesOf(listAt(answer, 'block_metas'));
    });
  }

  heightView(height: number): Promise<HeightView | undefined> {
    return this.quietly(async () => {
      const params = { height: String(height) };
      const [commit, results] = await Promise.all([
        this.client.call('commit', params),
        this.client.call('block_results', params),
      ]);
      return {
        blockId: textAt(commit, 'signed_header.commit.block_id.hash'),
        appHash: Buffer.from(textAt(results, 'app_hash'), 'base64').toString('hex').toUpperCase(),
      };
    });
  }
}

/** Of block metas, newest first. The oldest block only marks where the time starts. */
export function ratesOf(metas: readonly unknown[]): Rates | undefined {
  const newest = metas[0];
  const oldest = metas.at(-1);
  if (metas.length < 2) return undefined;
  const seconds = (Date.parse(textAt(newest, 'header.time')) - Date.parse(textAt(oldest, 'header.time'))) / 1_000;
  if (!(seconds > 0)) return undefined;
  const txs = metas.slice(0, -1).reduce<number>((sum, meta) => sum + Number(at(meta, 'num_txs') ?? 0), 0);
  return { txPerSecond: txs / seconds, blockSeconds: seconds / (metas.length - 1) };
}
