import { setImmediate } from 'node:timers/promises';
import { SerialQueue } from '#util/serial-queue.ts';
import { blockResultsText } from './block-results-text.ts';
import type { ChainReader } from './chain-reader.ts';
import { refuse } from './errors.ts';
import { GenesisDocument } from './genesis-document.ts';
import {
  base64,
  blockIdJson,
  blockJson,
  blockMetaJson,
  commitJson,
  consensusParamsJson,
  headerJson,
  type Json,
  validatorJson,
} from './json.ts';
import type { CacheRule, Method } from './method.ts';
import type { NodeApi, StoredBlock } from './node-api.ts';
import { pageOf, perPageOf, queryOf, sortOrderOf } from './paging.ts';
import type { ParamSpec, ParamValue } from './params.ts';

/** Whole blocks in one page, as JSON: 32 MiB, some full blocks. A page has one block in any case. */
const MAX_BLOCK_PAGE_LENGTH = 32 * 1024 * 1024;
/** CometBFT's limit of block metas in one answer. */
const MAX_BLOCK_METAS = 20;

const HEIGHT: ParamSpec = { name: 'height', kind: 'int' };
const PAGE: readonly ParamSpec[] = [
  { name: 'page', kind: 'int' },
  { name: 'per_page', kind: 'int' },
];

const NO_BLOCK: Json = { block_id: { hash: '', parts: { total: 0, hash: '' } }, block: null };

/** Methods that read the chain. */
export class ChainMethods {
  private readonly node: NodeApi;
  private readonly reader: ChainReader;
  /** One page of whole blocks is put together at a time: hundreds of clients could ask for one at once. */
  private readonly blockPages = new SerialQueue();
  private readonly largeAnswers = new SerialQueue();
  private genesisDocument: GenesisDocument | undefined;

  constructor(node: NodeApi, reader: ChainReader) {
    this.node = node;
    this.reader = reader;
  }

