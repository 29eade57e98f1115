import { parseQuery, type Query } from '#types/query.ts';
import { BoundedQueue } from '#util/bounded-queue.ts';
import type { Pause } from '#util/pause.ts';
import { errorText, type RequestId, resultHead } from './dispatcher.ts';
import { RpcError, refuse, SERVER_ERROR, toRpcError } from './errors.ts';
import { Delivery } from './event-delivery.ts';
import { EventQuery } from './event-query.ts';
import { EventQueue, type Subscription } from './event-queue.ts';
import type { NodeEvent } from './node-api.ts';
import { MAX_QUERY_LENGTH } from './paging.ts';
import { RenderedEvents } from './rendered-events.ts';

/** One client's connection, as the hub sees it. */
export interface Subscriber {
  /** There may be something for it at `next`. Never blocks. */
  wake(): void;
  /** Sends these last texts after what was begun, and ends the connection. */
  drop(lastTexts: readonly string[]): void;
}

export interface SubscriptionOptions {
  readonly maxSubscriptionClients: number;
  readonly maxSubscriptionsPerClient: number;
  readonly maxQueuedEvents: number;
  /** Told of events that could not be matched. */
  readonly onFailure: (error: unknown) => void;
  /** Called between matches: commits, votes and requests must not wait. */
  readonly pause: Pause;
}

/** One message: what is the subscription's own, and what all subscriptions to it share. */
export interface EventText {
  readonly head: Buffer;
  readonly body: Buffer;
}

/** A query with the number of subscriptions that have it. */
interface SharedQuery {
  readonly query: EventQuery;
  subscriptions: number;
}

interface Client {
  /** By query text. */
  readonly subscriptions: Map<string, Subscription>;
  readonly queue: EventQueue;
}

/**
 * Who wants which events. An event is only noted where it happens, which is where blocks are committed: it is matched
 * in slices afterwards, and rendered when a client that wants it has read what came before.
 */
export class SubscriptionHub {
  private readonly options: SubscriptionOptions;
  /** By their text. */
  private readonly queries = new Map<string, SharedQuery>();
  private readonly clients = new Map<Subscriber, Client>();
  private readonly unmatched = new BoundedQueue<Delivery>({ maxItems: Number.MAX_SAFE_INTEGER });
  private readonly renderedEvents = new RenderedEvents();
  private isMatching = false;
  private deliveries = 0;

  constructor(options: SubscriptionOptions) {
    this.options = options;
  }

  get count(): number {
    let count = 0;
    for (const { subscriptions } of this.clients.values()) count += subscriptions.size;
    return count;
  }

  /** Throws an RpcError when the query is wrong, there already, or one too many. */
  subscribe(subscriber: Subscriber, id: RequestId, text: string): void {
    const query = parse(text);
    const { maxSubscriptionClients, maxSubscriptionsPerClient, maxQueuedEvents } = this.options;
    const known = this.clients.get(subscriber);
    if (known?.subscriptions.has(text)) throw refuse('already subscribed');
    if (known === undefined && this.clients.size >= maxSubscriptionClients) {
      throw refuse(`max_subscription_clients ${maxSubscriptionClients} reached`);
    }
    const client = known ?? { subscriptions: new Map(), queue: new EventQueue(maxQueuedEvents) };
    if (client.subscriptions.size >= maxSubscriptionsPerClient) {
      throw refuse(`max_subscriptions_per_client ${maxSubscriptionsPerClient} reached`);
    }
    this.clients.set(subscriber, client);
    const subscription = { query: this.shared(query), queryText: JSON.stringify(text), id, isEnded: false };
    client.subscriptions.set(text, subscription);
  }

  private shared(query: Query): EventQuery {
    const asked = new EventQuery(query);
    const shared = this.queries.get(asked.text) ?? { query: asked, subscriptions: 0 };
    this.queries.set(asked.text, shared);
    shared.subscriptions += 1;
    return shared.query;
  }

  unsubscribe(subscriber: Subscriber, text: string): void {
    const client = this.clients.get(subscriber);
    const subscription = client?.subscriptions.get(text);
    if (client === undefined || subscription === undefined) throw refuse('subscription not found');
    this.end(subscription);
    client.subscriptions.delete(text);
    if (client.subscriptions.size === 0) this.clients.delete(subscriber);
  }

  /** Throws when there was none. */
  unsubscribeAll(subscriber: Subscriber): void {
    if (!this.remove(subscriber)) throw refuse('subscription not found');
  }

  /** Forgets a client; false when it had no subscription. */
  remove(subscriber: Subscriber): boolean {
    const client = this.clients.get(subscriber);
    if (client === undefined) return false;
    this.clients.delete(subscriber);
    for (const subscription of client.subscriptions.values()) this.end(subscription);
    return true;
  }

  private end(subscription: Subscription): void {
    subscription.isEnded = true;
    const key = subscription.query.text;
    const shared = this.queries.get(key);
    if (shared === undefined) return;
    shared.subscriptions -= 1;
    if (shared.subscriptions === 0) this.queries.delete(key);
  }

  /** Returns at once, whatever the event holds. */
  onEvent(event: NodeEvent): void {
    const queries = [...this.queries.values()].map(({ query }) => query).filter((query) => query.mayMatch(event));
    if (queries.length === 0) return;
    this.deliveries += 1;
    const delivery = new Delivery(this.deliveries, event, queries);
    for (const [subscriber, { subscriptions, queue }] of this.clients) {
      const interested = [...subscriptions.values()].filter(({ query }) => query.mayMatch(event));
      if (interested.length === 0) continue;
      if (!queue.push({ delivery, subscriptions: interested })) this.dropSlow(subscriber);
    }
    this.unmatched.push(delivery);
    this.match().catch(this.options.onFailure);
  }

  private async match(): Promise<void> {
    if (this.isMatching) return;
    this.isMatching = true;
    // Off the way of whoever told of the event, which is a commit.
    await new Promise((resolve) => setImmediate(resolve));
    for (let next = this.unmatched.shift(); next !== undefined; next = this.unmatched.shift()) {
      // An event that cannot be matched is nobody's; those after it are.
      if (this.clients.size > 0) await next.match(this.options.pause).catch(this.options.onFailure);
      for (const subscriber of [...this.clients.keys()]) subscriber.wake();
    }
    this.isMatching = false;
  }

  /** The next message for a client, rendered now; undefined when there is none yet. */
  next(subscriber: Subscriber): EventText | undefined {
    const event = this.clients.get(subscriber)?.queue.next();
    if (event === undefined) {
      this.forgetRendered();
      return undefined;
    }
    const { id, queryText } = event.subscription;
    const head = Buffer.from(`${resultHead(id)}{"query":${queryText},"data":`);
    return { head, body: this.renderedEvents.render(event) };
  }

  /** Once every client has everything. */
  private forgetRendered(): void {
    for (const { queue } of this.clients.values()) if (!queue.isEmpty) return;
    this.renderedEvents.clear();
  }

  private dropSlow(subscriber: Subscriber): void {
    const reason = 'subscription was canceled (reason: client is not pulling messages fast enough)';
    const subscriptions = [...(this.clients.get(subscriber)?.subscriptions.values() ?? [])];
    this.remove(subscriber);
    subscriber.drop(subscriptions.map(({ id }) => errorText(id, new RpcError(SERVER_ERROR, reason))));
  }
}

function parse(text: string): Query {
  if (text.length > MAX_QUERY_LENGTH) throw refuse('maximum query length exceeded');
  try {
    return parseQuery(text);
  } catch (error) {
    throw refuse(`failed to parse query: ${toRpcError(error).message}`);
  }
}
