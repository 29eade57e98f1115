import type { Effect } from '#consensus/effect.ts';
import { PRECOMMIT } from '#types/vote.ts';

/** Effects that are carried out although the height is decided in the same turn. */
const KEPT_AT_COMMIT: ReadonlySet<Effect['kind']> = new Set(['commit', 'publish', 'evidence', 'progress']);

/**
 * Once a height is decided, what its rounds still wanted is moot. What others need from me is not, and that includes my
 * precommit: the next block's last commit says who took part.
 */
export function dropSuperseded(effects: Effect[]): Effect[] {
  if (!effects.some(({ kind }) => kind === 'commit')) return effects;
  return effects.filter((effect) => {
    if (effect.kind === 'sign') return effect.message.kind === 'vote' && effect.message.vote.type === PRECOMMIT;
    return KEPT_AT_COMMIT.has(effect.kind);
  });
}
