import type { Pause } from '#util/pause.ts';
import { blockResultsJson, txResultJson } from './json.ts';
import type { BlockResults } from './node-api.ts';

/** How an answer without transactions has them. Nothing but the height stands before it. */
const NO_TXS = '"txs_results":null';

/** Answer of `block_results`, a transaction at a time: that of a full block has ten megabytes. */
export async function blockResultsText(results: BlockResults, pause: Pause): Promise<string> {
  const text = JSON.stringify(blockResultsJson({ ...results, txResults: [] }));
  if (results.txResults.length === 0) return text;
  const txs: string[] = [];
  for (const result of results.txResults) {
    txs.push(JSON.stringify(txResultJson(result)));
    const wait = pause();
    if (wait !== undefined) await wait;
  }
  const start = text.indexOf(NO_TXS);
  return `${text.slice(0, start)}"txs_results":[${txs.join(',')}]${text.slice(start + NO_TXS.length)}`;
}
