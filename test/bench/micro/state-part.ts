import type { BenchContext } from '../context.ts';
import type { Section, Table } from '../report.ts';
import { HEIGHTS_BEHIND, measureSize, type SizeFigures } from '../state/state-at-size.ts';

const MILLIS_PER_MICRO = 0.001;
const MILLIS_PER_SECOND = 1e3;
/** With their nodes in the database too: filling and compacting more takes longer than all the rest. */
const COMPARED_LEAVES_MAX = 2_000_000;

export async function statePart({ quick, large, progress }: BenchContext): Promise<Section> {
  const sizes = quick ? [100_000] : [100_000, 1_000_000, 2_000_000, ...(large ? [10_000_000] : [])];
  const figures: SizeFigures[] = [];
  for (const leaves of sizes) {
    figures.push(
      await measureSize({ leaves, repetitions: quick ? 3 : 9, compare: leaves <= COMPARED_LEAVES_MAX, progress }),
    );
  }
  return {
    name: 'state',
    notes: [
      'Two leaves an account, its record and its balance, rows in LevelDB. CPU time is that of the one thread that does the work, unless it says otherwise.',
      'A block changes leaves all over the tree. Staging is all hashing up to the new app hash, with the old version kept and the old values in the cache; commit is filling the batch with leaves, undo rows and lists, and its synced write.',
      'Nodes in LevelDB is the same work with a record for each node instead of nodes in memory, made as cheap as can be (test/bench/state/node-rows.ts); both give the same app hash.',
      `A start builds the tree from all leaves, or loads a saved copy of it, here also one that is ${HEIGHTS_BEHIND} blocks of 1,000 changes behind; the longest step is the longest time for which the event loop stood still.`,
    ],
    tables: [
      blockTable(figures),
      comparisonTable(figures),
      startTable(figures),
      pruneTable(figures),
      memoryTable(figures),
    ],
  };
}

function blockTable(figures: readonly SizeFigures[]): Table {
  return {
    title: 'One block',
    columns: ['leaves', 'changes', 'stage ms CPU', 'min', 'max', 'us/change', 'commit ms CPU', 'commit ms'],
    rows: figures.flatMap(({ leaves, blocks }) =>
      blocks.map(({ changes, stage, commit }) => [
        leaves,
        changes,
        stage.median * MILLIS_PER_MICRO,
        stage.min * MILLIS_PER_MICRO,
        stage.max * MILLIS_PER_MICRO,
        stage.median / changes,
        commit.cpuMs,
        commit.ms,
      ]),
    ),
  };
}

function comparisonTable(figures: readonly SizeFigures[]): Table {
  return {
    title: 'The same root with nodes in memory and in LevelDB',
    columns: [
      'leaves',
      'changes',
      'in memory: ms CPU',
      'in LevelDB: ms CPU',
      'ms CPU, all threads',
      'ms',
      'nodes read',
      'their write ms',
    ],
    rows: figures.flatMap(({ leaves, blocks }) =>
      blocks.flatMap(({ changes, stage, rows }) =>
        rows === undefined
          ? []
          : [
              [
                leaves,
                changes,
                stage.median * MILLIS_PER_MICRO,
                rows.root.cpuMs,
                rows.root.processCpuMs,
                rows.root.ms,
                rows.reads,
                rows.commit.ms,
              ],
            ],
      ),
    ),
  };
}

function startTable(figures: readonly SizeFigures[]): Table {
  return {
    title: 'Start, and what it rests on',
    columns: ['leaves', 'what', 's', 's CPU', 's CPU, all threads', 'longest step ms'],
    rows: figures.flatMap(({ leaves, rebuild, load, loadBehind, save, verify }) =>
      (
        [
          ['build from all leaves', rebuild],
          ['load the saved copy', load],
          [`load it, ${HEIGHTS_BEHIND} heights behind`, loadBehind],
          ['save (in the background)', save],
          ['verify all leaves (in the background)', verify],
        ] as const
      ).map(([what, { ms, cpuMs, processCpuMs, stepMs }]) => [
        leaves,
        what,
        ms / MILLIS_PER_SECOND,
        cpuMs / MILLIS_PER_SECOND,
        processCpuMs / MILLIS_PER_SECOND,
        stepMs,
      ]),
    ),
  };
}

function pruneTable(figures: readonly SizeFigures[]): Table {
  return {
    title: 'Forgetting all past heights at once, without the budget of a running node',
    columns: ['leaves', 'heights', 'undo rows', 's', 's CPU', 'CPU us/row', 'longest step ms'],
    rows: figures.map(({ leaves, prune: { heights, undoRows, elapsed } }) => [
      leaves,
      heights,
      undoRows,
      elapsed.ms / MILLIS_PER_SECOND,
      elapsed.cpuMs / MILLIS_PER_SECOND,
      elapsed.cpuMs / MILLIS_PER_MICRO / undoRows,
      elapsed.stepMs,
    ]),
  };
}

function memoryTable(figures: readonly SizeFigures[]): Table {
  return {
    title: 'Memory',
    columns: ['leaves', 'tree and keys MB', 'bytes/leaf', 'saved copy MB'],
    rows: figures.map(({ leaves, treeMegabytes, bytesPerLeaf, copyMegabytes }) => [
      leaves,
      treeMegabytes,
      bytesPerLeaf,
      copyMegabytes,
    ]),
  };
}
