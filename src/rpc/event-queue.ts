import { BoundedQueue } from '#util/bounded-queue.ts';
import type { RequestId } from './dispatcher.ts';
import type { Delivery } from './event-delivery.ts';
import type { EventQuery } from './event-query.ts';

export interface Subscription {
  readonly query: EventQuery;
  /** JSON of the query as the client wrote it. */
  readonly queryText: string;
  /** Each event carries the id of the request that subscribed. */
  readonly id: RequestId;
  isEnded: boolean;
}

/** One message for one subscription. */
export interface QueuedEvent {
  readonly delivery: Delivery;
  readonly index: number;
  readonly subscription: Subscription;
}

interface Entry {
  readonly delivery: Delivery;
  readonly subscriptions: readonly Subscription[];
}

/** Where the client stands in the event that it is sent. */
interface Cursor extends Entry {
  /** How many of the indexes of each subscription were sent. */
  readonly sent: number[];
}

/** What one client is still to be sent: events of the node, not texts. */
export class EventQueue {
  private readonly maxSize: number;
  private readonly behind = new BoundedQueue<Entry>({
    maxItems: Number.MAX_SAFE_INTEGER,
    sizeOf: ({ delivery }) => delivery.size,
  });
  private current: Cursor | undefined;

  constructor(maxSize: number) {
    this.maxSize = maxSize;
  }

  get isEmpty(): boolean {
    return this.current === undefined;
  }

  /**
   * False when too much waits: the client is too slow. Neither the event that is being sent counts nor the one that
   * comes, so that no single block, however large, makes a client slow.
   */
  push(entry: Entry): boolean {
    if (this.behind.size > this.maxSize) return false;
    if (this.current === undefined) this.current = cursorOf(entry);
    else this.behind.push(entry);
    return true;
  }

  /** The next message; undefined when there is none, or when it is not known yet who matches. */
  next(): QueuedEvent | undefined {
    while (this.current?.delivery.isMatched) {
      const event = nextOf(this.current);
      if (event === undefined) {
        const entry = this.behind.shift();
        this.current = entry && cursorOf(entry);
      } else if (!event.subscription.isEnded) return event;
    }
    return undefined;
  }
}

function cursorOf(entry: Entry): Cursor {
  return { ...entry, sent: entry.subscriptions.map(() => 0) };
}

/** Message by message, and each to the subscriptions in the order in which they were made. */
function nextOf({ delivery, subscriptions, sent }: Cursor): QueuedEvent | undefined {
  let best: { readonly position: number; readonly index: number } | undefined;
  for (const [position, { query }] of subscriptions.entries()) {
    const index = delivery.indexesOf(query)[sent[position] as number];
    if (index !== undefined && (best === undefined || index < best.index)) best = { position, index };
  }
  if (best === undefined) return undefined;
  sent[best.position] = (sent[best.position] as number) + 1;
  return { delivery, index: best.index, subscription: subscriptions[best.position] as Subscription };
}
