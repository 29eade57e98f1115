import type { PeerId, Transport } from '#ports/transport.ts';
import { BizraError, MachineError } from '#util/errors.ts';
import { NetworkError } from './errors.ts';

/**
 * What a peer can do wrong. Who notices it names the offence; what follows is written in one place, below.
 */
export type Offence =
  | 'malformed'
  | 'too_large'
  | 'unexpected'
  | 'unknown_kind'
  | 'bad_vote_signature'
  | 'bad_proposal_signature'
  | 'invalid_block'
  | 'invalid_commit'
  | 'invalid_evidence'
  | 'invalid_snapshot'
  | 'invalid_transaction'
  | 'wrong_answer'
  | 'no_answer'
  | 'flood'
  | 'own_failure'
  | 'machine_fault';

/** Points are taken from a score of 100 that regains 6 a minute; at zero the peer is banned for ten minutes. */
type Consequence = { readonly points: number } | { readonly banMs: number } | 'none';

const TEN_MINUTES_MS = 10 * 60_000;
const ONE_HOUR_MS = 60 * 60_000;

/** The table of consequences. The comment of each line is its reason. */
export const CONSEQUENCES: Readonly<Record<Offence, Consequence>> = {
  // No honest node of this protocol version sends it; one may come from a broken disk or memory.
  malformed: { points: 34 },
  too_large: { points: 50 },
  unexpected: { points: 20 },
  // A newer node may know more kinds of messages.
  unknown_kind: { points: 1 },
  // Nodes verify before they forward, so the sender made it or forwards blindly. Judged only where validators are known.
  bad_vote_signature: { banMs: ONE_HOUR_MS },
  bad_proposal_signature: { banMs: ONE_HOUR_MS },
  invalid_block: { banMs: TEN_MINUTES_MS },
  invalid_commit: { banMs: TEN_MINUTES_MS },
  // Each chunk, manifest and header is checked by a hash that is known before it is asked for.
  invalid_snapshot: { banMs: TEN_MINUTES_MS },
  // Evidence may be judged differently by a node that is behind.
  invalid_evidence: { points: 20 },
  // Bytes that are not canonical, too large or empty: checkable without state. (A wrong signature is no offence.)
  invalid_transaction: { points: 10 },
  wrong_answer: { points: 25 },
  // The peer may be busy or away: a request to somebody else is the answer to it, not a ban.
  no_answer: { points: 2 },
  flood: { points: 10 },
  // Our handler threw: the bytes are suspicious, the fault is ours.
  own_failure: { points: 5 },
  // A failing disk or a damaged record: no peer has to do with it.
  machine_fault: 'none',
};

/** Which offence an exception from decoding or handling a peer's bytes shows. */
export function offenceOf(error: unknown): Offence {
  if (error instanceof MachineError) return 'machine_fault';
  if (error instanceof NetworkError) {
    switch (error.code) {
      case 'too_large':
      case 'unknown_kind':
      case 'unexpected':
      case 'malformed':
        return error.code;
      case 'timeout':
      case 'disconnected':
      case 'peer_error':
      case 'overloaded':
        return 'no_answer';
      default:
        return 'own_failure';
    }
  }
  // The decoders of types/ throw BizraErrors of their own codes.
  return error instanceof BizraError ? 'malformed' : 'own_failure';
}

/** Which offence an exception from our own handling of a peer's well-formed message shows. */
export function failureOf(error: unknown): Offence {
  return error instanceof MachineError ? 'machine_fault' : 'own_failure';
}

export function punish(transport: Transport, peer: PeerId, offence: Offence): void {
  const consequence = CONSEQUENCES[offence];
  if (consequence === 'none') return;
  if ('banMs' in consequence) transport.ban(peer, consequence.banMs, offence);
  else transport.penalize(peer, consequence.points, offence);
}
