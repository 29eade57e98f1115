import type { AdmitResult } from '#mempool/contract.ts';
import type { GossipVerdict } from '#ports/transport.ts';

/** Code of bytes that are no transaction: every honest node sees that without any state. */
const TX_PARSE_ERROR = 2;

/**
 * What a gossip batch is worth. A transaction whose signature or sequence fails against my state is no offence: the
 * state may be behind (design 7). What nobody could take is the sender's fault; what brought nothing new goes no further.
 */
export function gossipVerdict(results: readonly AdmitResult[]): GossipVerdict {
  if (results.some(({ code, codespace }) => code === TX_PARSE_ERROR && codespace === 'sdk')) return 'reject';
  return results.some(({ code, refusal }) => code === 0 && refusal === undefined) ? 'accept' : 'ignore';
}
