import type { CheckResult } from '#app/contract.ts';
import { sha256 } from '#crypto/hash.ts';
import type { TxResult } from '#types/results.ts';
import { EMPTY_BYTES } from '#util/bytes.ts';
import type { Pause } from '#util/pause.ts';
import type { ChainReader } from './chain-reader.ts';
import type { CommitWaiter } from './commit-waiter.ts';
import { refuse } from './errors.ts';
import { base64, hex, type Json, txProofJson, txResultJson } from './json.ts';
import type { CacheRule, Method } from './method.ts';
import type { NodeApi, TxPosition } from './node-api.ts';
import { DEFAULT_PER_PAGE, MAX_PER_PAGE, pageOf, perPageOf, queryOf, sortOrderOf } from './paging.ts';
import type { ParamSpec, ParamValue } from './params.ts';
import { TxProofs } from './tx-proofs.ts';

const TX: readonly ParamSpec[] = [{ name: 'tx', kind: 'bytes' }];

const TX_SEARCH: readonly ParamSpec[] = [
  { name: 'query', kind: 'string' },
  { name: 'prove', kind: 'bool' },
  { name: 'page', kind: 'int' },
  { name: 'per_page', kind: 'int' },
  { name: 'order_by', kind: 'string' },
];

/** Methods that submit, list and find transactions. */
export class TxMethods {
  private readonly node: NodeApi;
  private readonly reader: ChainReader;
  private readonly waiter: CommitWaiter;
  private readonly proofs = new TxProofs();

  constructor(node: NodeApi, reader: ChainReader, waiter: CommitWaiter) {
    this.node = node;
    this.reader = reader;
    this.waiter = waiter;
  }

  entries(): readonly (readonly [string, Method])[] {
    return [
      ['broadcast_tx_sync', { params: TX, cache: 'never', answer: ([tx]) => this.broadcastSync(bytesOf(tx)) }],
      this.entry('broadcast_tx_async', TX, 'never', async ([tx]) => this.broadcastAsync(bytesOf(tx))),
      this.entry('broadcast_tx_commit', TX, 'never', ([tx]) => this.broadcastCommit(bytesOf(tx))),
      this.entry('check_tx', TX, 'never', async ([tx]) => checkResultJson(await this.node.checkTx(bytesOf(tx)))),
      this.entry('unconfirmed_txs', [{ name: 'limit', kind: 'int' }], 'never', async ([limit]) => this.pending(limit)),
      this.entry('num_unconfirmed_txs', [], 'never', async () => this.pendingCount()),
      this.entry(
        'tx',
        [
          { name: 'hash', kind: 'bytes' },
          { name: 'prove', kind: 'bool' },
        ],
        'always',
        ([hash, prove]) => this.tx(bytesOf(hash), prove === true),
      ),
      ['tx_search', { params: TX_SEARCH, cache: 'never', answer: (values) => this.txSearch(values) }],
    ];
  }

  private entry(
    name: string,
    params: readonly ParamSpec[],
    cache: CacheRule,
    handle: (values: readonly ParamValue[]) => Promise<Json>,
  ): readonly [string, Method] {
    return [name, { params, cache, answer: async (values) => JSON.stringify(await handle(values)) }];
  }

  /** The hot path: its few fields are put together by hand. */
  private async broadcastSync(tx: Uint8Array): Promise<string> {
    const { code, log, codespace, hash } = await this.node.submitTx(tx);
    const text = log === '' ? '""' : JSON.stringify(log);
    const space = codespace === '' ? '""' : JSON.stringify(codespace);
    return `{"code":${code},"data":"","log":${text},"codespace":${space},"hash":"${hex(hash)}"}`;
  }

  private broadcastAsync(tx: Uint8Array): Json {
    // The caller asked not to hear how the check ends; refusals are counted by the mempool.
    this.node.submitTx(tx).catch(() => {});
    return { code: 0, data: '', log: '', codespace: '', hash: hex(sha256(tx)) };
  }

  private async broadcastCommit(tx: Uint8Array): Promise<Json> {
    const wait = this.waiter.expect(sha256(tx));
    try {
      const submission = await this.node.submitTx(tx);
      const checked = { check_tx: checkResultJson(submission) };
      const hash = hex(submission.hash);
      if (submission.code !== 0) {
        return { ...checked, tx_result: txResultJson(NO_RESULT), hash, height: '0' };
      }
      const { result, height } = await wait.committed;
      return { ...checked, tx_result: txResultJson(result), hash, height: String(height) };
    } finally {
      wait.cancel();
    }
  }

  private pending(asked: ParamValue): Json {
    const limit = asked === undefined || (asked as number) < 1 ? DEFAULT_PER_PAGE : (asked as number);
    const { txs, totalCount, totalBytes } = this.node.pendingTxs(Math.min(limit, MAX_PER_PAGE));
    return {
      n_txs: String(txs.length),
      total: String(totalCount),
      total_bytes: String(totalBytes),
      txs: txs.map(base64),
    };
  }

  private pendingCount(): Json {
    const { totalCount, totalBytes } = this.node.pendingTxs(0);
    return { n_txs: String(totalCount), total: String(totalCount), total_bytes: String(totalBytes), txs: null };
  }

  private async tx(hash: Uint8Array, prove: boolean): Promise<Json> {
    const position = await this.node.txByHash(hash);
    const found = position === undefined ? undefined : await this.txJson(position, prove, this.node.newPause());
    // The index goes by a part of the hash.
    if (found === undefined || found.hash !== hex(hash)) throw refuse(`tx (${hex(hash)}) not found`);
    return found;
  }

  /** Each transaction becomes text before the next one is read: a page may have a hundred large ones. */
  private async txSearch([query, prove, page, perPage, order]: readonly ParamValue[]): Promise<string> {
    const parsed = queryOf(query);
    const sortOrder = sortOrderOf(order, 'asc');
    const found = await this.node.searchTxs(parsed);
    const shown = pageOf(sortOrder === 'asc' ? found : found.toReversed(), page, perPageOf(perPage));
    const pause = this.node.newPause();
    const txs: string[] = [];
    for (const position of shown) {
      txs.push(JSON.stringify(await this.txJson(position, prove === true, pause)));
      await pause();
    }
    return `{"txs":[${txs.join(',')}],"total_count":"${found.length}"}`;
  }

  private async txJson(position: TxPosition, prove: boolean, pause: Pause): Promise<{ readonly [key: string]: Json }> {
    const { height, index } = position;
    const { tx, result } = this.reader.present(await this.node.tx(position), height);
    const found = {
      hash: hex(sha256(tx)),
      height: String(height),
      index,
      tx_result: txResultJson(result),
      tx: base64(tx),
    };
    if (!prove) return found;
    const { block } = await this.reader.block(height);
    const { root, proof } = await this.proofs.proof(height, block.txs, index, pause);
    return { ...found, proof: txProofJson(root, tx, proof) };
  }
}

const NO_RESULT: TxResult = {
  code: 0,
  data: EMPTY_BYTES,
  log: '',
  info: '',
  gasWanted: 0n,
  gasUsed: 0n,
  events: [],
  codespace: '',
};

function checkResultJson(result: CheckResult): Json {
  return {
    code: result.code,
    data: null,
    log: result.log,
    info: '',
    gas_wanted: String(result.gasWanted),
    gas_used: String(result.gasUsed),
    events: [],
    codespace: result.codespace,
  };
}

/** An absent transaction or hash is an empty one. */
function bytesOf(value: ParamValue): Uint8Array {
  return (value as Uint8Array | undefined) ?? EMPTY_BYTES;
}
