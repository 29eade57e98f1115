import type { Effect } from '#consensus/effect.ts';
import type { SignedMessage } from '#consensus/input.ts';
import type { Block } from '#types/block.ts';
import type { BlockId } from '#types/block-id.ts';
import type { Commit } from '#types/commit.ts';
import { unreachable } from '#util/assert.ts';
import type { EngineComponents, EngineOutlet } from './engine.ts';
import type { HeldBodies } from './held-bodies.ts';
import type { Inbox, Unstamped } from './inbox.ts';
import type { RoundTimers } from './round-timers.ts';
import type { Signing } from './signing.ts';

type EffectOf<Kind extends Effect['kind']> = Extract<Effect, { kind: Kind }>;

export interface EffectPerformerComponents extends Pick<EngineComponents, 'consensus' | 'chain' | 'onEvidence'> {
  readonly bodies: HeldBodies;
  readonly inbox: Pick<Inbox, 'pushUrgent'>;
  readonly signing: Pick<Signing, 'sign'>;
  readonly timers: Pick<RoundTimers, 'schedule'>;
  readonly outlet: () => EngineOutlet | undefined;
  readonly submit: (input: Unstamped) => void;
  /** Ends the height: after it, all of the engine is at the next one. */
  readonly commit: (block: Block, commit: Commit) => Promise<void>;
  readonly isStopping: () => boolean;
  /** What went wrong beside the loop. */
  readonly fail: (error: unknown) => void;
}

/**
 * What each effect of the consensus core means outside of it. One is finished before the next begins, but for the
 * verification of a block; what comes of an effect goes back as an input, through the queue and so through the log.
 */
export class EffectPerformer {
  private readonly parts: EffectPerformerComponents;

  constructor(components: EffectPerformerComponents) {
    this.parts = components;
  }

  async perform(effects: readonly Effect[]): Promise<void> {
    for (const effect of effects) {
      if (this.parts.isStopping()) return;
      await this.performOne(effect);
    }
  }

  private async performOne(effect: Effect): Promise<void> {
    const { chain, bodies, signing, timers, inbox } = this.parts;
    switch (effect.kind) {
      case 'sign':
        return signing.sign(effect);
      case 'publish':
        return this.publish(effect.message);
      case 'schedule':
        return timers.schedule(effect, effect.delayMs);
      case 'buildBlock':
        return this.build(effect);
      case 'requestBlock':
        return this.requestBody(effect);
      case 'validate':
        return this.validate(effect.blockId, effect.block);
      case 'execute':
        return chain.speculate(bodies.of(effect.block));
      case 'commit':
        return this.parts.commit(effect.block, effect.commit);
      case 'evidence':
        return this.parts.onEvidence(effect);
      case 'progress':
        return this.parts.outlet()?.progress();
      case 'redeliver':
        inbox.pushUrgent(...effect.inputs);
        return;
      default:
        return unreachable(effect);
    }
  }

  /** A body that came before a rule wanted it is at hand; one that came in the same turn was not missing at all. */
  private requestBody({ height, round, blockId }: EffectOf<'requestBlock'>): void {
    const { consensus, bodies, outlet, submit } = this.parts;
    if (consensus.block(blockId) !== undefined) return;
    const body = bodies.get(blockId);
    if (body === undefined) outlet()?.requestBody(height, round, blockId);
    else submit({ kind: 'block', blockId, block: body.block });
  }

  private publish(message: SignedMessage): void {
    const { bodies, outlet } = this.parts;
    const body = message.kind === 'proposal' ? bodies.get(message.proposal.blockId) : undefined;
    outlet()?.publish(message, body);
  }

  private build({ height, round, lastCommit, time }: EffectOf<'buildBlock'>): void {
    const { chain, bodies, submit } = this.parts;
    const body = chain.build(round, lastCommit, time);
    bodies.keep(body);
    submit({ kind: 'blockBuilt', height, round, blockId: body.blockId, block: body.block });
  }

  /** Runs beside the loop: verification may wait for worker threads. */
  private validate(blockId: BlockId, block: Block): void {
    const { chain, bodies, submit, fail } = this.parts;
    chain
      .judge(bodies.of(block))
      .then((verdict) => submit({ kind: 'blockValidity', blockId, verdict }))
      .catch((error: unknown) => fail(error));
  }
}
