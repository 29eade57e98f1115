import type { Effect } from '#consensus/effect.ts';
import type { Input } from '#consensus/input.ts';
import type { Node } from '#node/node.ts';
import type { Wal } from '#storage/wal.ts';
import { blockIdKey } from '#types/block-id.ts';
import type { Coverage } from '../world/coverage.ts';
import { Violation } from './checkers.ts';

/** One input that the core took, and what came of it. */
interface Taken {
  readonly input: string;
  readonly outcome: string;
}

/**
 * Compares what the core does with its log after a restart with what it did before, over all incarnations of a machine:
 * inputs that were synced come back in their order, and each has the same outcome as the first time.
 */
export class ReplayWatch {
  private readonly machine: string;
  private readonly coverage: Coverage;
  private height = 0;
  private taken: Taken[] = [];
  /** Inputs of this height that a sync has covered. */
  private synced = 0;
  /** Next input to compare after a start; undefined once the log is through. */
  private cursor: number | undefined;
  /** Bits of the log were flipped, or the disk emptied, and no start has found it whole since. */
  private isDamaged = false;
  /** The same, since the log was last about to be read: that start may have read it before. */
  private isNewlyDamaged = false;
  private isExcused = false;
  /** Damage may mute the node up to this height. */
  private excusedHeight = 0;

  constructor(machine: string, coverage: Coverage) {
    this.machine = machine;
    this.coverage = coverage;
  }

  /** The log was damaged or thrown away: what it held is not expected back. */
  damaged(): void {
    this.isDamaged = true;
    this.isNewlyDamaged = true;
  }

  /** The log is about to be read. */
  opening(): void {
    this.isNewlyDamaged = false;
  }

  /** Before the node starts. `fail` is told of a Violation. */
  attach({ consensus }: Node, wal: Wal, fail: (error: unknown) => void): void {
    this.isExcused = this.isDamaged;
    if (wal.damage === undefined && wal.tornBytes === 0) this.isDamaged = this.isNewlyDamaged;
    if (this.isExcused) {
      this.taken = [];
      this.synced = 0;
    }
    this.cursor = 0;
    const handle = consensus.handle.bind(consensus);
    consensus.handle = (input) => {
      const effects = handle(input);
      if (input.kind !== 'decided') {
        const outcome = `${consensus.height}/${consensus.round}/${consensus.step} ${describeEffects(effects)}`;
        this.take(input, { input: describeInput(input), outcome }, fail);
      }
      return effects;
    };
    const sync = wal.sync.bind(wal);
    wal.sync = async () => {
      const { height } = this;
      const count = this.cursor ?? this.taken.length;
      await sync();
      if (this.height === height) this.synced = Math.max(this.synced, Math.min(count, this.taken.length));
    };
  }

  /** After the log was replayed: a node whose log was not damaged goes on as a voter. */
  started(node: Node): void {
    const muted = node.engine.mutedHeight;
    const next = node.chain.state.height + 1;
    if (muted < next) return;
    this.coverage.hit('muted after damage');
    if (this.isExcused) this.excusedHeight = Math.max(this.excusedHeight, muted);
    if (muted > this.excusedHeight)
      throw new Violation('wal replay', `${this.machine} may not vote at height ${next}: its log lost what it signed`);
  }

  private take(input: Input, now: Taken, fail: (error: unknown) => void): void {
    if (input.kind === 'newHeight' && input.context.height !== this.height) {
      this.height = input.context.height;
      this.taken = [now];
      this.synced = 0;
      this.cursor = undefined;
      return;
    }
    const before = this.cursor === undefined ? undefined : this.taken[this.cursor];
    if (this.cursor !== undefined && before?.input === now.input) {
      this.cursor++;
      if (before.outcome !== now.outcome)
        fail(
          new Violation('wal replay', `${this.machine}: ${now.input} led to ${before.outcome}, now to ${now.outcome}`),
        );
      return;
    }
    if (this.cursor !== undefined) this.endReplay(this.cursor, fail);
    this.taken.push(now);
  }

  private endReplay(cursor: number, fail: (error: unknown) => void): void {
    this.cursor = undefined;
    if (cursor < this.synced) {
      const lost = this.taken[cursor]?.input;
      fail(new Violation('wal replay', `${this.machine} lost ${lost}, input ${cursor} of ${this.synced} synced ones`));
    }
    this.taken.length = cursor;
    this.synced = Math.min(this.synced, cursor);
  }
}

function describeInput(input: Input): string {
  return `${input.kind} ${input.now} ${contents(input)}`;
}

function contents(input: Input): string {
  switch (input.kind) {
    case 'newHeight':
      return `${input.context.height}`;
    case 'proposal':
      return `${input.proposal.round} ${blockIdKey(input.proposal.blockId)}`;
    case 'vote': {
      const { height, round, type, validatorIndex, blockId } = input.vote;
      return `${height}/${round}/${type}/${validatorIndex} ${blockIdKey(blockId)}`;
    }
    case 'block':
    case 'blockBuilt':
      return blockIdKey(input.blockId);
    case 'blockValidity':
      return `${blockIdKey(input.blockId)} ${input.verdict}`;
    case 'timeout':
      return `${input.height}/${input.round}/${input.step}`;
    case 'signRefused':
      return `${input.height}/${input.round}/${input.type}`;
    case 'signed':
      return describeMessage(input.message);
    default:
      return '';
  }
}

/**
 * What depends on the height's log alone. Timers are left out: how long ago the height before was decided is not in it;
 * what was held from that time comes back as inputs of its own.
 */
function describeEffects(effects: readonly Effect[]): string {
  const parts: string[] = [];
  for (const effect of effects) {
    switch (effect.kind) {
      case 'sign':
        parts.push(`sign ${describeMessage(effect.message)}`);
        break;
      case 'publish':
        parts.push(`publish ${describeMessage(effect.message)}`);
        break;
      case 'commit':
      case 'validate':
      case 'execute':
      case 'requestBlock':
        parts.push(`${effect.kind} ${blockIdKey(effect.blockId)}`);
        break;
      case 'buildBlock':
        parts.push(`build ${effect.height}/${effect.round} ${effect.time}`);
        break;
      default:
        break;
    }
  }
  return parts.join(', ');
}

function describeMessage(message: Extract<Effect, { kind: 'sign' }>['message']): string {
  if (message.kind === 'proposal') {
    const { height, round, polRound, blockId, timestamp } = message.proposal;
    return `${height}/${round}/proposal ${polRound} ${blockIdKey(blockId)} ${timestamp}`;
  }
  const { height, round, type, blockId, timestamp } = message.vote;
  return `${height}/${round}/${type} ${blockIdKey(blockId)} ${timestamp}`;
}
