import { cpSync, readdirSync, rmSync, statSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as immediate } from 'node:timers/promises';
import { balanceKey } from '#app/modules/bank/state.ts';
import type { Ed25519KeyPair } from '#crypto/ed25519.ts';
import { InlineVerifier } from '#crypto/verifier.ts';
import { makeBody } from '#engine/body.ts';
import { committedAt } from '#engine/evidence-rows.ts';
import { evidenceHash } from '#evidence/evidence.ts';
import { Node } from '#node/node.ts';
import { type NodeDescription, NodeRpcApi } from '#node/rpc-api.ts';
import type { KeyValue } from '#ports/key-value.ts';
import { NO_LOCK } from '#signer/key-lock.ts';
import { SIGNER_STEP, writeLastSigned } from '#signer/last-signed.ts';
import { createSignerFiles, FileSigner } from '#signer/signer.ts';
import { type KeptBlock, keptBlock } from '#storage/kept-blocks.ts';
import { openLevel } from '#storage/level.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { MemoryFiles } from '#storage/memory-files.ts';
import { Wal } from '#storage/wal.ts';
import { SILENT_LOGGER } from '#telemetry/logger.ts';
import { type Block, txHash } from '#types/block.ts';
import type { Genesis } from '#types/genesis.ts';
import { parseQuery } from '#types/query.ts';
import { fromLatin1, toHex } from '#util/bytes.ts';
import { MachineError } from '#util/errors.ts';
import { SIM_SETTINGS } from '../sim/chain/settings.ts';
import { Chance } from '../sim/time/chance.ts';
import { VirtualClock } from '../sim/time/clock.ts';
import { Scheduler } from '../sim/time/scheduler.ts';
import { FakeTransport } from '../unit/engine/bench.ts';
import { type DecidedChain, eventfulChain } from './decided-chain.ts';
import { flipIn } from './flip-trials.ts';
import { seededRandom } from './seeded-random.ts';

const HEIGHTS = 36;
/** Applied by a node whose database is damaged. */
const LATER = 3;
/** Of the small tables here: filter, index and footer. */
const TABLE_END_BYTES = 1_500;
/** Small, so that a small database has tables on several levels. */
const BUFFER_BYTES = 65_536;
/** Virtual time in which a validator that is alone proposes and votes. */
const SIGNING_MS = 12_000;

/** `large`: a database of which the start verifies nothing. */
export const PHASES = ['at rest', 'at rest, large', 'running', 'running, then merged'] as const;

export type Phase = (typeof PHASES)[number];

/** What a node said and signed, by question. */
export interface Said {
  readonly answers: ReadonlyMap<string, string>;
  readonly signatures: ReadonlySet<string>;
}

const REFUSED = 'refused';
const START: Partial<Record<Phase, { startBytes: number }>> = { 'at rest, large': { startBytes: 0 } };

/** Where one byte was flipped, and what came of it. */
export interface Trial {
  readonly place: string;
  readonly kind: string;
  /** `stopped`: it did not start, or stopped on the way. */
  readonly outcome: 'right' | 'refused' | 'stopped';
  /** Wrong answers and signatures. */
  readonly wrong: readonly string[];
}

/** A small home with a long past, and nodes over damaged copies of it. */
export class DamageRig {
  private readonly directory: string;
  private readonly base: string;
  private readonly known: Known;
  private right: Said | undefined;
  /** Told at once of each wrong answer: the process may be aborted before the trial is over. */
  onWrong: (question: string) => void = () => undefined;
  private copies = 0;

  private constructor(directory: string, known: Known) {
    this.directory = directory;
    this.base = join(directory, 'base');
    this.known = known;
  }

  /** Makes the home. */
  static async create(directory: string): Promise<void> {
    await mkdir(directory, { recursive: true });
    const base = join(directory, 'base');
    const kv = await openLevel(base, { writeBufferBytes: BUFFER_BYTES });
    await eventfulChain(kv, HEIGHTS, async (height) => {
      if (height === HEIGHTS / 2) await kv.compact(new Uint8Array(0), Uint8Array.of(0xff));
    });
    await kv.close();
    rmSync(join(base, 'held'), { recursive: true });
  }

  /** Learns the right answers. */
  static async open(directory: string): Promise<DamageRig> {
    const rig = new DamageRig(directory, await learn());
    const { said, started } = await rig.run('at rest', () => undefined, true);
    if (!started) throw new Error('a node does not start over a home that is not damaged');
    rig.right = said;
    return rig;
  }

