import { equalBytes } from '#util/bytes.ts';
import type { Pause } from '#util/pause.ts';
import { KEY_BYTES_MAX } from '../key-arena.ts';
import { NO_NODE } from '../node-pool.ts';
import type { HeadRecord } from '../rows.ts';
import { readHeight } from '../rows.ts';
import { SHORT_SLOTS, ShortHasher } from '../short-hasher.ts';
import { TreeBuilder } from '../tree-builder.ts';
import type { Trie } from '../trie.ts';
import { Version } from '../version.ts';
import {
  decodeHeader,
  ENTRY_HEADER_BYTES,
  KIND_END,
  KIND_LEAVES,
  LEAVES_HEADER_BYTES,
  SectionReader,
  UnusableCopy,
} from './format.ts';

/** The reason where no tree was saved yet. */
export const NO_COPY = 'there is none';

const HASH_BYTES = 32;

/**
 * The tree in a saved copy, which is what its header says: the roots are computed from the leaves. Throws UnusableCopy
 * where it is not; the trie is then of no use either. `accept` looks at the header first, and may throw that as well.
 */
export async function readCopy(
  pieces: AsyncIterable<Uint8Array>,
  trie: Trie,
  accept: (header: HeadRecord) => void,
  pause: Pause,
): Promise<Version> {
  const reader = new SectionReader(pieces);
  try {
    const first = await reader.next();
    if (first === undefined) throw new UnusableCopy(NO_COPY);
    const header = decodeHeader(first);
    accept(header);
    const builders = header.stores.map(() => new TreeBuilder(trie));
    await readLeaves(reader, new LeafReader(trie, builders), pause);
    return checkedVersion(
      trie,
      header,
      builders.map((builder) => builder.finish()),
    );
  } finally {
    await reader.close();
  }
}

async function readLeaves(reader: SectionReader, leaves: LeafReader, pause: Pause): Promise<void> {
  for (let payload = await reader.next(); payload !== undefined; payload = await reader.next()) {
    if (payload[0] === KIND_LEAVES) {
      leaves.read(payload);
      await pause();
      continue;
    }
    const isWhole = payload[0] === KIND_END && readHeight(payload, 1) === leaves.count;
    if (!isWhole || (await reader.next()) !== undefined) throw new UnusableCopy('its parts do not fit together');
    return;
  }
  throw new UnusableCopy('it is cut off');
}

function checkedVersion(trie: Trie, header: HeadRecord, roots: readonly number[]): Version {
  const stores = header.stores.map(({ name }) => name);
  if (roots.includes(NO_NODE)) throw new UnusableCopy('a store has no leaves');
  const version = new Version(trie, header.height, stores, roots, 0);
  const isSame = version
    .storeRoots()
    .every(({ root }, i) => equalBytes(root, header.stores[i]?.root ?? new Uint8Array(0)));
  if (!isSame || !equalBytes(version.appHash, header.appHash))
    throw new UnusableCopy('its leaves do not give its root');
  return version;
}

/** Adds the leaves of sections to the trees of their stores. */
class LeafReader {
  count = 0;
  private readonly trie: Trie;
  private readonly builders: readonly TreeBuilder[];
  private readonly hasher = new ShortHasher();
  /** Where the entries of a group begin. */
  private readonly starts = new Int32Array(SHORT_SLOTS);

  constructor(trie: Trie, builders: readonly TreeBuilder[]) {
    this.trie = trie;
    this.builders = builders;
  }

  read(payload: Uint8Array): void {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    const builder = this.builders[view.getUint16(1)];
    if (builder === undefined) throw new UnusableCopy('it has leaves of an unknown store');
    for (let at = LEAVES_HEADER_BYTES; at < payload.length; ) {
      let slots = 0;
      for (; slots < SHORT_SLOTS && at < payload.length; slots++) {
        const key = at + ENTRY_HEADER_BYTES;
        const length = key <= payload.length ? view.getUint16(at) : 0;
        if (length === 0 || length > KEY_BYTES_MAX || key + length > payload.length) {
          throw new UnusableCopy('a leaf in it is not one');
        }
        this.starts[slots] = at;
        this.hasher.set(slots, payload, key, key + length);
        at = key + length;
      }
      this.add(builder, payload, view, slots);
    }
  }

  private add(builder: TreeBuilder, payload: Uint8Array, view: DataView, slots: number): void {
    const { keys } = this.trie;
    this.hasher.run();
    for (let slot = 0; slot < slots; slot++) {
      const at = this.starts[slot] as number;
      const start = at + ENTRY_HEADER_BYTES;
      const key = keys.addPart(payload, start, start + view.getUint16(at), this.hasher.hashes, slot * HASH_BYTES);
      if (!builder.add(key, payload, at + 2)) throw new UnusableCopy('its leaves are out of order');
    }
    this.count += slots;
  }
}
