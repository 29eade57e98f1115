import type { Pause } from '#util/pause.ts';
import { NO_NODE } from '../node-pool.ts';
import type { Trie } from '../trie.ts';
import type { Version } from '../version.ts';
import {
  ENTRY_HEADER_BYTES,
  endSection,
  headerSection,
  KIND_LEAVES,
  LEAVES_HEADER_BYTES,
  PAYLOAD_AT,
  SECTION_BYTES,
  sealSection,
  sectionBuffer,
} from './format.ts';

/** Leaves between two calls of `pause`: less than a millisecond. */
const PAUSE_LEAVES = 500;

/**
 * The sections of a saved tree, one by one: nothing of the size of the tree is in memory. The version must be held
 * until the end. Calls `pause` about every millisecond.
 */
export async function* copySections(trie: Trie, version: Version, pause: Pause): AsyncGenerator<Uint8Array> {
  let number = 0;
  let leaves = 0;
  yield headerSection({ height: version.height, appHash: version.appHash, stores: version.storeRoots() });
  for (let store = 0; store < version.stores.length; store++) {
    const walk = new LeafWalk(trie, version.rootAt(store));
    while (!walk.isDone) {
      number++;
      const section = new LeafSection(trie, store);
      while (!walk.isDone && !section.isFull) {
        section.add(walk.next());
        leaves++;
        if (leaves % PAUSE_LEAVES === 0) await pause();
      }
      yield section.sealed(number);
    }
  }
  yield endSection(leaves, number + 1);
}

/** Leaves of a tree from left to right: in the order of their key hashes. */
class LeafWalk {
  private readonly trie: Trie;
  private readonly stack: number[];

  constructor(trie: Trie, root: number) {
    this.trie = trie;
    this.stack = root === NO_NODE ? [] : [root];
  }

  get isDone(): boolean {
    return this.stack.length === 0;
  }

  next(): number {
    const { nodes } = this.trie;
    let node = this.stack.pop() as number;
    while (!nodes.isLeaf(node)) {
      this.stack.push(nodes.right(node));
      node = nodes.left(node);
    }
    return node;
  }
}

class LeafSection {
  private readonly trie: Trie;
  private readonly bytes = sectionBuffer();
  private readonly view = new DataView(this.bytes.buffer);
  private at = PAYLOAD_AT + LEAVES_HEADER_BYTES;

  constructor(trie: Trie, store: number) {
    this.trie = trie;
    this.bytes[PAYLOAD_AT] = KIND_LEAVES;
    this.view.setUint16(PAYLOAD_AT + 1, store);
  }

  get isFull(): boolean {
    return this.at >= SECTION_BYTES;
  }

  add(leaf: number): void {
    const { nodes, keys } = this.trie;
    const key = nodes.key(leaf);
    const length = keys.keyLength(key);
    this.view.setUint16(this.at, length);
    nodes.hashInto(leaf, this.bytes, this.at + 2);
    keys.keyInto(key, this.bytes, this.at + ENTRY_HEADER_BYTES);
    this.at += ENTRY_HEADER_BYTES + length;
  }

  sealed(number: number): Uint8Array {
    return sealSection(this.bytes, this.at - PAYLOAD_AT, number);
  }
}