  /** Names of the files in which bytes are flipped, with their sizes. */
  files(): { name: string; size: number }[] {
    return readdirSync(this.base)
      .filter((name) => /^(CURRENT|MANIFEST-\d+|\d+\.(log|ldb))$/.test(name))
      .map((name) => ({ name, size: statSync(join(this.base, name)).size }))
      .filter(({ size }) => size > 0);
  }

  get rightAnswers(): ReadonlyMap<string, string> {
    return (this.right as Said).answers;
  }

  get rightSignatures(): ReadonlySet<string> {
    return (this.right as Said).signatures;
  }

  /** The file, byte, bit and phase of trial `index`: all files in all phases in turn. `tables`: these alone. */
  someTrial(index: number, tables: boolean): { name: string; at: number; bit: number; phase: Phase } {
    const files = this.files().filter(({ name }) => !tables || name.endsWith('.ldb'));
    const { name, size } = files[index % files.length] as { name: string; size: number };
    const phase = PHASES[Math.floor(index / files.length) % PHASES.length] as Phase;
    const random = seededRandom(index);
    const bit = Math.floor(random() * 8);
    // Every fourth near the end, where a table has its filter, its index and its footer.
    const from = index % 4 === 0 ? Math.max(0, size - TABLE_END_BYTES) : 0;
    return { name, at: from + Math.floor(random() * (size - from)), bit, phase };
  }

  /** A node over a copy with one flipped byte. `verify: false` is the control: LevelDB as it is. */
  async trial(name: string, at: number, bit: number, phase: Phase, verify = true): Promise<Trial> {
    const flip = (directory: string): void => {
      flipIn(directory, { name: presentName(directory, name), at, bit });
    };
    const { said, started } = await this.run(phase, flip, verify);
    const wrong = this.wrongIn(said);
    const isRefused = [...said.answers.values()].includes(REFUSED);
    const outcome = !started ? 'stopped' : isRefused ? 'refused' : 'right';
    return { place: `${name} byte ${at} bit ${bit}, ${phase}`, kind: kindOf(name), outcome, wrong };
  }

  private isWrong(question: string, answer: string): boolean {
    return answer !== REFUSED && answer !== this.rightAnswers.get(question);
  }

  private wrongIn({ answers, signatures }: Said): string[] {
    const wrong: string[] = [];
    for (const [question, answer] of answers) if (this.isWrong(question, answer)) wrong.push(question);
    for (const signature of signatures) if (!this.rightSignatures.has(signature)) wrong.push(`signed ${signature}`);
    return wrong;
  }

  private async run(
    phase: Phase,
    flip: (directory: string) => void,
    verify: boolean,
  ): Promise<{ said: Said; started: boolean }> {
    const path = join(this.directory, `copy-${process.pid}-${this.copies++}`);
    cpSync(this.base, path, { recursive: true });
    const answers = new Map<string, string>();
    const signatures = new Set<string>();
    const said = { answers, signatures };
    let kv: KeyValue | undefined;
    try {
      if (!phase.startsWith('running')) flip(path);
      kv = await openLevel(path, { writeBufferBytes: BUFFER_BYTES, cacheBytes: 0, verify, ...START[phase] });
      const running = new RunningNode(kv, this.known, signatures, (question, answer) => {
        if (this.right !== undefined && this.isWrong(question, answer)) this.onWrong(question);
      });
      await running.open();
      if (phase.startsWith('running')) {
        await running.ask(new Map(), 'before ', 3);
        flip(path);
      }
      if (phase === 'running, then merged') await kv.compact(new Uint8Array(0), Uint8Array.of(0xff));
      await running.ask(answers, 'before ');
      await running.sign();
      await running.apply();
      await running.ask(answers, 'after ');
      return { said, started: true };
    } catch (error) {
      if (!(error instanceof MachineError) && !isOpenFailure(error)) throw error;
      return { said, started: false };
    } finally {
      await kv?.close();
      await rm(path, { recursive: true });
    }
  }
}

