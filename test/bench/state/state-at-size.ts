import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { workSlice } from '#engine/work-slice.ts';
import { RealClock } from '#node/real-clock.ts';
import type { KeyValue } from '#ports/key-value.ts';
import { State, type StateOptions } from '#state/state.ts';
import type { ChangeSet } from '#state/store.ts';
import { openLevel } from '#storage/level.ts';
import { NodeStreamedFile } from '#storage/streamed-file.ts';
import { assert } from '#util/assert.ts';
import { equalBytes, fromLatin1 } from '#util/bytes.ts';
import { type Figure, measure } from '../repeat.ts';
import { changesOf, fillState, LEAVES_PER_ACCOUNT } from './made-state.ts';
import { NodeRows } from './node-rows.ts';
import { type Elapsed, median, timed } from './timed.ts';

/** Leaves that a block changes. */
export const BLOCKS = [100, 1_000, 10_000] as const;
/** Heights between the saved tree and the head, in the start that has to make up for them. */
export const HEIGHTS_BEHIND = 5;
const CHANGES_BEHIND = 1_000;
const BYTES_PER_MEGABYTE = 1e6;

export interface BlockFigures {
  readonly changes: number;
  readonly stage: Figure;
  readonly commit: Elapsed;
  /** The same changes where the nodes are in the database: to the root, and to the disk. */
  readonly rows: RowsFigures | undefined;
}

interface RowsFigures {
  readonly root: Elapsed;
  readonly commit: Elapsed;
  readonly reads: number;
}

export interface SizeFigures {
  readonly leaves: number;
  readonly rebuild: Elapsed;
  readonly save: Elapsed;
  readonly copyMegabytes: number;
  readonly load: Elapsed;
  readonly loadBehind: Elapsed;
  readonly verify: Elapsed;
  readonly treeMegabytes: number;
  readonly bytesPerLeaf: number;
  readonly blocks: readonly BlockFigures[];
  readonly prune: PruneFigures;
}

/** All past heights forgotten at once: one undo row for each leaf that they had changed, and one list a height. */
export interface PruneFigures {
  readonly heights: number;
  readonly undoRows: number;
  readonly elapsed: Elapsed;
}

export interface SizeOptions {
  readonly leaves: number;
  readonly repetitions: number;
  /** Also with nodes in the database. */
  readonly compare: boolean;
  readonly progress: (text: string) => void;
}

export async function measureSize(options: SizeOptions): Promise<SizeFigures> {
  const directory = await mkdtemp(join(tmpdir(), 'bizra-bench-state-'));
  try {
    return await new StateAtSize(directory, options).run();
  } finally {
    await rm(directory, { recursive: true });
  }
}

class StateAtSize {
  private readonly directory: string;
  private readonly options: SizeOptions;
  private readonly accounts: number;
  private readonly copy: NodeStreamedFile;
  private readonly pause = workSlice(new RealClock());
  private readonly stateOptions: StateOptions;
  private round = 0;

  constructor(directory: string, options: SizeOptions) {
    this.directory = directory;
    this.options = options;
    this.accounts = options.leaves / LEAVES_PER_ACCOUNT;
    this.copy = new NodeStreamedFile(join(directory, 'tree.copy'));
    this.stateOptions = { pause: async () => this.pause() };
  }

  async run(): Promise<SizeFigures> {
    const { leaves } = this.options;
    const rows = await this.fill();
    const kv = await openLevel(join(this.directory, 'chain.db'));
    try {
      const { rebuild, save } = await this.rebuild(kv);
      const { size } = await stat(join(this.directory, 'tree.copy'));
      const [state, load] = await timed(() => this.openCopy(kv));
      const [, verify] = await timed(() => state.verifyLeaves(this.pause));
      const [treeMegabytes, bytesPerLeaf] = [state.treeBytes / BYTES_PER_MEGABYTE, state.treeBytes / state.leaves];
      for (let i = 0; i < HEIGHTS_BEHIND; i++) {
        const { changes } = await this.commit(kv, state, CHANGES_BEHIND);
        if (rows !== undefined) await this.changeRows(rows, state, changes);
      }
      const loadBehind = await this.loadBehind(kv, state);
      const blocks: BlockFigures[] = [];
      for (const changes of BLOCKS) blocks.push(await this.block(kv, state, changes, rows));
      const prune = await this.prune(state);
      const copyMegabytes = size / BYTES_PER_MEGABYTE;
      return {
        leaves,
        rebuild,
        save,
        copyMegabytes,
        load,
        loadBehind,
        verify,
        treeMegabytes,
        bytesPerLeaf,
        blocks,
        prune,
      };
    } finally {
      await kv.close();
      await rows?.kv.close();
    }
  }

