import { BizraError } from '#util/errors.ts';

/** Every way in which traffic with a peer can fail. Bounded: the code labels metrics. */
export type NetworkErrorCode =
  /** Bytes that no honest peer sends: they cannot be decoded. */
  | 'malformed'
  /** A length or a count above its limit, found before memory was taken for it. */
  | 'too_large'
  /** A message kind that this version does not know. */
  | 'unknown_kind'
  /** A message that does not belong where it arrived (a request on a consensus stream, data before the hello). */
  | 'unexpected'
  /** Chain id, genesis or protocol version differ. */
  | 'foreign_chain'
  | 'timeout'
  | 'disconnected'
  /** A queue or the number of requests in flight is at its bound. */
  | 'overloaded'
  /** The peer answered a request with an error. */
  | 'peer_error'
  /** A key, an address or an option of ours is unusable. */
  | 'bad_config';

export class NetworkError extends BizraError<NetworkErrorCode> {}

export function malformed(message: string): NetworkError {
  return new NetworkError('malformed', message);
}

export function tooLarge(message: string): NetworkError {
  return new NetworkError('too_large', message);
}
