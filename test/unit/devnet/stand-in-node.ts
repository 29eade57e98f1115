/**
 * Stands in for a node in tests of the devnet's supervision: takes `start --home HOME`, answers the few RPC methods
 * that the devnet asks, gains a height every 20 ms. `STAND_IN` (JSON by moniker) makes it misbehave.
 */
import { createServer } from 'node:http';
import { parseTcpAddress } from '#config/address.ts';
import { homePaths, loadHomeSettings } from '#config/home.ts';

const BLOCK_MS = 20;

interface Misbehaviour {
  /** Ends at once, or when it has this height. */
  readonly exitCode?: number;
  readonly exitAtHeight?: number;
  readonly appHash?: string;
  readonly ignoreSigterm?: boolean;
}

const home = process.argv[process.argv.indexOf('--home') + 1] ?? '';
const settings = await loadHomeSettings(home, {});
const all = JSON.parse(process.env.STAND_IN ?? '{}') as Record<string, Misbehaviour>;
const faults = all[settings.moniker] ?? {};
const startedAt = Date.now();

function height(): number {
  return Math.floor((Date.now() - startedAt) / BLOCK_MS);
}

function result(method: string): unknown {
  const appHash = Buffer.from(faults.appHash ?? 'state').toString('base64');
  switch (method) {
    case 'status':
      return { sync_info: { latest_block_height: String(height()) } };
    case 'net_info':
      return { peers: [] };
    case 'commit':
      return { signed_header: { commit: { height: String(height()), round: 0, block_id: { hash: 'AB' } } } };
    case 'block_results':
      return { app_hash: appHash };
    case 'blockchain':
      return { block_metas: [] };
    default:
      return undefined;
  }
}

if (faults.exitCode !== undefined && faults.exitAtHeight === undefined) {
  console.error(`stand-in of ${homePaths(home).home}\nsomething is broken here`);
  process.exit(faults.exitCode);
}
if (faults.exitAtHeight !== undefined) {
  setTimeout(() => process.exit(faults.exitCode ?? 0), BLOCK_MS * faults.exitAtHeight);
}
if (faults.ignoreSigterm === true) process.on('SIGTERM', () => {});
process.stdin.on('end', () => process.exit(0)).resume();

createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => {
    body += chunk;
  });
  request.on('end', () => {
    const { id, method } = JSON.parse(body) as { id: number; method: string };
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: result(method) }));
  });
}).listen(parseTcpAddress(settings.rpc.laddr)?.port, '127.0.0.1');
