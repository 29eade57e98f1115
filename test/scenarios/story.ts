import type { HeightContext, SignedMessage, TimeoutStep } from '#consensus/input.ts';
import { PRECOMMIT, PREVOTE, type VoteType } from '#types/vote.ts';
import { Bench, flags, MS, makeCommit, START } from '../unit/consensus/bench.ts';

/** A message of a network's core that has not reached another one yet. */
interface Waiting {
  readonly kind: 'proposal' | 'prevote' | 'precommit';
  readonly round: number;
  readonly from: number;
  readonly to: number;
  readonly message: SignedMessage;
}

/** A command line, taken apart: `prevote r1 A from 0,2 on 3 pol=0`. */
class Command {
  readonly name: string;
  readonly words: string[];

  constructor(line: string) {
    [this.name = '', ...this.words] = line.split(/\s+/);
  }

  /** The word after `key`, or the value of `key=`. */
  option(key: string): string | undefined {
    const at = this.words.indexOf(key);
    if (at >= 0) return this.words[at + 1];
    return this.words.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1);
  }

  number(key: string): number | undefined {
    const text = this.option(key);
    return text === undefined ? undefined : Number(text);
  }

  list(key: string): number[] | undefined {
    return this.option(key)?.split(',').map(Number);
  }

  get round(): number | undefined {
    const word = this.words.find((text) => /^r\d+$/.test(text));
    return word === undefined ? undefined : Number(word.slice(1));
  }

  /** The first word that is a block's name. */
  get block(): string {
    const word = this.words.find((text) => /^([A-Z]\d*|nil)$/.test(text));
    if (word === undefined) throw new Error(`no block in: ${this.name} ${this.words.join(' ')}`);
    return word;
  }
}

/** Runs commands against one core or a small network, and renders what the cores answered. */
export class Story {
  private benches: Bench[] = [];
  private waiting: Waiting[] = [];
  private readonly seen = new Map<Bench, number>();

  /** All benches, so that the runner can replay them. */
  get cores(): readonly Bench[] {
    return this.benches;
  }

  run(line: string): string[] {
    const command = new Command(line);
    if (command.name === 'node') return this.makeNode(command);
    if (command.name === 'network') return this.makeNetwork(command);
    if (command.name === 'deliver' || command.name === 'drop') return this.move(command);
    const chosen = command.list('on');
    return this.benches
      .filter((_, index) => chosen === undefined || chosen.includes(index))
      .flatMap((bench) => this.tell(bench, () => perform(bench, command)));
  }

  private makeNode(command: Command): string[] {
    const powers = command.option('powers')?.split(',').map(BigInt);
    const bench = new Bench({
      ...(powers && { powers }),
      me: command.number('me') ?? 3,
      height: command.number('height') ?? 2,
      context: {
        blockIntervalMinMs: command.number('min') ?? 0,
        emptyBlockIntervalMs: command.number('empty') ?? 0,
        proofBlockDue: !command.words.includes('idle'),
        ...lastHeight(command),
      },
    });
    this.benches = [bench];
    return this.tell(bench, () => bench.newHeight());
  }

  private makeNetwork(command: Command): string[] {
    const size = Number(command.words[0]);
    const powers = command.option('powers')?.split(',').map(BigInt) ?? new Array<bigint>(size).fill(1n);
    this.benches = powers.map((_, me) => new Bench({ powers, me }));
    for (const bench of this.benches) this.tell(bench, () => bench.newHeight());
    return [];
  }

  /** Does something to a core, queues what it published, and names it in front of its answers. */
  private tell(bench: Bench, act: () => string[]): string[] {
    const lines = act();
    const from = this.benches.indexOf(bench);
    const seen = Math.min(this.seen.get(bench) ?? 0, bench.effects.length);
    for (const effects of bench.effects.slice(seen))
      for (const effect of effects) if (effect.kind === 'publish') this.post(from, effect.message);
    this.seen.set(bench, bench.effects.length);
    return this.benches.length === 1 ? lines : lines.map((text) => `n${from}: ${text}`);
  }

  private post(from: number, message: SignedMessage): void {
    const kind = message.kind === 'proposal' ? message.kind : message.vote.type === PREVOTE ? 'prevote' : 'precommit';
    const { round } = message.kind === 'proposal' ? message.proposal : message.vote;
    for (const to of this.benches.keys()) if (to !== from) this.waiting.push({ kind, round, from, to, message });
  }

