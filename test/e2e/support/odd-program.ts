import { fileURLToPath } from 'node:url';
import type { BehaviourName } from '../../byzantine/registry.ts';
import type { NodeProgram } from './process.ts';

const ODD_NODE = fileURLToPath(new URL('./odd-node.ts', import.meta.url));

/** The daemon with a wall clock that is ahead by so much; behind, where negative. */
export function nodeWithClock(aheadMs: number): NodeProgram {
  return { command: process.execPath, args: [ODD_NODE, '--clock-ms', String(aheadMs)] };
}

/** The daemon with a byzantine validator. */
export function byzantineNode(behaviour: BehaviourName): NodeProgram {
  return { command: process.execPath, args: [ODD_NODE, '--behaviour', behaviour] };
}
