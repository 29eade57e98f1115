import type { BlockExecution } from '#app/contract.ts';
import type { DecodedTx } from '#app/tx.ts';
import { sha256 } from '#crypto/hash.ts';
import { Indexer } from '#indexer/indexer.ts';
import { encodeResultRow, RESULTS_PER_ROW } from '#storage/block-rows.ts';
import type { BlockStore } from '#storage/block-store.ts';
import { assert } from '#util/assert.ts';
import { blockRequest } from '../../unit/app/support.ts';
import type { BenchContext } from '../context.ts';
import { figuresTable, measure } from '../repeat.ts';
import type { Section, Table } from '../report.ts';
import { CountingBatch } from './counting-batch.ts';
import { makeTransfers, type Transfers } from './transfers.ts';

const TRANSFERS = 2_000;

class LedgerBench {
  private readonly transfers: Transfers;
  private readonly repetitions: number;
  private readonly hashes: readonly Uint8Array[];
  private decoded: DecodedTx[] = [];

  constructor(transfers: Transfers, repetitions: number) {
    this.transfers = transfers;
    this.repetitions = repetitions;
    this.hashes = transfers.txs.map((tx) => sha256(tx));
  }

  private measure(what: string, prepare: () => unknown, run: () => unknown) {
    return measure({ what, operations: TRANSFERS, repetitions: this.repetitions, prepare, run });
  }

  private decodeAll(): void {
    this.decoded = this.transfers.txs.map((tx) => this.transfers.ledger.decodeTx(tx));
  }

  private async decodeAndVerify(): Promise<void> {
    const { ledger } = this.transfers;
    this.decodeAll();
    ledger.resetPending();
    const results = await ledger.verifyTxs(this.decoded);
    assert(
      results.every(({ code }) => code === 0),
      'all signatures are good',
    );
  }

  private execute(): Promise<BlockExecution> {
    const request = blockRequest(1, this.transfers.txs);
    return this.transfers.ledger.execute(request, { decoded: (index) => this.decoded[index] });
  }

  async run(): Promise<Section> {
    const { ledger, state } = this.transfers;
    const nothing = () => undefined;
    const figures = [
      await this.measure('decode, with the hash', nothing, () => this.decodeAll()),
      await this.measure(
        'verify the signature, in one batch',
        () => this.decodeAll(),
        () => ledger.verifyTxs(this.decoded),
      ),
      await this.measure(
        'check against pending state',
        () => this.decodeAndVerify(),
        () => {
          for (const tx of this.decoded) assert(ledger.checkTx(tx, 'new').code === 0, 'is admitted');
        },
      ),
      await this.measure(
        'execute (decoded and verified before)',
        () => this.decodeAndVerify(),
        () => this.execute(),
      ),
    ];
    const execution = await this.execute();
    assert(
      execution.txResults.every(({ code }) => code === 0),
      'all transfers succeed',
    );
    figures.push(
      await this.measure('stage the block in the state tree', nothing, async () =>
        state.discard(await state.stage(1, execution.changes)),
      ),
      await this.measure('encode the results', nothing, () => this.resultBytes(execution)),
      await this.measure('make the index rows', nothing, () => this.index(execution)),
    );
    const index = await this.index(execution);
    return {
      name: 'ledger',
      notes: [
        `A block of ${TRANSFERS} transfers among 200 accounts, rows in memory, no network and no disk; CPU time.`,
      ],
      tables: [figuresTable('The steps of a transfer, microseconds for each', figures), this.sizes(execution, index)],
    };
  }

  /** Bytes of all result rows. */
  private resultBytes({ txResults }: BlockExecution): number {
    let bytes = 0;
    for (let from = 0; from < txResults.length; from += RESULTS_PER_ROW)
      bytes += encodeResultRow(from, txResults, this.transfers.txs).length;
    return bytes;
  }

  private async index({ txResults, blockEvents }: BlockExecution): Promise<CountingBatch> {
    const reader = { base: () => 0, head: () => 0, results: async (): ReturnType<ResultsOf> => undefined };
    const batch = new CountingBatch();
    const indexer = new Indexer({ kv: this.transfers.kv, reader });
    await indexer.index(batch, { height: 1, txHashes: this.hashes, txResults, blockEvents });
    return batch;
  }

  private sizes(execution: BlockExecution, index: CountingBatch): Table {
    const txBytes = this.transfers.txs.reduce((sum, tx) => sum + tx.length, 0);
    const row = (what: string, bytes: number, rows?: number) => [
      what,
      bytes / TRANSFERS,
      rows === undefined ? undefined : rows / TRANSFERS,
    ];
    return {
      title: 'Bytes of a transfer before compression',
      columns: ['what', 'bytes/tx', 'rows/tx'],
      rows: [
        row('the transaction itself', txBytes),
        row('its result', this.resultBytes(execution)),
        row('its index rows', index.bytes, index.length),
      ],
    };
  }
}

type ResultsOf = () => Promise<ReturnType<BlockStore['results']>>;

export async function ledgerPart({ quick, progress }: BenchContext): Promise<Section> {
  progress('ledger');
  return new LedgerBench(await makeTransfers(TRANSFERS), quick ? 3 : 15).run();
}
