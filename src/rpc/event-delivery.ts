import type { Pause } from '#util/pause.ts';
import { type EventMessage, messagesOf, txMessage } from './event-messages.ts';
import type { EventQuery } from './event-query.ts';
import { hex } from './json.ts';
import type { NodeEvent } from './node-api.ts';

/**
 * One event of the node on its way to subscribers: which of its messages match which query. Messages go by their
 * index, those of transactions last; they are made again when they are sent, so that none of them waits in memory.
 */
export class Delivery {
  /** What it holds: one, and one for each transaction. */
  readonly size: number;
  /** Distinguishes it from all others. */
  readonly number: number;
  private readonly event: NodeEvent;
  private readonly queries: readonly EventQuery[];
  private readonly matched = new Map<EventQuery, number[]>();
  private isDone = false;

  constructor(number: number, event: NodeEvent, queries: readonly EventQuery[]) {
    this.number = number;
    this.event = event;
    this.queries = queries;
    this.size = event.kind === 'block' ? 1 + event.block.txs.length : 1;
  }

  get isMatched(): boolean {
    return this.isDone;
  }

  /** Indexes of the messages that match, ascending. */
  indexesOf(query: EventQuery): readonly number[] {
    return this.matched.get(query) ?? [];
  }

  message(index: number): EventMessage {
    const messages = messagesOf(this.event);
    const message = messages[index];
    if (message !== undefined || this.event.kind !== 'block') return message as EventMessage;
    return txMessage(this.event, index - messages.length);
  }

  async match(pause: Pause): Promise<void> {
    try {
      const messages = messagesOf(this.event);
      for (const [index, message] of messages.entries()) {
        this.offer(this.queries, message, index);
        await pause();
      }
      if (this.event.kind === 'block') await this.matchTxs(this.event, messages.length, pause);
    } finally {
      this.isDone = true;
    }
  }

  /** A block may hold thousands of transactions and most clients wait for one hash: those are looked up. */
  private async matchTxs(event: Extract<NodeEvent, { kind: 'block' }>, first: number, pause: Pause): Promise<void> {
    const others = this.queries.filter(({ txHash }) => txHash === undefined);
    const byHash = Map.groupBy(
      this.queries.filter(({ txHash }) => txHash !== undefined),
      ({ txHash }) => txHash,
    );
    for (const [index, hash] of event.txHashes.entries()) {
      const named = byHash.size === 0 ? undefined : byHash.get(hex(hash));
      const queries = named === undefined ? others : [...others, ...named];
      if (queries.length > 0) this.offer(queries, txMessage(event, index), first + index);
      const paused = pause();
      if (paused !== undefined) await paused;
    }
  }

  private offer(queries: readonly EventQuery[], message: EventMessage, index: number): void {
    for (const query of queries) {
      if (!query.matches(message)) continue;
      const indexes = this.matched.get(query);
      if (indexes === undefined) this.matched.set(query, [index]);
      else indexes.push(index);
    }
  }
}
