import { setTimeout as delay } from 'node:timers/promises';
import { isLightError, type LightBlock, type LightProvider, lightError } from '#light/index.ts';
import { evidenceJson } from '#rpc/json.ts';
import { commitFromJson, headerFromJson, validatorsFromJson } from '#rpc/light-block-from-json.ts';
import type { LightClientAttackEvidence } from '#types/evidence.ts';
import { MAX_VALIDATORS } from '#types/limits.ts';
import { type Validator, ValidatorSet } from '#types/validator-set.ts';
import { BizraError } from '#util/errors.ts';
import { at, listAt, numberAt } from './json-shape.ts';
import { RpcClient } from './rpc-client.ts';

/** CometBFT's largest page. */
const PER_PAGE = 100;
/** A commit of 10,000 validators takes some 3 MB in JSON. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
/** Nodes of one network learn of a block within a blink, not at once: as far behind as this, one is waited for. */
const LAG_HEIGHTS = 2;
const LAG_TIMEOUT_MS = 5_000;
const LAG_POLL_MS = 200;
const NOT_YET = /must be less than or equal to the current blockchain height (\d+)/;
const GONE = /is not available, lowest height is \d+/;

/** Light blocks from a node's RPC: bizra-node's or CometBFT's. */
export class RpcLightProvider implements LightProvider {
  private readonly client: RpcClient;

  constructor(url: string) {
    this.client = new RpcClient(url, { maxAnswerBytes: MAX_ANSWER_BYTES });
  }

  get name(): string {
    return this.client.url;
  }

  async lightBlock(height: number | undefined): Promise<LightBlock> {
    const deadline = Date.now() + LAG_TIMEOUT_MS;
    for (;;) {
      try {
        return await this.read(height);
      } catch (error) {
        if (!isAlmostThere(error, height) || Date.now() > deadline) throw this.verdict(error);
      }
      await delay(LAG_POLL_MS);
    }
  }

  async reportEvidence(evidence: LightClientAttackEvidence): Promise<void> {
    await this.client.call('broadcast_evidence', { evidence: evidenceJson(evidence) });
  }

  private async read(height: number | undefined): Promise<LightBlock> {
    const answer = await this.client.call('commit', height === undefined ? {} : { height: String(height) });
    const header = headerFromJson(at(answer, 'signed_header.header'));
    const commit = commitFromJson(at(answer, 'signed_header.commit'));
    const validators = await this.validators(header.height);
    // The RPC does not tell whose turn it was; the header names who proposed it.
    return { header, commit, validators: ValidatorSet.restore(validators, header.proposerAddress) };
  }

  private async validators(height: number): Promise<readonly Validator[]> {
    const all: Validator[] = [];
    for (let page = 1, total = 1; all.length < total; page++) {
      const params = { height: String(height), page: String(page), per_page: String(PER_PAGE) };
      const answer = await this.client.call('validators', params);
      const part = validatorsFromJson(listAt(answer, 'validators'), 'validators', 1n);
      total = numberAt(answer, 'total');
      // Full pages but the last: else 10,000 validators could take 10,000 requests.
      const isFull = part.length > 0 && part.length === Math.min(PER_PAGE, total - all.length);
      const isPart = isFull && numberAt(answer, 'block_height') === height && total <= MAX_VALIDATORS;
      if (!isPart) throw lightError('bad_light_block', `${this.name} gives no validators on page ${page} of ${height}`);
      all.push(...part);
    }
    return all;
  }

  /** Silence and missing heights are nobody's fault; an answer that cannot be read is this node's. */
  private verdict(error: unknown): unknown {
    if (isLightError(error, 'bad_light_block')) return error;
    const message = error instanceof Error ? error.message : String(error);
    if (NOT_YET.test(message) || GONE.test(message)) {
      return lightError('no_light_block', `${this.name}: ${message}`, { cause: error });
    }
    if (error instanceof BizraError && (error.code === 'unreachable' || error.code === 'refused')) return error;
    return lightError('bad_light_block', `${this.name} sent no light block: ${message}`, { cause: error });
  }
}

function isAlmostThere(error: unknown, height: number | undefined): boolean {
  const head = error instanceof Error ? NOT_YET.exec(error.message)?.[1] : undefined;
  return height !== undefined && head !== undefined && height - Number(head) <= LAG_HEIGHTS;
}
