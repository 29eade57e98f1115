import { type Condition, type Decimal, matchesValue, type Query } from '#types/query.ts';
import type { LedgerEvent } from '#types/results.ts';
import { indexerError } from './errors.ts';
import { canonicalValue, MAX_HEIGHT } from './rows.ts';

/** What a search is for: transactions by their events, or blocks by their own. */
export type Subject = 'tx' | 'block';

/** A query taken apart by what can answer each condition. */
export interface Plan {
  /** Heights that the height conditions leave, both ends included; empty when lowest > highest. */
  readonly lowest: number;
  readonly highest: number;
  /** Hash that a transaction must have; 'none' when the conditions exclude each other. */
  readonly hash: Uint8Array | 'none' | undefined;
  /** Conditions on attributes that a row answers. */
  readonly equalities: readonly Condition[];
  /** All conditions on attributes: one event must meet them all. */
  readonly attributes: readonly Condition[];
}

export function planOf(query: Query, subject: Subject): Plan {
  const heightKey = subject === 'tx' ? 'tx.height' : 'block.height';
  const bounds = { lowest: 1, highest: MAX_HEIGHT };
  const attributes: Condition[] = [];
  let hash: Uint8Array | 'none' | undefined;
  for (const condition of query.conditions) {
    if (condition.key === heightKey) narrow(bounds, condition);
    else if (subject === 'tx' && condition.key === 'tx.hash') hash = joinHash(hash, condition);
    else attributes.push(condition);
  }
  return { ...bounds, hash, equalities: attributes.filter(isIndexed), attributes };
}

function isIndexed({ operator, operand }: Condition): boolean {
  return operator === '=' && (operand?.kind === 'string' || operand?.kind === 'number');
}

function narrow(bounds: { lowest: number; highest: number }, { operator, operand }: Condition): void {
  if (operand === undefined) return;
  if (operand.kind === 'string') narrowByText(bounds, operator, operand.text);
  else if (operand.kind === 'number') narrowByNumber(bounds, operator, operand.value);
  else exclude(bounds);
}

function narrowByNumber(bounds: { lowest: number; highest: number }, operator: string, value: Decimal): void {
  const scale = 10n ** BigInt(value.scale);
  const floor = clamp(value.digits / scale);
  const isWhole = value.digits % scale === 0n;
  if (operator === '=' && !isWhole) exclude(bounds);
  if (operator === '=' || operator === '>=') bounds.lowest = Math.max(bounds.lowest, isWhole ? floor : floor + 1);
  if (operator === '>') bounds.lowest = Math.max(bounds.lowest, floor + 1);
  if (operator === '=' || operator === '<=') bounds.highest = Math.min(bounds.highest, floor);
  if (operator === '<') bounds.highest = Math.min(bounds.highest, isWhole ? floor - 1 : floor);
}

function narrowByText(bounds: { lowest: number; highest: number }, operator: string, text: string): void {
  if (operator !== '=') throw unsupported('a height takes = < <= > >= or EXISTS');
  const isHeight = /^[1-9][0-9]{0,14}$/.test(text);
  if (!isHeight) exclude(bounds);
  bounds.lowest = Math.max(bounds.lowest, isHeight ? Number(text) : 0);
  bounds.highest = Math.min(bounds.highest, isHeight ? Number(text) : -1);
}

function exclude(bounds: { lowest: number; highest: number }): void {
  bounds.highest = -1;
}

/** Heights beyond the largest are all alike. */
function clamp(value: bigint): number {
  return value > BigInt(MAX_HEIGHT) ? MAX_HEIGHT + 1 : Number(value);
}

function joinHash(known: Uint8Array | 'none' | undefined, { operator, operand }: Condition): Plan['hash'] {
  if (operator === 'EXISTS') return known;
  if (operator !== '=' || operand === undefined) throw unsupported('tx.hash takes = or EXISTS');
  if (operand.kind !== 'string' || !/^[0-9a-fA-F]{64}$/.test(operand.text)) return 'none';
  const hash = Uint8Array.from({ length: 32 }, (_, i) => Number.parseInt(operand.text.slice(2 * i, 2 * i + 2), 16));
  if (known === undefined || known === 'none') return known ?? hash;
  return known.every((byte, i) => byte === hash[i]) ? known : 'none';
}

function unsupported(reason: string): Error {
  return indexerError('search_unsupported', `this search is not supported: ${reason}`);
}

/** Whether one event meets all conditions on attributes. Only attributes marked for indexing count. */
export function meetsAll(conditions: readonly Condition[], event: LedgerEvent): boolean {
  return conditions.every((condition) => meets(condition, event));
}

function meets(condition: Condition, { type, attributes }: LedgerEvent): boolean {
  const { key } = condition;
  if (condition.operator === 'EXISTS' && key === type) return attributes.some((attribute) => attribute.index);
  if (!key.startsWith(type) || key[type.length] !== '.') return false;
  const name = key.slice(type.length + 1);
  return attributes.some(
    (attribute) => attribute.index && attribute.key === name && matchesIndexed(condition, attribute.value),
  );
}

/**
 * As subscriptions match, except that `= number` wants a value that is a number as a whole: `10ubizra` is found by
 * ranges, not by `= 10` (CometBFT's index compares texts there).
 */
function matchesIndexed(condition: Condition, value: string): boolean {
  const { operator, operand } = condition;
  if (operator !== '=' || operand?.kind !== 'number') return matchesValue(condition, value);
  return /^[0-9]/.test(value) && canonicalValue(value) === canonicalValue(operand.text);
}
