/** As Node's own pool of small buffers: one value that stays keeps so much in memory, whatever becomes of its neighbours. */
const SLAB_BYTES = 8 * 1024;
/** A larger one has a buffer of its own. */
const SLAB_VALUE_MAX = 1024;

/**
 * Copies of small values, many in one buffer. What the database returns is a buffer each, and tens of thousands of these
 * that stay for some blocks cost the garbage collector more than a block's hashes.
 */
export class ValueSlabs {
  private slab = new Uint8Array(0);
  private used = 0;

  copy(value: Uint8Array): Uint8Array {
    if (value.length > SLAB_VALUE_MAX) return value.slice();
    if (this.used + value.length > this.slab.length) {
      this.slab = new Uint8Array(SLAB_BYTES);
      this.used = 0;
    }
    const copy = this.slab.subarray(this.used, this.used + value.length);
    copy.set(value);
    this.used += value.length;
    return copy;
  }
}
