import type { KeyValue } from '#ports/key-value.ts';
import { assert } from '#util/assert.ts';
import { BizraError } from '#util/errors.ts';
import type { StateErrorCode } from './errors.ts';
import { HistoryView } from './history-view.ts';
import type { LeafHasher } from './leaf-changes.ts';
import { readHead } from './load.ts';
import { PAIR_BYTES } from './node-pool.ts';
import { type Proof, proveKeys } from './prove.ts';
import { type ScratchOptions, ScratchVersions } from './scratch-versions.ts';
import { PinnedState } from './snapshot/pinned-state.ts';
import type { StoreName } from './store.ts';
import type { Trie } from './trie.ts';
import { UndoPruner } from './undo-pruner.ts';
import type { Version } from './version.ts';

/** Heights whose trees are kept, for proofs: half a minute of the fastest chain. */
const PROOF_HEIGHTS = 128;
/** Bytes that kept trees may take beside the head's; the oldest go first. Views that pin more are closed. */
const PROOF_BYTES = 256 * 1024 * 1024;
/** Heights after which an open view is closed: it pins tree nodes and keeps LevelDB from dropping old values. */
const VIEW_HEIGHTS = 1000;
/** Open views: each holds a database snapshot, and iterators of up to 256 KiB while it walks. */
const VIEWS_MAX = 256;

export interface PastOptions {
  readonly proofHeights?: number;
  readonly proofBytes?: number;
  readonly viewHeights?: number;
  /** Views that are open at once. */
  readonly viewsMax?: number;
  /** What a proof at an old height may cost. */
  readonly scratch?: Omit<ScratchOptions, 'pause'>;
  /** Lets the event loop run; called about every millisecond of long work. */
  readonly pause?: () => Promise<void>;
}

export interface PastParts {
  readonly kv: KeyValue;
  readonly trie: Trie;
  readonly hasher: LeafHasher;
}

/** The state at heights up to the head: kept trees, and views over the undo rows below them. */
export class Past {
  private readonly parts: PastParts;
  private readonly options: Required<Omit<PastOptions, 'scratch'>>;
  private readonly pruner: UndoPruner;
  private readonly scratch: ScratchVersions;
  /** Kept versions by height, the head included. */
  private readonly versions = new Map<number, Version>();
  private head: Version;
  /** The version that was written last: its batch may be visible in the database before `publish`. */
  private recent: Version | undefined;
  /** Nodes that were made since the start, by the versions that were published. */
  private madePairs = 0;
  private readonly views = new Map<HistoryView, { readonly height: number; readonly madePairs: number }>();
  private pinned: PinnedState | undefined;

  constructor(parts: PastParts, head: Version, options: PastOptions) {
    this.parts = parts;
    this.head = head;
    this.options = {
      proofHeights: options.proofHeights ?? PROOF_HEIGHTS,
      proofBytes: options.proofBytes ?? PROOF_BYTES,
      viewHeights: options.viewHeights ?? VIEW_HEIGHTS,
      viewsMax: options.viewsMax ?? VIEWS_MAX,
      pause: options.pause ?? (async () => undefined),
    };
    this.versions.set(head.height, head);
    this.scratch = new ScratchVersions(parts, { ...options.scratch, pause: this.options.pause });
    this.pruner = new UndoPruner(parts.kv, head.height);
  }

  /** Least height that can be read. */
  get base(): number {
    return this.pruner.base;
  }

  /** What forgets the past. */
  get pruning(): UndoPruner {
    return this.pruner;
  }

  /** The database may show this version from now on, or `undefined`: not any more. */
  written(version: Version | undefined): void {
    this.recent = version;
  }

  publish(version: Version): void {
    this.head = version;
    this.madePairs += version.newPairs;
    this.versions.set(version.height, version);
    this.dropOldVersions();
    this.closeOldViews();
    this.scratch.age(this.madePairs, this.options.proofBytes / PAIR_BYTES);
  }

