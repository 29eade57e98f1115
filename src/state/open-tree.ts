import type { StreamedFile } from '#ports/files.ts';
import type { KeyValue } from '#ports/key-value.ts';
import { equalBytes } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { NEVER_PAUSE, type Pause } from '#util/pause.ts';
import { LeafHasher } from './leaf-changes.ts';
import { checkRoots, loadVersion, readHead } from './load.ts';
import type { HeadRecord } from './rows.ts';
import { UnusableCopy } from './tree-copy/format.ts';
import { bringForward } from './tree-copy/forward.ts';
import { readCopy } from './tree-copy/read.ts';
import { Trie } from './trie.ts';
import type { Version } from './version.ts';

/** What happens while the tree is brought into memory, for the log. */
export type LoadingEvent =
  /** A saved tree is of no use, and why. */
  | { readonly kind: 'unusable'; readonly reason: string }
  /** Of building it from all leaves. */
  | { readonly kind: 'progress'; readonly leaves: number }
  /** `heights` were made up for by the lists of what they changed. */
  | { readonly kind: 'loaded'; readonly source: 'copy' | 'leaves'; readonly leaves: number; readonly heights: number };

export interface LoadingOptions {
  /** Where a saved tree may be. */
  readonly treeCopy?: StreamedFile | undefined;
  readonly onLoading?: ((event: LoadingEvent) => void) | undefined;
  /** Lets the event loop run; called about every millisecond of long work. */
  readonly pause?: () => Promise<void>;
}

export interface OpenedTree {
  readonly trie: Trie;
  readonly hasher: LeafHasher;
  readonly version: Version;
  /** Height of the saved tree that it came from; absent when it was built from all leaves. */
  readonly copyHeight: number | undefined;
}

/**
 * The tree of the head: a saved one where it leads to the head's root, else built from all stored leaves. Throws
 * BizraError 'state_missing', or MachineError 'state_corrupt' or 'damaged'.
 */
export async function openTree(kv: KeyValue, options: LoadingOptions): Promise<OpenedTree> {
  const { treeCopy, onLoading = () => {}, pause = NEVER_PAUSE } = options;
  const hasher = new LeafHasher();
  const head = readHead(kv);
  if (treeCopy !== undefined) {
    try {
      return await openCopy({ kv, hasher, pause }, head, treeCopy, onLoading);
    } catch (error) {
      // A copy is a convenience: whatever is wrong with it, the leaves tell the truth.
      if (!(error instanceof UnusableCopy || error instanceof BizraError)) throw error;
      onLoading({ kind: 'unusable', reason: error.message });
    }
  }
  const trie = new Trie();
  const version = await loadVersion(kv, trie, hasher, (leaves) => onLoading({ kind: 'progress', leaves }));
  onLoading({ kind: 'loaded', source: 'leaves', leaves: trie.keys.size, heights: 0 });
  return { trie, hasher, version, copyHeight: undefined };
}

async function openCopy(
  { kv, hasher, pause }: { readonly kv: KeyValue; readonly hasher: LeafHasher; readonly pause: Pause },
  head: HeadRecord,
  treeCopy: StreamedFile,
  onLoading: (event: LoadingEvent) => void,
): Promise<OpenedTree> {
  const trie = new Trie();
  const saved = await readCopy(treeCopy.read(), trie, (header) => checkHeader(header, head), pause);
  const version = saved.height === head.height ? saved : await bringForward({ kv, trie, hasher, pause }, saved, head);
  // What a rollback took back, and another chain had, shows here at the latest.
  checkRoots(version, head);
  onLoading({ kind: 'loaded', source: 'copy', leaves: trie.keys.size, heights: head.height - saved.height });
  return { trie, hasher, version, copyHeight: saved.height };
}

function checkHeader(saved: HeadRecord, head: HeadRecord): void {
  if (saved.height > head.height) {
    throw new UnusableCopy(`it is of height ${saved.height}, the database of height ${head.height}`);
  }
  if (saved.height === head.height && !equalBytes(saved.appHash, head.appHash)) {
    throw new UnusableCopy('it is of another history');
  }
  const isSameList =
    saved.stores.length === head.stores.length && saved.stores.every(({ name }, i) => name === head.stores[i]?.name);
  if (!isSameList) throw new UnusableCopy('it has other stores');
}
