import type { AdmitResult } from '#mempool/contract.ts';
import type { GossipVerdict } from '#ports/transport.ts';

/** Code of bytes that are no transaction: every honest node sees that without any state. */
const TX_PARSE_ERROR = 2;

export interface GossipBatch {
  /** Transactions in it. */
  readonly size: number;
  /** Of those that were looked at. */
  readonly results: readonly AdmitResult[];
  /** Whether a transaction's signatures were found right here. */
  readonly isKnown: (hash: Uint8Array) => boolean;
}

/**
 * What a gossip batch is worth. A transaction whose sequence or fee fails against my state is no offence: the state may be
 * behind (design 7). What nobody could take is the sender's fault, and so are signatures most of which are wrong for
 * every state: no honest node forwards a batch of which it did not find half of the signatures right. One that is mostly
 * unproven, say because my pool is full, would make me look like its author; what brought nothing new goes no further.
 */
export function gossipVerdict({ size, results, isKnown }: GossipBatch): GossipVerdict {
  const wrong = countWrong(results);
  if (isMost(wrong, size) || results.some(isNoTransaction)) return 'reject';
  const fresh = results.filter(({ code, refusal }) => code === 0 && refusal === undefined).length;
  const known = results.filter(({ refusal, hash }) => refusal === 'in_cache' && isKnown(hash)).length;
  const isSound = wrong === 0 && 2 * (fresh + known) >= size;
  return isSound && fresh > 0 ? 'accept' : 'ignore';
}

export function countWrong(results: readonly AdmitResult[]): number {
  return results.filter(({ wrongSignature }) => wrongSignature === true).length;
}

/** More than half. */
export function isMost(count: number, size: number): boolean {
  return 2 * count > size;
}

function isNoTransaction({ code, codespace }: AdmitResult): boolean {
  return code === TX_PARSE_ERROR && codespace === 'sdk';
}
