import type { Command } from 'commander';
import { listAt, numberAt, textAt } from '../json-shape.ts';
import { type JsonOptions, type NodeOptions, wholeNumber, withJson, withNode } from '../options.ts';
import { formatTable, groupDigits, print, safeText } from '../output.ts';
import { RpcClient } from '../rpc-client.ts';
import type { Terminal } from '../terminal.ts';

/** The most that CometBFT gives in one page. */
const PAGE_SIZE = 100;

interface ValidatorsOptions extends NodeOptions, JsonOptions {
  readonly height?: number;
}

interface ValidatorsAnswer {
  readonly block_height: number;
  readonly validators: readonly unknown[];
}

/** All pages, at one height. */
async function fetchValidators(client: RpcClient, wanted: number | undefined): Promise<ValidatorsAnswer> {
  let height = wanted;
  const validators: unknown[] = [];
  for (let page = 1; ; page++) {
    const params: Record<string, string> = { page: String(page), per_page: String(PAGE_SIZE) };
    if (height !== undefined) params.height = String(height);
    const answer = await client.call('validators', params);
    height = numberAt(answer, 'block_height');
    const part = listAt(answer, 'validators');
    validators.push(...part);
    if (part.length === 0 || validators.length >= numberAt(answer, 'total'))
      return { block_height: height, validators };
  }
}

function rows(validators: readonly unknown[]): string[][] {
  const powers = validators.map((validator) => BigInt(textAt(validator, 'voting_power')));
  const total = powers.reduce((sum, power) => sum + power, 0n);
  return validators.map((validator, index) => {
    const power = powers[index] as bigint;
    const share = total === 0n ? 0 : Number((power * 10_000n) / total) / 100;
    const priority = textAt(validator, 'proposer_priority');
    return [safeText(textAt(validator, 'address')), groupDigits(power), `${share.toFixed(2)} %`, priority];
  });
}

async function showValidators(terminal: Terminal, options: ValidatorsOptions): Promise<void> {
  const answer = await fetchValidators(new RpcClient(options.node), options.height);
  print(terminal, options.json === true, answer, () =>
    formatTable(['address', 'power', 'share', 'priority'], rows(answer.validators), [1, 2, 3]),
  );
}

/** `bizra-node validators`, and the same under `query`. */
export function registerValidators(program: Command, terminal: Terminal): void {
  withJson(withNode(program.command('validators'), terminal))
    .description('the validators at a height')
    .option('--height <n>', 'height (default: the newest)', wholeNumber('--height', 1, Number.MAX_SAFE_INTEGER))
    .action((options: ValidatorsOptions) => showValidators(terminal, options));
}