  entries(): readonly (readonly [string, Method])[] {
    return [
      ['genesis', { params: [], cache: 'always', answer: () => this.genesis() }],
      this.entry('genesis_chunked', [{ name: 'chunk', kind: 'int' }], 'always', async ([chunk]) => this.chunk(chunk)),
      this.entry(
        'blockchain',
        [
          { name: 'minHeight', kind: 'int' },
          { name: 'maxHeight', kind: 'int' },
        ],
        'always',
        ([min, max]) => this.blockchain(min, max),
      ),
      this.largeEntry('block', [HEIGHT], 'height', async ([height]) =>
        storedBlockJson(await this.reader.block(this.reader.height(height))),
      ),
      this.largeEntry('block_by_hash', [{ name: 'hash', kind: 'bytes' }], 'always', ([hash]) => this.blockByHash(hash)),
      this.entry('header', [HEIGHT], 'height', async ([height]) => this.header(this.reader.height(height))),
      this.entry('header_by_hash', [{ name: 'hash', kind: 'hexBytes' }], 'always', ([hash]) => this.headerByHash(hash)),
      [
        'block_results',
        {
          params: [HEIGHT],
          cache: 'height',
          answer: ([height]) => this.largeAnswers.run(() => this.blockResults(height)),
        },
      ],
      this.entry('commit', [HEIGHT], 'height', ([height]) => this.commit(height)),
      this.entry('validators', [HEIGHT, ...PAGE], 'height', ([height, page, perPage]) =>
        this.validators(height, page, perPage),
      ),
      this.entry('consensus_params', [HEIGHT], 'height', ([height]) => this.consensusParams(height)),
      [
        'block_search',
        {
          params: [{ name: 'query', kind: 'string' }, ...PAGE, { name: 'order_by', kind: 'string' }],
          cache: 'never',
          answer: ([query, page, perPage, order]) => this.blockSearch(query, page, perPage, order),
        },
      ],
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

  private largeEntry(...[name, params, cache, handle]: Parameters<ChainMethods['entry']>): readonly [string, Method] {
    return [name, { params, cache, answer: (values) => this.inTurn(() => handle(values)) }];
  }

  /**
   * Renders one large answer in a turn of the event loop. Reads answer from memory: all that came at once would be
   * rendered before a byte of the first is sent, and before a frame of consensus is looked at.
   */
  private inTurn(read: () => Promise<Json>): Promise<string> {
    return this.largeAnswers.run(async () => {
      await setImmediate();
      return JSON.stringify(await read());
    });
  }

  /** Made when somebody first asks: a large one takes a tenth of a second and more. */
  private document(): GenesisDocument {
    this.genesisDocument ??= new GenesisDocument(this.node.genesis);
    return this.genesisDocument;
  }

  private async genesis(): Promise<string> {
    const { text } = this.document();
    if (text === undefined) throw refuse('genesis response is large, please use the genesis_chunked API instead');
    return `{"genesis":${text}}`;
  }

  private chunk(asked: ParamValue): Json {
    const document = this.document();
    const total = document.chunkCount;
    const chunk = (asked as number | undefined) ?? 0;
    if (chunk < 0 || chunk >= total) throw refuse(`there are ${total - 1} chunks, ${chunk} is invalid`);
    return { chunk: String(chunk), total: String(total), data: base64(document.chunk(chunk)) };
  }

  private async blockchain(askedMin: ParamValue, askedMax: ParamValue): Promise<Json> {
    const head = this.node.head();
    let min = ((askedMin as number | undefined) ?? 0) || 1;
    let max = ((askedMax as number | undefined) ?? 0) || head;
    if (min < 0 || max < 0) throw refuse('heights must be non-negative');
    max = Math.min(max, head);
    min = Math.max(min, this.node.base(), max - MAX_BLOCK_METAS + 1);
    if (min > max) throw refuse(`min height ${min} can't be greater than max height ${max}`);
    const heights = Array.from({ length: max - min + 1 }, (_, i) => max - i);
    const metas = await Promise.all(heights.map((height) => this.node.blockMeta(height)));
    return {
      last_height: String(head),
      block_metas: metas.filter((meta) => meta !== undefined).map(blockMetaJson),
    };
  }

  private async blockByHash(hash: ParamValue): Promise<Json> {
    const height = await this.node.heightByHash((hash as Uint8Array | undefined) ?? new Uint8Array(0));
    return height === undefined ? NO_BLOCK : storedBlockJson(await this.reader.block(height));
  }

  private async header(height: number): Promise<Json> {
    const meta = this.reader.present(await this.node.blockMeta(height), height);
    return { header: headerJson(meta.header) };
  }

  private async headerByHash(hash: ParamValue): Promise<Json> {
    const height = await this.node.heightByHash((hash as Uint8Array | undefined) ?? new Uint8Array(0));
    return height === undefined ? { header: null } : this.header(height);
  }

  private async blockResults(asked: ParamValue): Promise<string> {
    const results = await this.reader.blockResults(this.reader.height(asked));
    return blockResultsText(results, this.node.newPause());
  }

  private async commit(asked: ParamValue): Promise<Json> {
    const height = this.reader.height(asked);
    const meta = this.reader.present(await this.node.blockMeta(height), height);
    const { commit, canonical } = this.reader.present(await this.node.commit(height), height);
    return { signed_header: { header: headerJson(meta.header), commit: commitJson(commit) }, canonical };
  }

  private async validators(asked: ParamValue, page: ParamValue, askedPerPage: ParamValue): Promise<Json> {
    const height = this.reader.height(asked, 1);
    const set = this.reader.present(await this.node.validators(height), height);
    const shown = pageOf(set.validators, page, perPageOf(askedPerPage));
    return {
      block_height: String(height),
      validators: shown.map(validatorJson),
      count: String(shown.length),
      total: String(set.size),
    };
  }

  private async consensusParams(asked: ParamValue): Promise<Json> {
    const height = this.reader.height(asked, 1);
    const params = this.reader.present(await this.node.consensusParams(height), height);
    return { block_height: String(height), consensus_params: consensusParamsJson(params) };
  }

  private async blockSearch(query: ParamValue, page: ParamValue, size: ParamValue, order: ParamValue): Promise<string> {
    const parsed = queryOf(query);
    const sortOrder = sortOrderOf(order, 'desc');
    const found = await this.node.searchBlocks(parsed);
    const shown = pageOf(sortOrder === 'asc' ? found : found.toReversed(), page, perPageOf(size));
    return this.blockPages.run(async () => {
      const texts = await this.blockTexts(shown);
      return `{"blocks":[${texts.join(',')}],"total_count":"${found.length}"}`;
    });
  }

  /** Each block is rendered when it was read, so that what is held at once is known while the page grows. */
  private async blockTexts(heights: readonly number[]): Promise<string[]> {
    const texts: string[] = [];
    let length = 0;
    for (const height of heights) {
      const text = await this.inTurn(async () => storedBlockJson(await this.reader.block(height)));
      length += text.length;
      if (length > MAX_BLOCK_PAGE_LENGTH && texts.length > 0) {
        throw refuse(`the blocks of this page are too large for one answer; ask with a per_page of ${texts.length}`);
      }
      texts.push(text);
    }
    return texts;
  }
}

function storedBlockJson({ block, blockId }: StoredBlock): Json {
  return { block_id: blockIdJson(blockId), block: blockJson(block) };
}
