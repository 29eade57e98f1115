import { sha256, sha256Into } from '#crypto/hash.ts';
import type { KeyValue, WriteBatch } from '#ports/key-value.ts';
import { LeafHasher } from '#state/leaf-changes.ts';
import { NO_NODE } from '#state/node-pool.ts';
import { appHashOf, type StoreRoot } from '#state/simple-map.ts';
import type { ChangeSet, StoreName } from '#state/store.ts';
import type { Trie } from '#state/trie.ts';
import type { Version } from '#state/version.ts';
import { assert } from '#util/assert.ts';
import { equalBytes, fromLatin1 } from '#util/bytes.ts';

/** A record: bit (256 for a leaf), then an inner node's children with their hashes, or a leaf's key hash. */
const LEAF_BIT = 256;
const LEFT_AT = 2;
const RIGHT_AT = 6;
const LEFT_HASH_AT = 10;
const RIGHT_HASH_AT = 42;
const INNER_BYTES = 74;
const HASH_BYTES = 32;
const BATCH_ROWS = 10_000;

/** A changed leaf on its way down. */
interface Walk {
  readonly keyHash: Uint8Array;
  readonly leafHash: Uint8Array;
}

interface Visited {
  readonly id: number;
  readonly record: Uint8Array;
  readonly left: Visited | undefined;
  readonly right: Visited | undefined;
  readonly leafHash: Uint8Array | undefined;
}

export interface NodeRowsCounts {
  reads: number;
  puts: number;
}

/**
 * The same trees with their nodes in the database, to compare with: a record for each node, which holds its children's
 * hashes so that a change reads its own path alone. Made as cheap as it can be: it reads all paths of a block level by
 * level with one call each, changes records in place, keeps no earlier version, and takes no new keys.
 */
export class NodeRows {
  readonly counts: NodeRowsCounts = { reads: 0, puts: 0 };
  private readonly kv: KeyValue;
  private readonly roots: Map<StoreName, number>;
  private readonly rootHashes: Map<StoreName, Uint8Array>;
  private readonly hasher = new LeafHasher();

  private constructor(kv: KeyValue, version: Version) {
    this.kv = kv;
    this.roots = new Map(version.stores.map((name, index) => [name, version.rootAt(index)]));
    this.rootHashes = new Map(version.storeRoots().map(({ name, root }) => [name, root]));
  }

  /** Writes the nodes of trees that are in memory. */
  static async fill(kv: KeyValue, trie: Trie, version: Version): Promise<NodeRows> {
    let batch = kv.batch();
    for (let store = 0; store < version.stores.length; store++) {
      const stack = [version.rootAt(store)];
      while (stack.length > 0) {
        const node = stack.pop() as number;
        batch.put(rowKey(node), recordOf(trie, node));
        if (!trie.nodes.isLeaf(node)) stack.push(trie.nodes.right(node), trie.nodes.left(node));
        if (batch.length < BATCH_ROWS) continue;
        await batch.write({ sync: false });
        batch = kv.batch();
      }
    }
    await batch.write({ sync: true });
    return new NodeRows(kv, version);
  }

  /** Changes leaves that exist; the app hash after them. */
  async change(batch: WriteBatch, changes: ChangeSet): Promise<Uint8Array> {
    for (const [store, entries] of changes) {
      const walks = [...entries].map(([latin1, value]) => this.walkOf(fromLatin1(latin1), value));
      const root = this.roots.get(store);
      assert(root !== undefined, 'the store exists');
      const visited = await this.visit(root, walks);
      this.rootHashes.set(store, this.rehash(batch, visited));
    }
    const roots: StoreRoot[] = [...this.rootHashes].map(([name, root]) => ({ name, root }));
    return appHashOf(roots);
  }

  private walkOf(key: Uint8Array, value: Uint8Array | undefined): Walk {
    assert(value !== undefined, 'nothing is deleted');
    const keyHash = sha256(key);
    const leafHash = new Uint8Array(HASH_BYTES);
    this.hasher.hash(leafHash, keyHash, 0, value);
    return { keyHash, leafHash };
  }