/** LevelDB replaces files as it pleases: the largest of the kind stands for one that is gone. */
function presentName(directory: string, name: string): string {
  if (statSync(join(directory, name), { throwIfNoEntry: false }) !== undefined) return name;
  const size = (file: string): number => statSync(join(directory, file)).size;
  const same = readdirSync(directory).filter((file) => kindOf(file) === kindOf(name) && size(file) > 0);
  return same.toSorted((one, other) => size(other) - size(one))[0] ?? name;
}

/** LevelDB notices some damage itself. */
function isOpenFailure(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'database_failed';
}

function kindOf(name: string): string {
  return name.replace(/\d+/, '').replace(/[.-]/, '').toLowerCase();
}

/** What the chain decided, without the database that is damaged. */
interface Known {
  readonly genesis: Genesis;
  readonly signerKey: Ed25519KeyPair;
  readonly wallets: DecidedChain['wallets'];
  readonly blocks: readonly { readonly height: number; readonly hash: Uint8Array; readonly block: Block }[];
  /** What comes next. */
  readonly later: readonly KeptBlock[];
}

async function learn(): Promise<Known> {
  const memory = new MemoryKeyValue();
  const { blockStore, genesis, keys, wallets } = await eventfulChain(memory, HEIGHTS + LATER);
  const blocks = Array.from({ length: HEIGHTS }, (_, index) => {
    const height = index + 1;
    const hash = blockStore.meta(height)?.blockId.hash as Uint8Array;
    return { height, hash, block: blockStore.block(height) as Block };
  });
  const later = Array.from({ length: LATER }, (_, i) => keptBlock(memory, HEIGHTS + 1 + i) as KeptBlock);
  return { genesis, wallets, signerKey: keys[0] as Ed25519KeyPair, blocks, later };
}

class RunningNode {
  private readonly kv: KeyValue;
  private readonly known: Known;
  private readonly signatures: Set<string>;
  private readonly scheduler = new Scheduler();
  private readonly transport = new FakeTransport();
  private readonly fatal: unknown[] = [];
  private readonly onAnswer: (question: string, answer: string) => void;
  private node: Node | undefined;

  constructor(
    kv: KeyValue,
    known: Known,
    signatures: Set<string>,
    onAnswer: (question: string, answer: string) => void,
  ) {
    this.onAnswer = onAnswer;
    this.kv = kv;
    this.known = known;
    this.signatures = signatures;
  }

  async open(): Promise<void> {
    const files = new MemoryFiles({});
    await createSignerFiles(files, 'key', 'state', this.known.signerKey);
    const nothing = { signBytes: new Uint8Array(0), signature: new Uint8Array(0) };
    await writeLastSigned(files, 'state', { height: HEIGHTS, round: 0, step: SIGNER_STEP.precommit, ...nothing });
    const ports = {
      clock: new VirtualClock(this.scheduler, { alive: true }, { ms: 0 }),
      random: new Chance(1),
      // It is closed by whoever opened it.
      kv: new Proxy(this.kv, {
        get: (target, name) => {
          if (name === 'close') return async () => undefined;
          const value = Reflect.get(target, name) as unknown;
          return typeof value === 'function' ? value.bind(target) : value;
        },
      }),
      wal: await Wal.open(files, 'wal'),
      transport: this.transport,
      verifier: new InlineVerifier(),
      logger: SILENT_LOGGER,
      signer: await FileSigner.open(files, 'key', 'state', { lock: NO_LOCK }),
      onFatal: (error: unknown) => void this.fatal.push(error),
    };
    this.node = await this.driven(Node.open(ports, this.known.genesis, SIM_SETTINGS));
  }

  /** Virtual time passes while something waits for it or for the disk. */
  private async driven<Result>(work: Promise<Result>): Promise<Result> {
    let isOver = false;
    const over = (): void => {
      isOver = true;
    };
    work.then(over, over);
    while (!isOver) if (!(await this.scheduler.step())) await immediate();
    return work;
  }

  /** Has it sign what it would, alone: proposals and votes of the next height. */
  async sign(): Promise<void> {
    const node = this.node as Node;
    this.transport.connect('peer');
    await this.driven(node.start());
    this.transport.connect('other');
    const endMs = this.scheduler.nowMs + SIGNING_MS;
    while (this.scheduler.nowMs < endMs) {
      await this.scheduler.step();
      await immediate();
    }
    await this.driven(node.engine.stop());
    // Which round it is depends on how long the disk takes.
    for (const { proposal } of this.transport.sentOf('proposal')) {
      this.signatures.add(textOf(['proposal', proposal.height, proposal.blockId]));
    }
    for (const { votes } of this.transport.sentOf('votes')) {
      for (const { type, height, blockId } of votes) this.signatures.add(textOf([type, height, blockId]));
    }
    if (this.fatal.length > 0) throw this.fatal[0];
  }