  view(height: number | undefined): HistoryView {
    const { kv, trie, hasher } = this.parts;
    if (this.views.size >= this.options.viewsMax) {
      throw new BizraError<StateErrorCode>('query_busy', 'too many queries at once: ask again in some seconds');
    }
    const snapshot = kv.snapshot();
    try {
      const headHeight = readHead(snapshot).height;
      const wanted = height ?? headHeight;
      this.checkHeight(wanted, headHeight);
      const head = this.versionAt(headHeight);
      assert(head !== undefined, 'the version of a visible head is in memory');
      const view = new HistoryView({
        trie,
        hasher,
        snapshot,
        head: head.hold(),
        height: wanted,
        version: this.versionAt(wanted)?.hold(),
        onRelease: () => this.views.delete(view),
      });
      this.views.set(view, { height: headHeight, madePairs: this.madePairs });
      return view;
    } catch (error) {
      void snapshot.release();
      throw error;
    }
  }

  /** Each key's value or absence, with its proof; from a tree that is made for it where that of the height is gone. */
  async prove(store: StoreName, keys: readonly Uint8Array[], height: number | undefined): Promise<Proof[]> {
    const view = this.view(height);
    // Held apart from the view, which lets go of it when it expires.
    let version: Version | undefined;
    try {
      version = view.version?.hold() ?? (await this.scratchVersion(view));
      return await proveKeys(this.parts, view, version, store, keys);
    } finally {
      version?.release();
      await view.release();
    }
  }

  /** The whole state at the head; undefined while another one is held. */
  pin(): PinnedState | undefined {
    if (this.pinned !== undefined) return undefined;
    const { kv, trie, hasher } = this.parts;
    const snapshot = kv.snapshot();
    try {
      const version = this.versionAt(readHead(snapshot).height);
      assert(version !== undefined, 'the version of a visible head is in memory');
      const onRelease = (): void => {
        this.pinned = undefined;
      };
      this.pinned = new PinnedState({ trie, hasher, version: version.hold(), snapshot, onRelease });
      return this.pinned;
    } catch (error) {
      void snapshot.release();
      throw error;
    }
  }

  /** The version of a height that the database may show; undefined when it is no longer kept. */
  versionAt(height: number): Version | undefined {
    return this.recent?.height === height ? this.recent : this.versions.get(height);
  }

  private async scratchVersion(view: HistoryView): Promise<Version> {
    let later = view.head;
    // The oldest kept tree is the nearest. Heights are kept without a gap.
    for (let height = later.height - 1; height > view.height && this.versions.has(height); height--) {
      later = this.versions.get(height) as Version;
    }
    later.hold();
    try {
      return await this.scratch.at(view, later, this.madePairs);
    } finally {
      later.release();
    }
  }

  private checkHeight(wanted: number, head: number): void {
    if (wanted > head) {
      throw new BizraError<StateErrorCode>('height_unknown', `height ${wanted} is ahead of the latest height ${head}`);
    }
    if (wanted < this.base) {
      throw new BizraError<StateErrorCode>(
        'height_pruned',
        `height ${wanted} is no longer kept: the lowest height is ${this.base}`,
      );
    }
  }

  private dropOldVersions(): void {
    let bytes = 0;
    for (let height = this.head.height; this.versions.has(height); height--) {
      const version = this.versions.get(height) as Version;
      const age = this.head.height - height;
      if (age > 0 && (age >= this.options.proofHeights || bytes > this.options.proofBytes)) {
        version.release();
        this.versions.delete(height);
      }
      bytes += version.newPairs * PAIR_BYTES;
    }
  }

  private closeOldViews(): void {
    const { viewHeights, proofBytes } = this.options;
    for (const [view, opened] of this.views) {
      const pinnedBytes = (this.madePairs - opened.madePairs) * PAIR_BYTES;
      if (this.head.height - opened.height > viewHeights || pinnedBytes > proofBytes) void view.expire();
    }
  }
}
