import { Agent, request } from 'node:http';
import { RpcServer } from '#rpc/server.ts';
import { RecordedChain } from '../../support/recorded-chain.ts';
import { RecordedNode } from '../../support/recorded-node.ts';
import { Indexer } from '#indexer/indexer.ts';
import { openLevel } from '#storage/level.ts';
import { createHash } from 'node:crypto';
import { fork } from 'node:child_process';

if (process.argv[2] === 'client') {
  const url = new URL(process.argv[3]!);
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const tx = Buffer.alloc(300, 7).toString('base64');
  const n = 20000; let done = 0, sent = 0;
  const one = () => { if (sent++ >= n) return; const body = JSON.stringify({ jsonrpc: '2.0', id: sent, method: 'broadcast_tx_sync', params: { tx } });
    const r = request({ agent, host: url.hostname, port: url.port, method: 'POST', path: '/', headers: { 'content-type': 'application/json', 'content-length': body.length } }, (res) => { res.resume(); res.on('end', () => { if (++done === n) process.exit(0); one(); }); }); r.end(body); };
  for (let i = 0; i < 8; i++) one();
} else {
  const chain = new RecordedChain();
  const node = await RecordedNode.create(chain);
  const hash = new Uint8Array(32);
  node.submitTx = async () => ({ code: 0, codespace: '', log: '', gasWanted: 1n, gasUsed: 1n, hash });
  const server = new RpcServer({ node }, { port: 0 });
  await server.start();
  const start = process.cpuUsage();
  const child = fork(process.argv[1]!, ['client', server.url]);
  await new Promise((r) => child.on('exit', r));
  const used = process.cpuUsage(start);
  console.log('us CPU per broadcast_tx_sync', (used.user + used.system) / 20000);
  await server.stop();
  // index: recorded MsgSend
  const results = chain.results.get(20)!;
  const kv = await openLevel('/tmp/bench-index-' + process.pid, {} as never);
  const indexer = new Indexer({ kv, reader: { base: () => 1, head: () => 1, results: async () => undefined } });
  let bytes = 0, puts = 0, us = 0n, txs = 0, idx = 0;
  for (let h = 1; h <= 50; h++) {
    const per = 1000;
    const txResults = Array.from({ length: per }, (_, i) => {
      const n = h * per + i;
      const base = results.txResults[i % 40]!;
      return { ...base, events: base.events.map((e) => ({ ...e, attributes: e.attributes.map((a) => ({ ...a, value: /^cosmos1/.test(a.value) ? (a.value.includes('/') ? `cosmos1${n % 200}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/${n}` : a.key === 'fee_payer' || a.key === 'sender' || a.key === 'spender' ? `cosmos1${n % 200}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa` : `cosmos1${(n * 7) % 200}bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb`) : a.key === 'signature' ? createHash('sha512').update(String(n)).digest('base64') : a.value })) })) };
    });
    const txHashes = txResults.map((_, i) => new Uint8Array(createHash('sha256').update(`${h}/${i}`).digest()));
    const batch = kv.batch();
    const counting = { put: (k: Uint8Array, v: Uint8Array) => { bytes += k.length + v.length; puts++; batch.put(k, v); }, delete: () => {}, get length() { return 0; }, write: async () => {} };
    const t = process.cpuUsage();
    indexer.index(counting, { height: h, txHashes, txResults, blockEvents: [] });
    const d = process.cpuUsage(t); us += BigInt(d.user + d.system);
    await batch.write({ sync: true });
    txs += per; idx = 0;
  }
  console.log('index per tx: bytes', bytes / txs, 'puts', puts / txs, 'us', Number(us) / txs);
  await kv.close();
  console.log((await import('node:child_process')).execSync(`du -sb /tmp/bench-index-${process.pid}`).toString(), txs);
}