  private async prune(state: State): Promise<PruneFigures> {
    this.say('prune');
    const { repetitions } = this.options;
    const heights = HEIGHTS_BEHIND + repetitions * BLOCKS.length;
    const undoRows = HEIGHTS_BEHIND * CHANGES_BEHIND + repetitions * BLOCKS.reduce((sum, changes) => sum + changes, 0);
    const [, elapsed] = await timed(() => state.prune(state.height));
    return { heights, undoRows, elapsed };
  }

  private async rebuild(kv: KeyValue): Promise<{ readonly rebuild: Elapsed; readonly save: Elapsed }> {
    this.say('rebuild');
    const [state, rebuild] = await timed(() => State.open(kv, this.stateOptions));
    this.say('saved tree');
    const [, save] = await timed(() => state.saveTree(this.copy, this.pause));
    return { rebuild, save };
  }

  private async loadBehind(kv: KeyValue, state: State): Promise<Elapsed> {
    const [behind, elapsed] = await timed(() => this.openCopy(kv));
    assert(equalBytes(behind.appHash, state.appHash), 'the saved tree leads to the head');
    return elapsed;
  }

  private say(what: string): void {
    this.options.progress(`state of ${this.options.leaves} leaves: ${what}`);
  }

  /** The databases as a stopped node leaves them. */
  private async fill(): Promise<{ readonly kv: KeyValue; readonly nodes: NodeRows } | undefined> {
    this.say('filling');
    const kv = await openLevel(join(this.directory, 'chain.db'));
    const { trie, version } = await fillState(kv, this.accounts);
    await kv.close();
    if (!this.options.compare) return undefined;
    const rows = await openLevel(join(this.directory, 'nodes.db'));
    return { kv: rows, nodes: await NodeRows.fill(rows, trie, version) };
  }

  private async openCopy(kv: KeyValue): Promise<State> {
    const state = await State.open(kv, { ...this.stateOptions, treeCopy: this.copy });
    assert(state.savedHeight !== undefined, 'the saved tree was used');
    return state;
  }

  private async block(
    kv: KeyValue,
    state: State,
    changes: number,
    rows: { readonly kv: KeyValue; readonly nodes: NodeRows } | undefined,
  ): Promise<BlockFigures> {
    this.say(`blocks of ${changes} changes`);
    const { repetitions } = this.options;
    let next: ChangeSet = new Map();
    const stage = await measure({
      what: `${changes}`,
      operations: 1,
      repetitions,
      prepare: async () => {
        next = await this.nextChanges(state, changes);
      },
      run: async () => state.discard(await state.stage(state.height + 1, next)),
    });
    const commits: Elapsed[] = [];
    const compared: RowsFigures[] = [];
    for (let i = 0; i < repetitions; i++) {
      const committed = await this.commit(kv, state, changes);
      commits.push(committed.written);
      if (rows !== undefined) compared.push(await this.changeRows(rows, state, committed.changes));
    }
    return {
      changes,
      stage,
      commit: median(commits, ({ ms }) => ms),
      rows: rows && median(compared, ({ root }) => root.ms),
    };
  }

  /** Other leaves than before. Execution has read what it changes: the old values are in the cache. */
  private async nextChanges(state: State, leaves: number): Promise<ChangeSet> {
    const changes = changesOf(this.accounts, leaves, ++this.round);
    const reads = [...changes].flatMap(([store, entries]) =>
      [...entries.keys()].map((latin1) => ({ store, key: fromLatin1(latin1) })),
    );
    await state.prefetch(reads);
    return changes;
  }

  /** A height's batch; timed is what comes behind staging: filling and the synced write. */
  private async commit(
    kv: KeyValue,
    state: State,
    leaves: number,
  ): Promise<{ readonly written: Elapsed; readonly changes: ChangeSet }> {
    const changes = await this.nextChanges(state, leaves);
    const staged = await state.stage(state.height + 1, changes);
    const [, written] = await timed(async () => {
      const batch = kv.batch();
      state.write(batch, staged);
      await batch.write({ sync: true });
    });
    state.publish(staged);
    return { written, changes };
  }

  private async changeRows(
    { kv, nodes }: { readonly kv: KeyValue; readonly nodes: NodeRows },
    state: State,
    changes: ChangeSet,
  ): Promise<RowsFigures> {
    const batch = kv.batch();
    nodes.counts.reads = 0;
    const [appHash, root] = await timed(() => nodes.change(batch, changes));
    assert(equalBytes(appHash, state.appHash), 'it is the same work');
    const [, commit] = await timed(() => batch.write({ sync: true }));
    return { root, commit, reads: nodes.counts.reads };
  }
}
