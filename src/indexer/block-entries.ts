import { type RowWriter, VARINT_MAX_BYTES } from './row-writer.ts';
import { canonicalValue } from './rows.ts';

/** Numbers of an entry: slot, event, tag, and the row's next entry. */
const FIELDS = 4;
const NEXT = 3;
const FIRST_ENTRIES = 256;
const ENTRY_MAX_BYTES = 2 * VARINT_MAX_BYTES + 1;
/** No entry follows: entry 0 is that of no row. */
const NONE = 0;

/** A canonical value's entries. */
export interface Row {
  readonly first: number;
  last: number;
  count: number;
}

/**
 * All entries of a block, each linked to the next of its row, in one array: most values stand in one or two attributes,
 * and an array for each costs more than what it holds.
 */
export class BlockEntries {
  /** By canonical value, in the order in which they came. */
  private readonly rows = new Map<string, Row>();
  private entries = new Int32Array(FIRST_ENTRIES * FIELDS);
  private end = FIELDS;

  byValue(): ReadonlyMap<string, Row> {
    return this.rows;
  }

  /** Slots must come in ascending order. */
  add(value: string, slot: number, event: number, tag: number): void {
    const entry = this.append(slot, event, tag);
    // Most values are canonical and not new: nothing else is looked at then.
    const row = this.rows.get(value) ?? this.rowOf(canonicalValue(value), entry);
    if (row.last !== entry) this.entries[row.last + NEXT] = entry;
    row.last = entry;
    row.count++;
  }

  write(writer: RowWriter, row: Row): Uint8Array {
    const { entries } = this;
    writer.begin(row.count * ENTRY_MAX_BYTES);
    let lastSlot = 0;
    for (let at = row.first; at !== NONE; at = entries[at + NEXT] as number) {
      const slot = entries[at] as number;
      writer
        .varint(slot - lastSlot)
        .varint(entries[at + 1] as number)
        .byte(entries[at + 2] as number);
      lastSlot = slot;
    }
    return writer.row();
  }

  private rowOf(canonical: string, first: number): Row {
    const known = this.rows.get(canonical);
    if (known !== undefined) return known;
    const row = { first, last: first, count: 0 };
    this.rows.set(canonical, row);
    return row;
  }

  /** Where the entry begins. */
  private append(slot: number, event: number, tag: number): number {
    if (this.end + FIELDS > this.entries.length) {
      const larger = new Int32Array(2 * this.entries.length);
      larger.set(this.entries);
      this.entries = larger;
    }
    const entry = this.end;
    this.entries[entry] = slot;
    this.entries[entry + 1] = event;
    this.entries[entry + 2] = tag;
    this.end += FIELDS;
    return entry;
  }
}
