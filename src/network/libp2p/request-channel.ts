import { concatBytes } from '#util/bytes.ts';
import { malformed, NetworkError } from '../errors.ts';

const REQUEST = 0;
const RESPONSE = 1;
const FAILURE = 2;
/** kind(u8) id(u32). */
export const REQUEST_HEADER_BYTES = 5;
const MAX_FAILURE_CHARACTERS = 200;

export interface RequestLimits {
  /** Own requests to one peer that wait for an answer. */
  readonly maxOutgoing: number;
  /** A peer's requests that we are working on; more are refused at once. */
  readonly maxIncoming: number;
  /** Largest payload of a request or an answer, bytes. */
  readonly maxBytes: number;
}

export interface RequestChannelCallbacks {
  send(frame: Uint8Array): boolean;
  /** Answers the peer's request. */
  answer(bytes: Uint8Array): Promise<Uint8Array>;
}

interface Pending {
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Requests and answers of one link, told apart by ids: answers may come in any order. */
export class RequestChannel {
  private readonly callbacks: RequestChannelCallbacks;
  private readonly limits: RequestLimits;
  private readonly pending = new Map<number, Pending>();
  private nextId = 0;
  private incoming = 0;
  private closed = false;

  constructor(callbacks: RequestChannelCallbacks, limits: RequestLimits) {
    this.callbacks = callbacks;
    this.limits = limits;
  }

  request(bytes: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    if (this.closed) return Promise.reject(new NetworkError('disconnected', 'the peer is gone'));
    if (bytes.length > this.limits.maxBytes) {
      return Promise.reject(new NetworkError('too_large', `request of ${bytes.length} bytes`));
    }
    if (this.pending.size >= this.limits.maxOutgoing) {
      return Promise.reject(new NetworkError('overloaded', `${this.pending.size} requests to this peer are in flight`));
    }
    const id = this.nextId;
    this.nextId = (this.nextId + 1) >>> 0;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.pending.delete(id);
        reject(new NetworkError('timeout', `no answer in ${timeoutMs} ms`));
      }, timeoutMs);
      this.pending.set(id, { resolve, reject, timer });
      if (this.callbacks.send(frame(REQUEST, id, bytes))) return;
      this.take(id)?.reject(new NetworkError('overloaded', 'the request queue of this peer is full'));
    });
  }

  /** Throws NetworkError `malformed`. */
  onFrame(bytes: Uint8Array): void {
    if (bytes.length < REQUEST_HEADER_BYTES) throw malformed(`request frame of ${bytes.length} bytes`);
    const id = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
    const payload = bytes.subarray(REQUEST_HEADER_BYTES);
    switch (bytes[0]) {
      case REQUEST:
        this.serve(id, payload);
        return;
      case RESPONSE:
        this.take(id)?.resolve(payload);
        return;
      case FAILURE: {
        const text = new TextDecoder().decode(payload.subarray(0, MAX_FAILURE_CHARACTERS));
        this.take(id)?.reject(new NetworkError('peer_error', `the peer answered: ${text}`));
        return;
      }
      default:
        throw malformed(`request frame of kind ${bytes[0]}`);
    }
  }

  close(): void {
    this.closed = true;
    for (const { reject, timer } of this.pending.values()) {
      clearTimeout(timer);
      reject(new NetworkError('disconnected', 'the peer disconnected before it answered'));
    }
    this.pending.clear();
  }

  /** An answer to an unknown id is one that came after its timeout. */
  private take(id: number): Pending | undefined {
    const pending = this.pending.get(id);
    this.pending.delete(id);
    clearTimeout(pending?.timer);
    return pending;
  }

  private serve(id: number, payload: Uint8Array): void {
    if (this.incoming >= this.limits.maxIncoming) {
      this.fail(id, 'too many requests at a time');
      return;
    }
    this.incoming++;
    // Started in a microtask, so that a handler that throws instead of rejecting is caught as well.
    void Promise.resolve()
      .then(() => this.callbacks.answer(payload))
      .then(
        (answer) => this.respond(id, answer),
        (error) => this.fail(id, error instanceof Error ? error.message : 'failed'),
      )
      .finally(() => {
        this.incoming--;
      });
  }

  private respond(id: number, answer: Uint8Array): void {
    if (this.closed) return;
    if (answer.length > this.limits.maxBytes) this.fail(id, 'the answer is too large');
    else if (!this.callbacks.send(frame(RESPONSE, id, answer))) this.fail(id, 'busy');
  }

  private fail(id: number, message: string): void {
    if (this.closed) return;
    // When even this does not fit, the peer's timeout tells it.
    this.callbacks.send(frame(FAILURE, id, new TextEncoder().encode(message.slice(0, MAX_FAILURE_CHARACTERS))));
  }
}

function frame(kind: number, id: number, payload: Uint8Array): Uint8Array {
  const header = new Uint8Array(REQUEST_HEADER_BYTES);
  header[0] = kind;
  new DataView(header.buffer).setUint32(1, id);
  return concatBytes(header, payload);
}
