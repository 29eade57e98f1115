import { Consensus } from '#consensus/consensus.ts';
import type { Effect } from '#consensus/effect.ts';
import type { HeightContext, Input, SignedMessage } from '#consensus/input.ts';
import type { Block } from '#types/block.ts';
import { type BlockId, blockIdKey } from '#types/block-id.ts';
import type { Commit } from '#types/commit.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import { assert } from '#util/assert.ts';
import { idOf, MS, makeBlock, makeValidators, START, signatureOf } from '../../unit/consensus/bench.ts';

interface Decision {
  readonly block: Block;
  readonly commit: Commit;
}

/** Cores that reach one another at once and without loss; the rest of a node costs nothing. */
export class ConnectedCores {
  readonly validators: ValidatorSet;
  /** Given to all cores together. */
  inputs = 0;
  private readonly cores: readonly Consensus[];
  private readonly queue: { readonly core: number; readonly input: Input }[] = [];
  private readonly bodies = new Map<string, Block>();
  private decisions: (Decision | undefined)[] = [];
  private last: Decision | undefined;
  private height = 0;

  constructor(count: number) {
    this.validators = makeValidators(Array.from({ length: count }, () => 1n));
    this.cores = this.validators.validators.map(({ address }) => new Consensus({ address }));
  }

  /** One height, from the news of it to the decision of every core. */
  decideHeight(): void {
    this.height++;
    this.decisions = this.cores.map(() => undefined);
    this.bodies.clear();
    const context = this.context();
    for (const core of this.cores.keys()) this.give(core, { kind: 'newHeight', now: this.now, context });
    for (let next = 0; next < this.queue.length; next++) {
      const { core, input } = this.queue[next] as (typeof this.queue)[number];
      this.inputs++;
      for (const effect of (this.cores[core] as Consensus).handle(input)) this.perform(core, effect);
    }
    this.queue.length = 0;
    this.last = this.decisions[0];
    assert(
      this.decisions.every((decision) => decision !== undefined),
      'every core decides',
    );
  }

  private get now(): bigint {
    return START + BigInt(this.height) * 1_000n * MS;
  }

  private context(): HeightContext {
    const { validators, height, last } = this;
    return {
      chainId: 'bench',
      height,
      initialHeight: 1,
      validators,
      nextValidators: validators,
      lastValidators: last === undefined ? undefined : validators,
      lastCommit: last?.commit,
      lastBlockTime: last?.block.header.time ?? START,
      proofBlockDue: true,
      blockIntervalMinMs: 0,
      emptyBlockIntervalMs: 0,
    };
  }

  private give(core: number, input: Input): void {
    this.queue.push({ core, input });
  }

  private perform(core: number, effect: Effect): void {
    const { now } = this;
    switch (effect.kind) {
      case 'sign':
        this.give(core, { kind: 'signed', now, message: signed(core, effect.message) });
        break;
      case 'publish':
        for (const other of this.cores.keys()) if (other !== core) this.deliver(other, effect.message);
        break;
      case 'schedule':
        // Nothing is lost and nobody waits: only the pause before round 0 has to end.
        if (effect.step !== 'newHeight') break;
        this.give(core, { kind: 'timeout', now, height: effect.height, round: effect.round, step: effect.step });
        break;
      case 'buildBlock':
        this.build(core, effect);
        break;
      case 'validate':
        this.give(core, { kind: 'blockValidity', now, blockId: effect.blockId, verdict: 'valid' });
        break;
      case 'commit':
        this.decisions[core] = { block: effect.block, commit: effect.commit };
        break;
      case 'redeliver':
        for (const input of effect.inputs) this.give(core, input);
        break;
      default:
        break;
    }
  }

  private build(core: number, { height, round, time, lastCommit }: Extract<Effect, { kind: 'buildBlock' }>): void {
    const blockId: BlockId = idOf(`${height}.${round}`);
    const block = makeBlock(height, time, lastCommit);
    this.bodies.set(blockIdKey(blockId), block);
    this.give(core, { kind: 'blockBuilt', now: this.now, height, round, blockId, block });
  }

  private deliver(to: number, message: SignedMessage): void {
    const { now } = this;
    if (message.kind === 'vote') {
      this.give(to, { kind: 'vote', now, vote: message.vote });
      return;
    }
    const { blockId } = message.proposal;
    this.give(to, { kind: 'proposal', now, proposal: message.proposal });
    const block = this.bodies.get(blockIdKey(blockId));
    if (block !== undefined) this.give(to, { kind: 'block', now, blockId, block });
  }
}

function signed(core: number, message: Extract<Effect, { kind: 'sign' }>['message']): SignedMessage {
  const signature = signatureOf(core);
  return message.kind === 'vote'
    ? { kind: 'vote', vote: { ...message.vote, signature } }
    : { kind: 'proposal', proposal: { ...message.proposal, signature } };
}
