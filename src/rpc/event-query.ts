import { formatQuery, matches, type Query } from '#types/query.ts';
import type { EventMessage } from './event-messages.ts';
import type { NodeEvent } from './node-api.ts';

const BLOCK_EVENTS: ReadonlySet<string> = new Set([
  'NewBlock',
  'NewBlockHeader',
  'NewBlockEvents',
  'NewEvidence',
  'ValidatorSetUpdates',
  'Tx',
]);

/** What somebody subscribed to. All subscriptions with the same conditions share one, which is matched once. */
export class EventQuery {
  /** The conditions in one spelling. */
  readonly text: string;
  /** The only `tx.hash` that can match, if the query says so. */
  readonly txHash: string | undefined;
  private readonly query: Query;
  /** The only `tm.event` that can match, if the query says so. */
  private readonly eventName: string | undefined;
  /** The query asks for nothing but an event's name. */
  private readonly isNameOnly: boolean;

  constructor(query: Query) {
    this.query = query;
    this.text = formatQuery(query);
    this.eventName = requiredText(query, 'tm.event');
    this.txHash = requiredText(query, 'tx.hash');
    this.isNameOnly = this.eventName !== undefined && query.conditions.length === 1;
  }

  /** False when no message of the event can match. Costs next to nothing. */
  mayMatch(event: NodeEvent): boolean {
    if (this.eventName === undefined) return true;
    if (event.kind === 'block') return BLOCK_EVENTS.has(this.eventName);
    return this.eventName === (event.kind === 'vote' ? 'Vote' : event.name);
  }

  matches(message: EventMessage): boolean {
    if (this.eventName !== undefined && this.eventName !== message.name) return false;
    return this.isNameOnly || matches(this.query, message.events);
  }
}

/** The text that a query demands of a key by `key = 'text'`. */
function requiredText(query: Query, key: string): string | undefined {
  for (const { key: named, operator, operand } of query.conditions) {
    if (named === key && operator === '=' && operand?.kind === 'string') return operand.text;
  }
  return undefined;
}