  /** As a node applies what was decided: checked against its own state first. */
  async apply(): Promise<void> {
    const { chain } = this.node as Node;
    for (const { block, commit } of this.known.later) {
      const body = makeBody(block);
      if (toHex(block.header.appHash) !== toHex(chain.state.appHash)) throw new Error('wrong app hash');
      if ((await this.driven(chain.judge(body))) !== 'valid') throw new Error('a valid block is refused');
      await this.driven(chain.apply(body, commit, 0));
    }
  }

  /** Asks everything, or every `step`th question. */
  async ask(answers: Map<string, string>, when: string, step = 1): Promise<void> {
    let count = 0;
    for (const [question, answer] of this.questions()) {
      if (count++ % step !== 0) continue;
      const said = await this.driven(answered(answer));
      answers.set(when + question, said);
      this.onAnswer(when + question, said);
    }
  }

  private *questions(): Generator<readonly [string, () => unknown]> {
    const node = this.node as Node;
    const api = new NodeRpcApi(node, undefined as unknown as NodeDescription);
    for (const { height, hash, block } of this.known.blocks) {
      yield [`block ${height}`, () => api.block(height)];
      yield [`meta ${height}`, () => api.blockMeta(height)];
      yield [`commit ${height}`, () => api.commit(height)];
      yield [`results ${height}`, () => api.results(height)];
      yield [`validators ${height}`, () => api.validators(height)];
      yield [`params ${height}`, () => api.consensusParams(height)];
      yield [`height of block ${height}`, () => api.heightByHash(hash)];
      for (const tx of block.txs) yield [`tx ${toHex(txHash(tx))}`, () => api.txByHash(txHash(tx))];
      for (const piece of block.evidence) yield ['evidence', () => committedAt(this.kv, evidenceHash(piece))];
      yield [`block search ${height}`, () => api.searchTxs(parseQuery(`tx.height=${height}`))];
    }
    for (const { text } of this.known.wallets) {
      for (const key of ['transfer.sender', 'transfer.recipient', 'message.sender']) {
        yield [`search ${key} ${text}`, () => api.searchTxs(parseQuery(`${key}='${text}'`))];
      }
    }
    yield ['blocks with a slash', () => api.searchBlocks(parseQuery('slash.reason EXISTS AND block.height>0'))];
    yield ['no such block', () => api.heightByHash(new Uint8Array(32).fill(3))];
    yield ['no such tx', () => api.txByHash(new Uint8Array(32).fill(3))];
    yield* this.stateQuestions(api);
  }

  private *stateQuestions(api: NodeRpcApi): Generator<readonly [string, () => unknown]> {
    for (const { text, address } of this.known.wallets) {
      const data = fromLatin1(balanceKey(address, 'ubizra'));
      for (let height = 1; height <= HEIGHTS; height += 3) {
        for (const prove of [false, true]) {
          yield [`${text} at ${height} ${prove}`, () => api.query({ path: '/store/bank/key', data, height, prove })];
        }
      }
    }
    for (const store of (this.node as Node).state.stores) {
      for (const height of [2, HEIGHTS / 2, HEIGHTS])
        yield [`all of ${store} at ${height}`, () => this.all(store, height)];
    }
  }

  private async all(store: string, height: number): Promise<unknown> {
    const view = (this.node as Node).state.view(height);
    try {
      const found: unknown[] = [];
      for await (const entry of view.iterate(store, { prefix: new Uint8Array(0) })) found.push(entry);
      return found;
    } finally {
      await view.release();
    }
  }
}

async function answered(ask: () => unknown): Promise<string> {
  try {
    return textOf(await ask());
  } catch (error) {
    if (error instanceof MachineError) return REFUSED;
    return `error ${(error as { code?: unknown }).code ?? String(error)}`;
  }
}

function textOf(value: unknown): string {
  return (
    JSON.stringify(value, (_, part: unknown) => {
      if (part instanceof Uint8Array) return toHex(part);
      return typeof part === 'bigint' ? `${part}n` : part;
    }) ?? 'undefined'
  );
}