  /** Reads all paths, level by level. */
  private async visit(root: number, walks: readonly Walk[]): Promise<Visited> {
    type Place = { readonly id: number; readonly walks: readonly Walk[]; readonly put: (visited: Visited) => void };
    let found: Visited | undefined;
    let level: Place[] = [{ id: root, walks, put: (visited) => (found = visited) }];
    while (level.length > 0) {
      // Like leaves, nodes are found damaged by their hashes: the files are not looked at besides.
      const records = await this.kv.getMany(
        level.map(({ id }) => rowKey(id)),
        { unverified: true },
      );
      this.counts.reads += level.length;
      const next: Place[] = [];
      for (const [i, place] of level.entries()) {
        const record = records[i];
        assert(record !== undefined, 'the node is stored');
        place.put(visitedOf(place.id, record, place.walks, (id, below, put) => next.push({ id, walks: below, put })));
      }
      level = next;
    }
    return found as Visited;
  }

  /** The node's hash after its children's; its new record goes to the batch. */
  private rehash(batch: WriteBatch, { id, record, left, right, leafHash }: Visited): Uint8Array {
    if (leafHash !== undefined) return leafHash;
    if (left !== undefined) record.set(this.rehash(batch, left), LEFT_HASH_AT);
    if (right !== undefined) record.set(this.rehash(batch, right), RIGHT_HASH_AT);
    batch.put(rowKey(id), record);
    this.counts.puts++;
    const input = new Uint8Array(1 + 2 * HASH_BYTES);
    input[0] = 1;
    input.set(record.subarray(LEFT_HASH_AT), 1);
    const hash = new Uint8Array(HASH_BYTES);
    sha256Into(hash, input);
    return hash;
  }
}

function visitedOf(
  id: number,
  record: Uint8Array,
  walks: readonly Walk[],
  go: (id: number, walks: readonly Walk[], put: (visited: Visited) => void) => void,
): Visited {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const bit = view.getUint16(0);
  if (bit === LEAF_BIT) {
    const [walk] = walks;
    assert(walk !== undefined && equalBytes(record.subarray(2), walk.keyHash), 'the leaf exists');
    return { id, record, left: undefined, right: undefined, leafHash: walk.leafHash };
  }
  const isRight = ({ keyHash }: Walk): boolean => (((keyHash[bit >>> 3] as number) >>> (7 - (bit & 7))) & 1) === 1;
  const lefts = walks.filter((walk) => !isRight(walk));
  const rights = walks.filter(isRight);
  const visited: { -readonly [Key in keyof Visited]: Visited[Key] } = {
    id,
    record,
    left: undefined,
    right: undefined,
    leafHash: undefined,
  };
  if (lefts.length > 0) go(view.getUint32(LEFT_AT), lefts, (below) => (visited.left = below));
  if (rights.length > 0) go(view.getUint32(RIGHT_AT), rights, (below) => (visited.right = below));
  return visited;
}

function rowKey(id: number): Uint8Array {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, id);
  return out;
}

function recordOf({ nodes, keys }: Trie, node: number): Uint8Array {
  assert(node !== NO_NODE, 'a tree is not empty');
  if (nodes.isLeaf(node)) {
    const record = new Uint8Array(2 + HASH_BYTES);
    new DataView(record.buffer).setUint16(0, LEAF_BIT);
    record.set(keys.hash(nodes.key(node)), 2);
    return record;
  }
  const record = new Uint8Array(INNER_BYTES);
  const view = new DataView(record.buffer);
  view.setUint16(0, nodes.bit(node));
  view.setUint32(LEFT_AT, nodes.left(node));
  view.setUint32(RIGHT_AT, nodes.right(node));
  nodes.hashInto(nodes.left(node), record, LEFT_HASH_AT);
  nodes.hashInto(nodes.right(node), record, RIGHT_HASH_AT);
  return record;
}
