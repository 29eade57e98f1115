import type { Random } from '#ports/random.ts';
import { seededRandom } from '../../support/seeded-random.ts';

/** Chance for the world and for its nodes: depends on the seed alone. */
export class Chance implements Random {
  readonly uniform: () => number;

  constructor(seed: number) {
    this.uniform = seededRandom(seed);
  }

  /** An independent stream. */
  fork(): Chance {
    return new Chance(this.below(2 ** 32));
  }

  /** An integer in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.uniform() * bound);
  }

  /** A number in [low, high). */
  between(low: number, high: number): number {
    return low + this.uniform() * (high - low);
  }

  chance(probability: number): boolean {
    return this.uniform() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}
