import { createHash } from 'node:crypto';

/** One line an event, and a hash over all of them. */
export class Trace {
  private readonly hash = createHash('sha256');
  private readonly sink: ((line: string) => void) | undefined;
  private readonly last: string[] = [];

  constructor(sink?: (line: string) => void) {
    this.sink = sink;
  }

  line(nowMs: number, who: string, what: string): void {
    const line = `${(nowMs / 1000).toFixed(6).padStart(12)} ${who.padEnd(5)} ${what}`;
    this.hash.update(`${line}\n`);
    this.sink?.(line);
    this.last.push(line);
    if (this.last.length > LAST_LINES) this.last.shift();
  }

  /** The end of the story, for a report of a failure. */
  get tail(): readonly string[] {
    return this.last;
  }

  /** Only once, at the end. */
  digest(more: string): string {
    return this.hash.update(more).digest('hex');
  }
}

const LAST_LINES = 40;