  private move(command: Command): string[] {
    const [kind] = command.words;
    const [from, to, round] = [command.list('from'), command.list('to'), command.round];
    const fits = (entry: Waiting): boolean =>
      (kind === 'all' || kind === entry.kind) &&
      (round === undefined || round === entry.round) &&
      (from?.includes(entry.from) ?? true) &&
      (to?.includes(entry.to) ?? true);
    const chosen = this.waiting.filter(fits);
    this.waiting = this.waiting.filter((entry) => !fits(entry));
    return command.name === 'drop' ? [] : chosen.flatMap((entry) => this.deliver(entry));
  }

  private deliver({ from, to, message }: Waiting): string[] {
    const [sender, receiver] = [this.benches[from] as Bench, this.benches[to] as Bench];
    const { now } = receiver;
    return this.tell(receiver, () => {
      if (message.kind === 'vote') return receiver.feed({ kind: 'vote', now, vote: message.vote });
      const name = sender.name(message.proposal.blockId);
      receiver.id(name);
      return [...receiver.feed({ kind: 'proposal', now, proposal: message.proposal }), ...receiver.block(name)];
    });
  }
}

/** Time of a block: `at=MS` after the bench's first moment. */
function timeOf(command: Command, now: bigint): bigint {
  const at = command.number('at');
  return at === undefined ? now : START + BigInt(at) * MS;
}

/** What the height before left: its block time, `last=MS` after the bench's first moment, and who was absent. */
function lastHeight(command: Command): Partial<HeightContext> {
  const [last, absent] = [command.number('last'), command.list('absent')];
  const bench = new Bench();
  const signers = [0, 1, 2, 3].filter((index) => absent?.includes(index) !== true);
  const place = { height: (command.number('height') ?? 2) - 1, round: 0, blockId: bench.id('P') };
  return {
    ...(last !== undefined && { lastBlockTime: START + BigInt(last) * MS }),
    ...(absent !== undefined && { lastCommit: makeCommit(bench.validators, place, signers) }),
  };
}

/** Who is in the last commit of the block that was asked for last. */
function builtOn(bench: Bench): string {
  const build = bench.effects.flat().findLast((effect) => effect.kind === 'buildBlock');
  return build?.kind === 'buildBlock' ? `last commit ${flags(build.lastCommit)}` : 'no block was asked for';
}

function perform(bench: Bench, command: Command): string[] {
  const round = command.round ?? 0;
  const type: VoteType = command.name === 'precommit' || command.words.includes('precommit') ? PRECOMMIT : PREVOTE;
  switch (command.name) {
    case 'due':
      return bench.timeout('newHeight', 0);
    case 'proposal':
      return bench.proposal(round, command.block, command.number('pol') ?? -1);
    case 'block':
      return bench.block(command.block, timeOf(command, bench.now));
    case 'propose':
      return [
        ...bench.proposal(round, command.block, command.number('pol') ?? -1),
        ...bench.block(command.block, timeOf(command, bench.now)),
      ];
    case 'prevote':
    case 'precommit':
      return (command.list('from') ?? []).flatMap((index) =>
        bench.vote(type, round, command.block, index, command.number('height') ?? bench.height),
      );
    case 'timeout':
      return bench.timeout(command.words[0] as TimeoutStep, round);
    case 'built':
      return bench.built(command.block, round);
    case 'invalid':
      bench.verdicts.set(command.block, 'invalid');
      return [];
    case 'wait':
      bench.now += BigInt(command.words[0] ?? 0) * MS;
      return [];
    case 'work':
      return bench.work();
    case 'claim':
      return bench.claim(command.words[0] ?? '', type, round, command.block);
    case 'decided':
      return bench.decidedBlock(command.block, round, command.list('from') ?? []);
    case 'next':
      return bench.newHeight({ proofBlockDue: command.words.includes('proof') }, bench.core.height + 1);
    case 'built-on':
      return [builtOn(bench)];
    case 'signer':
      bench.signer = command.words[0] === 'refuses' ? 'refuses' : 'answers';
      return [];
    case 'restart':
      bench.replay();
      return [`same effects; ${bench.summary}`];
    case 'lose-disk':
      bench.forget();
      return bench.newHeight();
    case 'state':
      return [bench.summary];
    default:
      throw new Error(`unknown command: ${command.name}`);
  }
}
