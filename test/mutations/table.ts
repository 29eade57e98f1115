import type { Mutation } from './mutation.ts';
import { BACKUP_RULES } from './table/backup.ts';
import { ENGINE_RULES } from './table/engine.ts';
import { EVIDENCE_RULES } from './table/evidence.ts';
import { HEIGHT_RULES } from './table/heights.ts';
import { LIGHT_RULES } from './table/light.ts';
import { PAST_RULES } from './table/past.ts';
import { RELAY_RULES } from './table/relay.ts';
import { ROLLBACK_RULES } from './table/rollback.ts';
import { ROUND_RULES, TIMER_RULES } from './table/rounds.ts';
import { SAVED_TREE_RULES } from './table/saved-tree.ts';
import { SNAPSHOT_RULES } from './table/snapshots.ts';
import { TYPE_RULES } from './table/types.ts';
import { VOTE_RULES } from './table/votes.ts';

/** Every rule of the core and what it rests on, each with the tests that go red when it is taken out. */
export const MUTATIONS: readonly Mutation[] = [
  ...ROUND_RULES,
  ...TIMER_RULES,
  ...HEIGHT_RULES,
  ...VOTE_RULES,
  ...RELAY_RULES,
  ...ENGINE_RULES,
  ...TYPE_RULES,
  ...EVIDENCE_RULES,
  ...LIGHT_RULES,
  ...SAVED_TREE_RULES,
  ...SNAPSHOT_RULES,
  ...BACKUP_RULES,
  ...ROLLBACK_RULES,
  ...PAST_RULES,
];
