import type { QueuedEvent } from './event-queue.ts';

/**
 * Bytes of rendered messages that are kept for the clients that have not come to them: 64 MiB, so that the message of a
 * full block, which takes a tenth of a second to render, is rendered once for all.
 */
const MAX_KEPT_BYTES = 64 * 1024 * 1024;

/** Messages as they are sent, shared by all clients that are sent them at about the same time. */
export class RenderedEvents {
  /** Oldest first. */
  private readonly kept = new Map<string, Buffer>();
  private bytes = 0;

  render({ delivery, index }: QueuedEvent): Buffer {
    const key = `${delivery.number}/${index}`;
    const known = this.kept.get(key);
    if (known !== undefined) return known;
    const { data, events } = delivery.message(index).rendered;
    const body = Buffer.from(`${data},"events":${events}}}`);
    this.kept.set(key, body);
    this.bytes += body.length;
    this.dropOldest();
    return body;
  }

  clear(): void {
    this.kept.clear();
    this.bytes = 0;
  }

  private dropOldest(): void {
    for (const [key, body] of this.kept) {
      if (this.bytes <= MAX_KEPT_BYTES) return;
      this.kept.delete(key);
      this.bytes -= body.length;
    }
  }
}
