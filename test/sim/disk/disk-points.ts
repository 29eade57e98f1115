import type { FileStep } from '#storage/memory-files.ts';
import { STATE_PATH, WAL_PATH } from './disk.ts';

/**
 * Moments at which a machine can die: each lies between two effects on its disk, or between the steps that rest on them.
 * They are seen at the ports, so the node knows nothing of them.
 */
export const CRASH_POINTS = [
  'log: segment not created',
  'log: segment created, directory not synced',
  'log: segment open, not told',
  'log: append not begun',
  'log: append torn',
  'log: append done, not told',
  'log: sync not begun',
  'log: sync done, not told',
  'log: copy not begun',
  'log: copy torn',
  'log: copy not synced',
  'log: copy synced, not renamed',
  'log: copy renamed, directory not synced',
  'log: copied, not told',
  'log: old segment not removed',
  'log: old segment removed, directory not synced',
  'log: old segment removed, not told',
  'signer: lock not taken',
  'signer: lock taken, record not read',
  'signer: record not begun',
  'signer: temporary file torn',
  'signer: temporary file not synced',
  'signer: temporary file synced, not renamed',
  'signer: renamed, directory not synced',
  'signer: record durable, not told',
  'database: batch partly filled',
  'height: batch not written',
  'height: batch visible, not synced',
  'height: batch synced, not told',
  'evidence: batch not written',
  'evidence: batch visible, not synced',
  'evidence: batch synced, not told',
  'genesis: sibling not cleared',
  'genesis: sibling cleared, not opened',
  'genesis: batch not written',
  'genesis: batch visible, not synced',
  'genesis: batch synced, not told',
  'genesis: sibling closed, not renamed',
  'genesis: renamed, parent not synced',
  'genesis: parent synced, not told',
  'start: signer open, log not opened',
  'start: log read, database not opened',
  'start: database open, log not replayed',
  'start: log replayed, nothing done',
  'between: log synced, signer not asked',
  'between: signed, not logged',
  'between: own message logged, not sent',
  'between: own message sent to one peer',
  'between: height told, next not begun',
] as const;

export type CrashPoint = (typeof CRASH_POINTS)[number];

/** Tells that the process of one machine is at a point; whoever listens may end it there. */
export type AtPoint = (point: CrashPoint) => void;

export type FileKind = 'log' | 'signer' | 'other';

export function fileKind(path: string): FileKind {
  if (path.startsWith(WAL_PATH)) return 'log';
  return path === STATE_PATH ? 'signer' : 'other';
}

/** What is about to happen to a file, by its step and the one before it in the same operation. */
const BEFORE_STEP: Readonly<Record<FileKind, Readonly<Record<string, CrashPoint>>>> = {
  log: {
    create: 'log: segment not created',
    'openAppend syncDirectory': 'log: segment created, directory not synced',
    append: 'log: append not begun',
    appendRest: 'log: append torn',
    'sync sync': 'log: sync not begun',
    write: 'log: copy not begun',
    writeRest: 'log: copy torn',
    'replace sync': 'log: copy not synced',
    rename: 'log: copy synced, not renamed',
    'replace syncDirectory': 'log: copy renamed, directory not synced',
    unlink: 'log: old segment not removed',
    'remove syncDirectory': 'log: old segment removed, directory not synced',
  },
  signer: {
    write: 'signer: record not begun',
    writeRest: 'signer: temporary file torn',
    sync: 'signer: temporary file not synced',
    rename: 'signer: temporary file synced, not renamed',
    syncDirectory: 'signer: renamed, directory not synced',
  },
  other: {},
};

export type FileOperation = 'openAppend' | 'append' | 'sync' | 'replace' | 'remove';

/** What was done to a file when an operation ends. */
const AFTER_OPERATION: Readonly<Record<FileKind, Readonly<Partial<Record<FileOperation, CrashPoint>>>>> = {
  log: {
    openAppend: 'log: segment open, not told',
    append: 'log: append done, not told',
    sync: 'log: sync done, not told',
    replace: 'log: copied, not told',
    remove: 'log: old segment removed, not told',
  },
  signer: { replace: 'signer: record durable, not told' },
  other: {},
};

export function pointBefore(kind: FileKind, operation: FileOperation, step: FileStep): CrashPoint | undefined {
  return BEFORE_STEP[kind][`${operation} ${step}`] ?? BEFORE_STEP[kind][step];
}

export function pointAfter(kind: FileKind, operation: FileOperation): CrashPoint | undefined {
  return AFTER_OPERATION[kind][operation];
}
