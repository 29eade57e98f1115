import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { main } from '#cli/program.ts';
import type { Terminal } from '#cli/terminal.ts';
import { commitJson, headerJson, validatorJson } from '#rpc/json.ts';
import type { LightBlock } from '#types/light-block.ts';

export type Params = Readonly<Record<string, string>>;
export type Methods = Readonly<Record<string, (params: Params) => unknown>>;

/** CometBFT's size of a page, whatever was asked for. */
const PER_PAGE_MAX = 100;

/** JSON-RPC over POST with a test's own answers; what a method throws is its error. */
export class FakeRpc {
  readonly url: string;
  readonly calls: { readonly method: string; readonly params: Params }[] = [];
  private readonly server: Server;

  private constructor(server: Server) {
    this.server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(methods: Methods): Promise<FakeRpc> {
    const server = createServer((request, response) => {
      void text(request).then(async (body) => {
        const { id, method, params } = JSON.parse(body) as { id: number; method: string; params: Params };
        fake.calls.push({ method, params });
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ jsonrpc: '2.0', id, ...(await answerOf(methods, method, params)) }));
      });
    });
    server.listen({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    const fake = new FakeRpc(server);
    return fake;
  }

  async stop(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }
}

async function answerOf(methods: Methods, method: string, params: Params): Promise<Record<string, unknown>> {
  try {
    const answer = await methods[method]?.(params);
    if (answer === undefined) throw new Error(`no method ${method}`);
    return { result: answer };
  } catch (error) {
    return { error: { code: -32603, message: 'Internal error', data: (error as Error).message } };
  }
}

/** What a node with these light blocks answers, from height 1 to `head()`. */
export function lightMethods(chainId: string, head: () => number, block: (height: number) => LightBlock): Methods {
  const heightOf = ({ height = String(head()) }: Params): number => {
    const wanted = Number(height);
    if (wanted <= head()) return wanted;
    throw new Error(`height ${wanted} must be less than or equal to the current blockchain height ${head()}`);
  };
  return {
    status: () => ({ node_info: { network: chainId }, sync_info: { latest_block_height: String(head()) } }),
    commit: (params) => {
      const { header, commit } = block(heightOf(params));
      return { signed_header: { header: headerJson(header), commit: commitJson(commit) }, canonical: true };
    },
    validators: (params) => {
      const height = heightOf(params);
      const { validators } = block(height).validators;
      const size = Math.min(Number(params.per_page), PER_PAGE_MAX);
      const start = (Number(params.page) - 1) * size;
      if (start >= validators.length) throw new Error('page should be within range');
      const part = validators.slice(start, start + size);
      return {
        block_height: String(height),
        validators: part.map(validatorJson),
        count: String(part.length),
        total: String(validators.length),
      };
    },
  };
}

export interface Run {
  readonly code: number;
  readonly out: string[];
  readonly errors: string[];
}

/** Runs a command as a person without a terminal would. */
export async function run(args: readonly string[], environment: Record<string, string> = {}): Promise<Run> {
  const out: string[] = [];
  const errors: string[] = [];
  const terminal: Terminal = {
    environment,
    interactive: false,
    line: (line) => void out.push(line),
    warn: (line) => void errors.push(line),
    progress: () => {},
    ask: () => Promise.reject(new Error('no terminal')),
    flush: () => Promise.resolve(),
    readInput: () => Promise.resolve(undefined),
  };
  return { code: await main(args, terminal), out, errors };
}
