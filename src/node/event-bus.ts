/** Hands each event to every listener, in order. Listeners return at once; one that throws is a fault of the program. */
export class EventBus<Event> {
  private readonly listeners = new Set<(event: Event) => void>();

  /** Whether anybody listens: events that cost something to make need not be made otherwise. */
  get hasListeners(): boolean {
    return this.listeners.size > 0;
  }

  subscribe(listener: (event: Event) => void): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  publish(event: Event): void {
    // A listener may end its own or another subscription: those of the moment of publication are called.
    for (const listener of [...this.listeners]) if (this.listeners.has(listener)) listener(event);
  }
}
