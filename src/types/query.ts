import { badQuery, QueryScanner, type Token, type TokenKind } from './query-scanner.ts';
import { parseTime, type Time } from './time.ts';

/**
 * CometBFT's event query language: `condition AND condition ...`, where a condition is a key, one of
 * `= < <= > >= CONTAINS EXISTS`, and a `'string'`, a number, `TIME rfc3339` or `DATE yyyy-mm-dd`. A key is an event
 * type, a dot and an attribute's key; `EXISTS` also takes an event type alone.
 */

export type Operator = '=' | '<' | '<=' | '>' | '>=' | 'CONTAINS' | 'EXISTS';

/** An exact decimal: digits / 10^scale. */
export interface Decimal {
  readonly digits: bigint;
  readonly scale: number;
}

export type Operand =
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'number'; readonly text: string; readonly value: Decimal }
  | { readonly kind: 'time' | 'date'; readonly text: string; readonly value: Time };

export interface Condition {
  readonly key: string;
  readonly operator: Operator;
  /** Undefined for EXISTS alone. */
  readonly operand: Operand | undefined;
}

/** All conditions must hold. Never empty. */
export interface Query {
  readonly conditions: readonly Condition[];
}

/** Values by `type.key`: one list for all events that are looked at together. */
export type EventsMap = ReadonlyMap<string, readonly string[]>;

/** Throws `bad_query` in CometBFT's words, which clients show (test/vectors/rpc.test.ts holds recorded ones). */
export function parseQuery(text: string): Query {
  const scanner = new QueryScanner(text);
  const conditions = [parseCondition(scanner)];
  for (let token = scanner.next(); token !== undefined; token = scanner.next()) {
    if (token.kind !== 'AND operator') {
      throw badQuery(`offset ${token.offset}: got ${token.kind}, want AND operator`);
    }
    conditions.push(parseCondition(scanner));
  }
  return { conditions };
}

/** The query in CometBFT's own spelling. */
export function formatQuery(query: Query): string {
  return query.conditions.map(formatCondition).join(' AND ');
}

/** True when every condition holds for some value. An empty map matches nothing. */
export function matches(query: Query, events: EventsMap): boolean {
  return events.size > 0 && query.conditions.every((condition) => matchesCondition(condition, events));
}

/** Whether the condition's operator and operand hold for one attribute's value. */
export function matchesValue(condition: Condition, value: string): boolean {
  const { operator, operand } = condition;
  if (operand === undefined) return true;
  if (operand.kind === 'string') return operator === '=' ? value === operand.text : value.includes(operand.text);
  const order = compareTo(operand, value);
  if (order === undefined) return false;
  switch (operator) {
    case '=':
      return order === 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
    default:
      return false;
  }
}

function matchesCondition(condition: Condition, events: EventsMap): boolean {
  const values = events.get(condition.key);
  if (values?.some((value) => matchesValue(condition, value))) return true;
  // A bare event type stands for an empty value.
  return matchesValue(condition, '') && hasEventType(condition.key, events);
}

function hasEventType(type: string, events: EventsMap): boolean {
  for (const key of events.keys()) {
    if (key.length > type.length && key.startsWith(type) && key.lastIndexOf('.') === type.length) return true;
  }
  return false;
}

/** Below zero when the attribute's value is less than the operand; undefined when it cannot be compared. */
function compareTo(operand: Exclude<Operand, { kind: 'string' }>, value: string): number | undefined {
  if (operand.kind === 'number') {
    const decimal = leadingNumber(value);
    return decimal && compareDecimals(decimal, operand.value);
  }
  const time = operand.kind === 'time' ? readTime(value) : readDate(value);
  if (time === undefined) return undefined;
  return time < operand.value ? -1 : time > operand.value ? 1 : 0;
}

/** Longer figures are no amounts of anything; comparing them must stay cheap. */
const MAX_DIGITS = 128;
const LEADING_NUMBER = /^(\d{1,128})(?:\.(\d{1,128}))?(?!\d)/;

/** Amounts carry their denomination: `100ubizra` compares as 100. */
function leadingNumber(text: string): Decimal | undefined {
  const match = LEADING_NUMBER.exec(text);
  if (match === null) return undefined;
  const fraction = match[2] ?? '';
  return { digits: BigInt(`${match[1]}${fraction}`), scale: fraction.length };
}

function compareDecimals(a: Decimal, b: Decimal): number {
  const left = a.digits * 10n ** BigInt(b.scale);
  const right = b.digits * 10n ** BigInt(a.scale);
  return left < right ? -1 : left > right ? 1 : 0;
}

function readTime(text: string): Time | undefined {
  try {
    return parseTime(text);
  } catch {
    return undefined; // an attribute that is no time does not match
  }
}

function readDate(text: string): Time | undefined {
  return /^\d{4}-\d\d-\d\d$/.test(text) ? readTime(`${text}T00:00:00Z`) : undefined;
}

const ORDERED: readonly TokenKind[] = ['number', 'timestamp', 'datestamp'];
const OPERATORS: readonly TokenKind[] = [
  '<= operator',
  '>= operator',
  '< operator',
  '> operator',
  '= operator',
  'CONTAINS operator',
  'EXISTS operator',
];

function parseCondition(scanner: QueryScanner): Condition {
  const key = requireToken(scanner, ['tag']).text;
  const { kind } = requireToken(scanner, OPERATORS);
  const operator = kind.slice(0, kind.indexOf(' ')) as Operator;
  if (operator === 'EXISTS') return { key, operator, operand: undefined };
  if (operator === 'CONTAINS') return { key, operator, operand: toOperand(requireToken(scanner, ['string'])) };
  const wanted: readonly TokenKind[] = operator === '=' ? [...ORDERED, 'string'] : ORDERED;
  return { key, operator, operand: toOperand(requireToken(scanner, wanted)) };
}

function requireToken(scanner: QueryScanner, wanted: readonly TokenKind[]): Token {
  const token = scanner.next();
  if (token === undefined) throw badQuery(`offset ${scanner.offset()}: EOF`);
  if (wanted.includes(token.kind)) return token;
  const names = wanted.length === 1 ? wanted[0] : `${wanted.slice(0, -1).join(', ')} or ${wanted.at(-1)}`;
  throw badQuery(`offset ${token.offset}: got ${token.kind}, wanted ${names}`);
}

function toOperand({ kind, text, offset }: Token): Operand {
  if (kind === 'string') return { kind: 'string', text };
  if (kind === 'number') {
    const value = leadingNumber(text.endsWith('.') ? `${text}0` : text);
    if (value === undefined) throw badQuery(`offset ${offset}: numbers have at most ${MAX_DIGITS} digits`);
    return { kind: 'number', text, value };
  }
  const isTime = kind === 'timestamp';
  const value = isTime ? readTime(text) : readDate(text);
  const label = isTime ? 'TIME' : 'DATE';
  if (value === undefined) throw badQuery(`offset ${offset}: invalid ${label} value: "${text}"`);
  return { kind: isTime ? 'time' : 'date', text, value };
}

function formatCondition({ key, operator, operand }: Condition): string {
  if (operand === undefined) return `${key} ${operator}`;
  switch (operand.kind) {
    case 'string':
      return `${key} ${operator} '${operand.text}'`;
    case 'number':
      return `${key} ${operator} ${operand.text}`;
    default:
      return `${key} ${operator} ${operand.kind === 'time' ? 'TIME' : 'DATE'} ${operand.text}`;
  }
}
