/** A client that took nothing for so long makes room for others when there is none left. */
const STALLED_MS = 1000;

/**
 * Bytes of answers, of all clients together, that the system has not taken yet. Each connection has bounds of its own;
 * this one is there because hundreds of connections within theirs would still be more than the memory of a machine.
 */
export class UnsentBytes {
  private readonly maxBytes: number;
  private readonly now: () => number;
  /** Clients that have bytes here, whoever took none for the longest time first. */
  private readonly waiting = new Set<UnsentAccount>();
  private bytes = 0;

  /** `now` in milliseconds that never go back. */
  constructor(maxBytes: number, now: () => number = () => performance.now()) {
    this.maxBytes = maxBytes;
    this.now = now;
  }

  get total(): number {
    return this.bytes;
  }

  /** `drop` ends the client's connection. */
  open(drop: () => void): UnsentAccount {
    return new UnsentAccount(this, drop);
  }

  /** For accounts. False: there is no room, and every client that holds some is reading. */
  take(account: UnsentAccount, bytes: number): boolean {
    if (bytes > this.maxBytes) return false;
    while (this.bytes + bytes > this.maxBytes) {
      const stalled = this.stalledBeside(account);
      if (stalled === undefined) return false;
      stalled.close();
      stalled.drop();
    }
    this.bytes += bytes;
    return true;
  }

  /** For accounts. */
  give(bytes: number): void {
    this.bytes -= bytes;
  }

  /** For accounts: moves one to the end, with the time. */
  touch(account: UnsentAccount): void {
    account.touchedMs = this.now();
    this.waiting.delete(account);
    this.waiting.add(account);
  }

  /** For accounts that hold nothing any more. */
  forget(account: UnsentAccount): void {
    this.waiting.delete(account);
  }

  private stalledBeside(account: UnsentAccount): UnsentAccount | undefined {
    for (const other of this.waiting) {
      if (other !== account) return this.now() - other.touchedMs < STALLED_MS ? undefined : other;
    }
    return undefined;
  }
}

/** What one client has in `UnsentBytes`. */
export class UnsentAccount {
  readonly drop: () => void;
  touchedMs = 0;
  private readonly unsent: UnsentBytes;
  private held = 0;
  private isClosed = false;

  constructor(unsent: UnsentBytes, drop: () => void) {
    this.unsent = unsent;
    this.drop = drop;
  }

  /** Before an answer is kept for sending. False: it must not be kept. */
  take(bytes: number): boolean {
    if (this.isClosed || !this.unsent.take(this, bytes)) return false;
    // Asking for more is no sign that what is there is read.
    if (this.held === 0) this.unsent.touch(this);
    this.held += bytes;
    return true;
  }

  /** The system took some bytes: the client reads. */
  progress(): void {
    if (this.held > 0) this.unsent.touch(this);
  }

  /** After an answer was sent, or given up. */
  give(bytes: number): void {
    if (this.isClosed) return;
    this.held -= bytes;
    this.unsent.give(bytes);
    if (this.held === 0) this.unsent.forget(this);
  }

  /** Gives everything back, and takes no more. Idempotent. */
  close(): void {
    this.give(this.held);
    this.isClosed = true;
  }
}
