import { blockRequest, buildTx, chainOf, DENOM, genesisOf, send, wallet } from './support.ts';

const N = 2000;
const ws = Array.from({ length: N }, (_, i) => wallet(`w${i}`));
const chain = chainOf(genesisOf(ws.map((w) => ({ address: w.text, amount: 10n ** 12n }))));
const { ledger, state } = chain;
const txs: Uint8Array[] = [];
for (let r = 0; r < 5; r++)
  for (let i = 0; i < N; i++) {
    const w = ws[i]!;
    txs.push(
      buildTx({
        messages: [send(w.text, ws[(i * 7 + 1) % N]!.text, 1)],
        signers: [{ wallet: w, sequence: BigInt(r), accountNumber: BigInt(i + 1) }],
        fee: { amount: [{ denom: DENOM, amount: '500' }], gasLimit: 100000n },
      }),
    );
  }
const t = () => {
  const u = process.cpuUsage();
  return u.user + u.system;
};
for (let k = 0; k < 5; k++) {
  let a = t();
  const ds = txs.map((x) => ledger.decodeTx(x));
  console.log('decode', ((t() - a) / txs.length).toFixed(2));
  ledger.resetPending();
  a = t();
  const vr = await ledger.verifyTxs(ds);
  console.log('verify', ((t() - a) / txs.length).toFixed(2), vr.filter((x) => x.code).length);
  ledger.resetPending();
  a = t();
  let bad = 0;
  for (const d of ds) {
    const r = ledger.checkTx(d, 'new');
    if (r.code) {
      bad++;
    }
  }
  console.log('check new', ((t() - a) / txs.length).toFixed(2), 'bad', bad);
  ledger.resetPending();
  a = t();
  bad = 0;
  for (const d of ds) {
    const r = ledger.checkTx(d, 'recheck');
    if (r.code) bad++;
  }
  console.log('recheck', ((t() - a) / txs.length).toFixed(2), 'bad', bad);
  a = t();
  for (const d of ds) ledger.touches(d);
  console.log('touches', ((t() - a) / txs.length).toFixed(2));
  for (const n of [10000, 1000]) {
    a = t();
    const ex = await ledger.execute(blockRequest(1, txs.slice(0, n)), { decoded: (i) => ds[i] });
    console.log(
      'execute',
      n,
      ((t() - a) / n).toFixed(2),
      ex.txResults.filter((r) => r.code).length,
      ex.txResults[0]!.gasUsed,
      'changes',
      [...ex.changes.values()].reduce((a, m) => a + m.size, 0),
    );
  }
}
