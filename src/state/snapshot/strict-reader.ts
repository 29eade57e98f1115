import { BizraError } from '#util/errors.ts';
import type { StateErrorCode } from '../errors.ts';

const SEVEN_BITS = 0x80;

export function badSnapshot(what: string): BizraError<StateErrorCode> {
  return new BizraError('bad_snapshot', `not a snapshot of this state: ${what}`);
}

/**
 * Reads what strangers wrote: every number has a bound before anything is taken for it, and one form only. Throws
 * BizraError 'bad_snapshot'.
 */
export class StrictReader {
  private readonly buffer: Uint8Array;
  private at = 0;

  constructor(buffer: Uint8Array) {
    this.buffer = buffer;
  }

  byte(): number {
    const byte = this.buffer[this.at++];
    if (byte === undefined) throw badSnapshot('it ends too early');
    return byte;
  }

  /** A number from 0 to `max`, as ByteWriter.varint writes it. */
  varint(max: number): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte % SEVEN_BITS) * scale;
      if (value > max) throw badSnapshot(`a number is larger than ${max}`);
      if (byte < SEVEN_BITS) {
        if (byte === 0 && scale > 1) throw badSnapshot('a number is longer than it needs to be');
        return value;
      }
      scale *= SEVEN_BITS;
      if (scale > max) throw badSnapshot('a number is longer than it may be');
    }
  }

  /** A view of the next bytes. */
  raw(length: number): Uint8Array {
    if (this.at + length > this.buffer.length) throw badSnapshot('it ends too early');
    this.at += length;
    return this.buffer.subarray(this.at - length, this.at);
  }

  end(): void {
    if (this.at !== this.buffer.length) throw badSnapshot('something follows its end');
  }
}
