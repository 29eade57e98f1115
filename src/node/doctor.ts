import { BizraError } from '#util/errors.ts';
import { nameOriginal } from './stopped-home.ts';

/** Findings of one check that are told; the others are counted. */
const TOLD_MAX = 5;

/** Something that is wrong, and what to do about it. */
export interface Finding {
  readonly what: string;
  readonly advice: string;
}

export interface Check {
  readonly name: string;
  /** Says what it finds as it goes; what it throws is a finding as well. */
  readonly run: (find: (what: string, advice: string) => void, told: (progress: string) => void) => Promise<void>;
}

export interface CheckReport {
  readonly name: string;
  readonly ok: boolean;
  readonly findings: readonly Finding[];
  /** Findings of the same check that are left out. */
  readonly more: number;
}

/** Where a database is damaged and nothing more is known. */
export const RESTORE_ADVICE =
  'move data/chain.db away, then restore a backup or sync from peers; keep priv_validator_state.json and data/wal';

/** Runs one check. An error that an operator cannot cause passes through. */
export async function runCheck({ name, run }: Check, told: (progress: string) => void): Promise<CheckReport> {
  const findings: Finding[] = [];
  let more = 0;
  const find = (what: string, advice: string): void => {
    if (findings.length < TOLD_MAX) findings.push({ what: nameOriginal(what), advice });
    else more++;
  };
  try {
    await run(find, (progress) => told(`${name}: ${progress}`));
  } catch (error) {
    if (!(error instanceof BizraError)) throw error;
    find(error.message, adviceFor(error.code));
  }
  return { name, ok: findings.length === 0, findings, more };
}

function adviceFor(code: string): string {
  if (code === 'damaged' || code === 'state_corrupt' || code === 'state_mismatch') return RESTORE_ADVICE;
  return 'as the message says';
}
