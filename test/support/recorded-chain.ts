import { readFileSync } from 'node:fs';
import type { BlockMeta, BlockResults, StoredBlock, StoredCommit } from '#rpc/node-api.ts';
import { encodeBlock } from '#types/block.ts';
import type { Validator } from '#types/validator-set.ts';
import {
  base64Bytes,
  blockFrom,
  blockIdFrom,
  commitFrom,
  eventFrom,
  headerFrom,
  paramsFrom,
  type Recorded,
  txResultFrom,
  validatorFrom,
  validatorUpdateFrom,
} from './recorded-json.ts';

const DIRECTORY = new URL('../vectors/data/cometbft-0.38.26/', import.meta.url);

/** One recorded request with a real node's answer. */
export interface RecordedExchange {
  readonly request: { readonly method: string; readonly path: string; readonly body?: unknown };
  readonly status: number;
  readonly content_type: string;
  readonly cache_control: string;
  readonly body: string;
}

export function readLines<T = Recorded>(name: string): T[] {
  const text = readFileSync(new URL(`${name}.jsonl`, DIRECTORY), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}

/** The recorded chain in domain types: heights 1 to 90, and what the recorded answers show of 176 to 196. */
export class RecordedChain {
  readonly exchanges = readLines<RecordedExchange>('rpc');
  readonly genesis = readLines('genesis')[0] as Recorded;
  readonly params = paramsFrom((readLines('consensus_params')[0] as Recorded).consensus_params);
  readonly blocks = new Map<number, StoredBlock>();
  readonly metas = new Map<number, BlockMeta>();
  readonly commits = new Map<number, StoredCommit>();
  readonly results = new Map<number, BlockResults>();
  readonly validators = new Map<number, readonly Validator[]>();

  constructor() {
    for (const json of readLines('blocks')) this.addBlock(json);
    for (const json of readLines('commits')) this.addCommit(json);
    for (const json of readLines('block_results')) this.addResults(json);
    for (const json of readLines('validators')) this.addValidators(json);
    for (const { body, content_type } of this.exchanges) {
      if (content_type === 'application/json') this.addAnswer(JSON.parse(body).result);
    }
  }

  /** Result of the first recorded request whose path starts with `path`. */
  answer(path: string): Recorded {
    const found = this.exchanges.find(({ request }) => request.path.startsWith(path));
    return JSON.parse(found?.body ?? '{}').result;
  }

  /** Result of the recorded POST of `method`. */
  posted(method: string): Recorded {
    const found = this.exchanges.find(({ request }) => (request.body as Recorded | undefined)?.method === method);
    return JSON.parse(found?.body ?? '{}').result;
  }

  private addAnswer(result: Recorded | undefined): void {
    if (result?.block) this.addBlock(result);
    if (result?.signed_header) this.addCommit(result);
    for (const block of result?.blocks ?? []) this.addBlock(block);
    for (const meta of result?.block_metas ?? []) {
      const header = headerFrom(meta.header);
      const blockId = blockIdFrom(meta.block_id);
      const [blockSize, txCount] = [Number(meta.block_size), Number(meta.num_txs)];
      this.metas.set(header.height, { header, blockId, blockSize, txCount });
    }
    if (result?.validators && Number(result.count) > 1) this.addValidators(result);
  }

  private addBlock(json: Recorded): void {
    const block = blockFrom(json.block);
    const blockId = blockIdFrom(json.block_id);
    const { header, txs } = block;
    this.blocks.set(header.height, { block, blockId });
    this.metas.set(header.height, { header, blockId, blockSize: encodeBlock(block).length, txCount: txs.length });
  }

  private addCommit(json: Recorded): void {
    const commit = commitFrom(json.signed_header.commit);
    this.commits.set(commit.height, { commit, canonical: json.canonical });
  }

  private addResults(json: Recorded): void {
    const height = Number(json.height);
    this.results.set(height, {
      height,
      txResults: (json.txs_results ?? []).map(txResultFrom),
      blockEvents: (json.finalize_block_events ?? []).map(eventFrom),
      validatorUpdates: (json.validator_updates ?? []).map(validatorUpdateFrom),
      consensusParams: paramsFrom(json.consensus_param_updates),
      appHash: base64Bytes(json.app_hash),
    });
  }

  private addValidators(json: Recorded): void {
    this.validators.set(Number(json.block_height), json.validators.map(validatorFrom));
  }
}
