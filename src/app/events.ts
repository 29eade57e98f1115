import type { EventAttribute } from '#types/results.ts';

/** An attribute that searches find. */
export function attribute(key: string, value: string): EventAttribute {
  return { key, value, index: true };
}
