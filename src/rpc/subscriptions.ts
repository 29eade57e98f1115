import { matches, parseQuery, type Query } from '#types/query.ts';
import { errorText, type RequestId, resultText } from './dispatcher.ts';
import { RpcError, refuse, SERVER_ERROR, toRpcError } from './errors.ts';
import { type EventMessage, messagesOf, txMessage } from './event-messages.ts';
import type { NodeEvent } from './node-api.ts';
import { MAX_QUERY_LENGTH } from './paging.ts';

/** One client's connection, as the hub sees it. */
export interface Subscriber {
  /** Never blocks; false when the client is too slow to be sent more. */
  send(text: string): boolean;
  /** Sends these last texts whatever is waiting, and ends the connection. */
  drop(lastTexts: readonly string[]): void;
}

export interface SubscriptionOptions {
  readonly maxSubscriptionClients: number;
  readonly maxSubscriptionsPerClient: number;
}

interface Subscription {
  readonly subscriber: Subscriber;
  /** Each event carries the id of the request that subscribed. */
  readonly id: RequestId;
}

/** All subscriptions with one query text: it is matched once for all of them. */
interface Group {
  readonly query: Query;
  /** JSON of the query text. */
  readonly queryText: string;
  /** The only `tm.event` that can match, if the query says so. */
  readonly eventName: string | undefined;
  /** The only `tx.hash` that can match, if the query says so. */
  readonly txHash: string | undefined;
  readonly subscriptions: Map<Subscriber, Subscription>;
}

/** Who wants which events. Sends never wait: a client that does not keep up loses its connection. */
export class SubscriptionHub {
  private readonly options: SubscriptionOptions;
  private readonly groups = new Map<string, Group>();
  private readonly queriesOf = new Map<Subscriber, Set<string>>();

  constructor(options: SubscriptionOptions) {
    this.options = options;
  }

  get count(): number {
    let count = 0;
    for (const own of this.queriesOf.values()) count += own.size;
    return count;
  }

  /** Throws an RpcError when the query is wrong, there already, or one too many. */
  subscribe(subscriber: Subscriber, id: RequestId, text: string): void {
    const query = parse(text);
    const own = this.queriesOf.get(subscriber) ?? new Set();
    if (own.has(text)) throw refuse('already subscribed');
    const { maxSubscriptionClients, maxSubscriptionsPerClient } = this.options;
    if (own.size === 0 && this.queriesOf.size >= maxSubscriptionClients) {
      throw refuse(`max_subscription_clients ${maxSubscriptionClients} reached`);
    }
    if (own.size >= maxSubscriptionsPerClient) {
      throw refuse(`max_subscriptions_per_client ${maxSubscriptionsPerClient} reached`);
    }
    this.queriesOf.set(subscriber, own.add(text));
    const group = this.groups.get(text) ?? newGroup(query, text);
    this.groups.set(text, group);
    group.subscriptions.set(subscriber, { subscriber, id });
  }

  unsubscribe(subscriber: Subscriber, text: string): void {
    const own = this.queriesOf.get(subscriber);
    if (!own?.delete(text)) throw refuse('subscription not found');
    if (own.size === 0) this.queriesOf.delete(subscriber);
    this.leave(subscriber, text);
  }

  /** Throws when there was none. */
  unsubscribeAll(subscriber: Subscriber): void {
    if (!this.remove(subscriber)) throw refuse('subscription not found');
  }

  /** Forgets a client; false when it had no subscription. */
  remove(subscriber: Subscriber): boolean {
    const own = this.queriesOf.get(subscriber);
    if (own === undefined) return false;
    this.queriesOf.delete(subscriber);
    for (const text of own) this.leave(subscriber, text);
    return true;
  }

  private leave(subscriber: Subscriber, text: string): void {
    const group = this.groups.get(text);
    group?.subscriptions.delete(subscriber);
    if (group?.subscriptions.size === 0) this.groups.delete(text);
  }

  onEvent(event: NodeEvent): void {
    if (this.groups.size === 0) return;
    const groups = [...this.groups.values()];
    for (const message of messagesOf(event)) {
      for (const group of groups) this.offer(group, message);
    }
    if (event.kind === 'block' && event.block.txs.length > 0) this.onTxs(event, groups);
  }

  /** A block may hold thousands of transactions and most clients wait for one hash: those are looked up. */
  private onTxs(event: Extract<NodeEvent, { kind: 'block' }>, groups: readonly Group[]): void {
    const interested = groups.filter((group) => group.eventName === undefined || group.eventName === 'Tx');
    if (interested.length === 0) return;
    const byHash = new Map<string, Group[]>();
    const others: Group[] = [];
    for (const group of interested) {
      if (group.txHash === undefined) others.push(group);
      else byHash.set(group.txHash, [...(byHash.get(group.txHash) ?? []), group]);
    }
    event.txHashes.forEach((hash, index) => {
      const named = byHash.size === 0 ? undefined : byHash.get(Buffer.from(hash).toString('hex').toUpperCase());
      if (named === undefined && others.length === 0) return;
      const message = txMessage(event, index);
      for (const group of named ?? []) this.offer(group, message);
      for (const group of others) this.offer(group, message);
    });
  }

  private offer(group: Group, message: EventMessage): void {
    if (group.eventName !== undefined && group.eventName !== message.name) return;
    if (!matches(group.query, message.events)) return;
    const { data, events } = message.rendered;
    for (const { subscriber, id } of [...group.subscriptions.values()]) {
      const text = resultText(id, `{"query":${group.queryText},"data":${data},"events":${events}}`);
      if (!subscriber.send(text)) this.dropSlow(subscriber);
    }
  }

  private dropSlow(subscriber: Subscriber): void {
    const reason = 'subscription was canceled (reason: client is not pulling messages fast enough)';
    const lastTexts = [...(this.queriesOf.get(subscriber) ?? [])].map((text) => {
      const id = this.groups.get(text)?.subscriptions.get(subscriber)?.id;
      return errorText(id, new RpcError(SERVER_ERROR, reason));
    });
    this.remove(subscriber);
    subscriber.drop(lastTexts);
  }
}

function newGroup(query: Query, text: string): Group {
  return {
    query,
    queryText: JSON.stringify(text),
    eventName: requiredText(query, 'tm.event'),
    txHash: requiredText(query, 'tx.hash'),
    subscriptions: new Map(),
  };
}

/** The text that a query demands of a key by `key = 'text'`. */
function requiredText(query: Query, key: string): string | undefined {
  for (const { key: named, operator, operand } of query.conditions) {
    if (named === key && operator === '=' && operand?.kind === 'string') return operand.text;
  }
  return undefined;
}

function parse(text: string): Query {
  if (text.length > MAX_QUERY_LENGTH) throw refuse('maximum query length exceeded');
  try {
    return parseQuery(text);
  } catch (error) {
    throw refuse(`failed to parse query: ${toRpcError(error).message}`);
  }
}
