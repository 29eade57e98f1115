import { randomBytes } from 'node:crypto';
import type { Random } from '#ports/random.ts';

/** The operating system's randomness. */
export class RealRandom implements Random {
  uniform(): number {
    return Math.random();
  }

  bytes(length: number): Uint8Array {
    return new Uint8Array(randomBytes(length));
  }
}
