export interface ByteSlabsOptions {
  /** Bytes of one buffer: what one copy that stays keeps in memory, whatever becomes of its neighbours. */
  readonly slabBytes: number;
  /** A larger copy has a buffer of its own. */
  readonly copyMax: number;
}

/** Copies of small byte arrays, several in one buffer: a buffer each costs some 300 bytes and the garbage collector's time. */
export class ByteSlabs {
  private readonly options: ByteSlabsOptions;
  private slab = new Uint8Array(0);
  private used = 0;

  constructor(options: ByteSlabsOptions) {
    this.options = options;
  }

  copy(bytes: Uint8Array): Uint8Array {
    const copy = this.take(bytes.length);
    copy.set(bytes);
    return copy;
  }

  /** Zeros that the caller owns. */
  take(length: number): Uint8Array {
    const { slabBytes, copyMax } = this.options;
    if (length > copyMax) return new Uint8Array(length);
    if (this.used + length > this.slab.length) {
      this.slab = new Uint8Array(slabBytes);
      this.used = 0;
    }
    const start = this.used;
    this.used += length;
    return this.slab.subarray(start, this.used);
  }
}
