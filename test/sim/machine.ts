import { validatorAddress } from '#crypto/address.ts';
import type { Ed25519KeyPair } from '#crypto/ed25519.ts';
import { initializeChain } from '#node/database.ts';
import { ensureDatabase } from '#node/fresh-database.ts';
import { Node } from '#node/node.ts';
import type { NodeOverrides } from '#node/overrides.ts';
import type { NodeSettings } from '#node/settings.ts';
import type { KeyValue } from '#ports/key-value.ts';
import { type KeyLock, NO_LOCK } from '#signer/key-lock.ts';
import { NOTHING_SIGNED, writeLastSigned } from '#signer/last-signed.ts';
import { createSignerFiles, FileSigner } from '#signer/signer.ts';
import { BlockStore } from '#storage/block-store.ts';
import { Wal } from '#storage/wal.ts';
import { parseLogLevels } from '#telemetry/log-levels.ts';
import { createLogger } from '#telemetry/logger.ts';
import { blockIdKey } from '#types/block-id.ts';
import type { Genesis } from '#types/genesis.ts';
import { toHex } from '#util/bytes.ts';
import { MachineError } from '#util/errors.ts';
import type { MachineBehaviour } from './byzantine.ts';
import type { Chance } from './chance.ts';
import { type Applied, type Checkers, Violation } from './checkers.ts';
import { type Skew, VirtualClock } from './clock.ts';
import type { Coverage } from './coverage.ts';
import { DATABASE_PATH, Disk, DiskTime, KEY_PATH, STATE_PATH, WAL_PATH } from './disk.ts';
import type { DiskErrorName, DiskTarget } from './disk-faults.ts';
import type { CrashPoint } from './disk-points.ts';
import { type DiskBreak, DiskPort } from './disk-port.ts';
import type { Durability } from './durability.ts';
import { type SimNetwork, SimTransport } from './network.ts';
import { type OwnSending, watchSending } from './own-sending.ts';
import { ReplayWatch } from './replay.ts';
import type { Life, Scheduler } from './scheduler.ts';
import type { Signatures } from './signatures.ts';

/** Milliseconds that a process takes to end after a fatal error, and until something starts it again. */
const STOPPING_MS = [0, 200] as const;
const RESTART_MS = [300, 2_000] as const;

/** Clocks of honest machines are off by less. */
const HONEST_SKEW_MS = 1_000;

/** `stop` is asked of the process, `kill` ends it, `power` also loses what was not synced. */
export type CrashKind = 'stop' | 'kill' | 'power';

export interface MachineOptions {
  readonly settings: NodeSettings;
  readonly logLevel: string;
  /** Of its wall clock at first. */
  readonly skewMs: number;
  /** Length from which the log is started anew. */
  readonly walRotateBytes: number;
  readonly overrides: NodeOverrides;
  /** Loses its log and its signing record at every crash. */
  readonly forgetful?: boolean | undefined;
  /** A disk that does not keep a promise. */
  readonly brokenDisk?: DiskBreak | undefined;
  /** What the machine does instead of being honest. */
  readonly behaviour?: MachineBehaviour | undefined;
}

export interface MachineParts {
  readonly scheduler: Scheduler;
  readonly network: SimNetwork;
  readonly checkers: Checkers;
  readonly coverage: Coverage;
  readonly chance: Chance;
  readonly genesis: Genesis;
  readonly key: Ed25519KeyPair;
  readonly signatures: Signatures;
  readonly say: (who: string, what: string) => void;
  readonly fail: (error: unknown) => void;
  readonly durability: Durability;
  /** An honest node came up and has not begun. */
  readonly onBooted: (machine: string, node: Node) => void;
  readonly onApplied: (applied: Applied, node: Node) => void;
}

/** A machine that runs a node, dies, and runs it again on the same disk. */
export class Machine {
  readonly name: string;
  /** The running node; undefined while the machine is down or starting. */
  node: Node | undefined;
  private readonly parts: MachineParts;
  private readonly options: MachineOptions;
  /** Called at each point at which a process can die. */
  atPoint: ((point: CrashPoint, machine: Machine) => void) | undefined;
  private readonly disk = new Disk();
  private readonly skew: Skew;
  private life: Life = { alive: false };
  private transport: SimTransport | undefined;
  /** Own signatures that are about to leave; kept only where somebody listens to points. */
  private own: OwnSending | undefined;
  /** The log is synced for a signature that the key has not made durable yet. */
  private isSigning = false;
  /** The process that met a fatal error. */
  private fatal: Life | undefined;
  private foundDamage = false;
  private mustEmpty = false;
  /** Of the log: gone once a later height than this one is decided. */
  private damagedLogHeight: number | undefined;
  private readonly replay: ReplayWatch;

  constructor(name: string, parts: MachineParts, options: MachineOptions) {
    this.name = name;
    this.parts = parts;
    this.replay = new ReplayWatch(name, parts.coverage);
    this.options = options;
    this.skew = { ms: options.skewMs };
  }

  /** Of its validator key. */
  get address(): Uint8Array {
    return validatorAddress({ type: 'ed25519', bytes: this.parts.key.publicKey });
  }

  get isUp(): boolean {
    return this.life.alive;
  }

  get height(): number {
    return this.node?.chain.state.height ?? 0;
  }

  /** A new home. */
  async install(): Promise<void> {
    await createSignerFiles(this.disk.files, KEY_PATH, STATE_PATH, this.parts.key);
  }

  boot(): void {
    if (this.life.alive) return;
    const life: Life = { alive: true, threw: (error) => this.ended(life, error, 'threw') };
    this.life = life;
    this.start(life).catch((error: unknown) => this.ended(life, error, 'does not start'));
  }

  crash(kind: CrashKind): void {
    if (!this.life.alive) return;
    const { node } = this;
    this.parts.coverage.hit(kind === 'power' ? 'power cut' : kind);
    if (this.isSigning && kind !== 'stop') this.parts.coverage.hit('crash between WAL and signer');
    this.isSigning = false;
    this.parts.say(this.name, `crash ${kind} at ${this.height}`);
    this.node = undefined;
    if (kind === 'stop' && node !== undefined) {
      const { life } = this;
      node
        .stop()
        .then(() => this.die(life))
        .catch((error: unknown) => this.ended(life, error, 'does not stop'));
      return;
    }
    this.die(this.life);
    if (kind === 'power') this.disk.losePower(this.parts.chance);
    if (this.options.forgetful === true || this.options.behaviour?.forgetful === true) void this.forget();
  }

  /** Dies between two events of its own, after this many more of them. */
  crashAfter(events: number, kind: CrashKind): void {
    this.life.eventsLeft = events;
    this.life.onSpent = () => this.crash(kind);
  }

  /** Nothing that was to come happens to it any more. */
  spare(): void {
    this.life.eventsLeft = undefined;
    this.life.slowMs = 0;
    this.resume();
  }

  /** Everything that it does takes longer; 0 for its own speed. Until it dies. */
  slowDown(ms: number): void {
    this.life.slowMs = ms;
  }

  /** As SIGSTOP does: nothing happens, while time goes on and packets pile up. */
  pause(): void {
    this.life.frozen ??= [];
  }

  resume(): void {
    this.parts.scheduler.thaw(this.life);
  }

  /** Too far off to be one of the honest machines' clocks. */
  get hasWrongClock(): boolean {
    return Math.abs(this.skew.ms) > HONEST_SKEW_MS;
  }

  /** The wall clock is put to something else, as a bad time server would. */
  setClock(skewMs: number): void {
    this.skew.ms = skewMs;
  }

  /** From now on the disk refuses something. */
  breakDisk(name: DiskErrorName, target: DiskTarget | undefined): void {
    this.disk.faults.strike(name, target);
  }

  repairDisk(): void {
    this.disk.faults.lift();
  }

  /** True while bits are wrong that the node has not got over. */
  get isDamaged(): boolean {
    return this.disk.flips > 0 || this.damagedLogHeight !== undefined;
  }

  flipInLog(where: 'end' | 'middle'): void {
    this.damagedLogHeight = Number.POSITIVE_INFINITY;
    this.replay.damaged();
    this.disk
      .flipInLog(where, this.parts.chance)
      .then((at) => this.parts.say(this.name, `flip in the log ${at ?? 'that is empty'}`))
      .catch(this.parts.fail);
  }

  flipInDatabase(): void {
    const key = this.disk.flipInDatabase(this.parts.chance);
    this.parts.say(this.name, `flip in the database under ${key === undefined ? 'nothing' : toHex(key)}`);
  }

  /** Damages the first row whose key begins so. False: there is none. */
  corruptDatabase(prefix: Uint8Array, change?: (value: Uint8Array) => Uint8Array | undefined): boolean {
    return this.disk.corruptDatabase(prefix, change);
  }

  /** A process ended by itself: a machine with a sound disk has no reason to. */
  private ended(life: Life, error: unknown, what: string): void {
    if (!life.alive || life === this.fatal) return;
    if (this.isOfDisk(error)) {
      this.brokeDown(life, error, what === 'stopped');
      return;
    }
    const reason = error instanceof Error ? error.stack : String(error);
    const violation = new Violation('restart', `${this.name} ${what}: ${reason}`);
    this.parts.fail(error instanceof Violation ? error : violation);
  }

  /** A rejection that nobody handled ends the process; true when it was this machine's. */
  rejected(error: unknown): boolean {
    if (!this.disk.faults.gave(error)) return false;
    this.ended(this.life, error, 'left a rejection');
    return true;
  }

  private isOfDisk(error: unknown): boolean {
    if (this.disk.faults.gave(error)) return true;
    if (this.disk.flips === 0 || !(error instanceof MachineError)) return false;
    // The next start may find what it needs whole. If it does not either, the operator takes the data away.
    this.mustEmpty = this.foundDamage;
    this.foundDamage = true;
    return true;
  }

  /** The process stops as it can, or at once where nobody caught the error; something starts it again. */
  private brokeDown(life: Life, error: unknown, isOrderly: boolean): void {
    const { scheduler, chance, coverage, say } = this.parts;
    const { node } = this;
    coverage.hit('stopped by its disk');
    say(this.name, `stopped: ${(error as Error).message}`);
    this.fatal = life;
    this.node = undefined;
    // What stopping meets on the same disk is no news.
    if (isOrderly && chance.chance(0.5)) node?.stop().catch(() => {});
    if (isOrderly) scheduler.after(chance.between(...STOPPING_MS), life, () => this.die(life));
    else this.die(life);
    scheduler.after(chance.between(...RESTART_MS), { alive: true }, () => this.boot());
  }

  /** All data is taken away, the key and its record stay: the chain comes again from peers. */
  private async empty(): Promise<void> {
    const { coverage, checkers, durability, say } = this.parts;
    coverage.hit('emptied by its operator');
    say(this.name, 'emptied');
    await this.disk.empty();
    checkers.forget(this.name);
    durability.forget(this.name);
    this.replay.damaged();
    this.mustEmpty = false;
    this.foundDamage = false;
  }

  private die(life: Life): void {
    life.alive = false;
    if (this.transport !== undefined) this.parts.network.leave(this.transport);
  }

  private async forget(): Promise<void> {
    await writeLastSigned(this.disk.files, STATE_PATH, NOTHING_SIGNED);
    for (const name of await this.disk.files.list(WAL_PATH)) await this.disk.files.remove(`${WAL_PATH}/${name}`);
  }

  private async start(life: Life): Promise<void> {
    const { scheduler, network, chance, checkers, coverage, durability, genesis, say, signatures } = this.parts;
    const { settings, overrides, walRotateBytes, behaviour } = this.options;
    if (this.mustEmpty) await this.empty();
    const disk = this.diskPort(life);
    const lock = (): Promise<KeyLock> => lockAt(disk);
    const signer = await FileSigner.open(disk.files, KEY_PATH, STATE_PATH, { lock, sign: signatures.sign });
    await disk.pass('start: signer open, log not opened');
    const wal = await Wal.open(disk.files, WAL_PATH, { rotateBytes: walRotateBytes });
    await disk.pass('start: log read, database not opened');
    const kv = await this.openDatabase(disk);
    const transport = new SimTransport(network, this.name, life);
    this.transport = transport;
    if (this.atPoint !== undefined) this.own = watchSending(transport, disk);
    const clock = new VirtualClock(scheduler, life, this.skew);
    const ports = behaviour?.wrap({ transport, signer }, clock, chance.fork()) ?? { transport, signer };
    if (behaviour === undefined) this.watch(signer, life, disk);
    const node = await Node.open(
      {
        ...ports,
        clock,
        random: chance.fork(),
        kv,
        wal,
        verifier: signatures.verifier,
        voteVerifier: signatures.verifier,
        logger: this.logger(),
        onFatal: (error) => this.ended(life, error, 'stopped'),
      },
      genesis,
      settings,
      this.isHonest ? overrides : { ...overrides, unguardedKey: true },
    );
    const { height } = node.chain.state;
    await disk.pass('start: database open, log not replayed');
    say(this.name, `boot at ${height}, log of ${wal.records.length}${wal.tornBytes > 0 ? ', torn' : ''}`);
    if (wal.tornBytes > 0) coverage.hit('torn log cut at boot');
    checkers.booted(this.name, height);
    if (this.isWatched) {
      checkers.remembers(this.name, signer.lastSigned);
      this.parts.onBooted(this.name, node);
      await durability.check(this.name, node, chance);
      this.replay.attach(node, wal, this.parts.fail);
    }
    node.events.subscribe((event) => {
      if (event.kind !== 'block' || !life.alive) return;
      if (this.isHonest && signer.mutedHeight > 0)
        this.parts.fail(new Error(`${this.name} took its own key for stolen`));
      const { block, blockId, results } = event;
      const applied = { machine: this.name, height: results.height, block, blockId, appHash: results.appHash };
      durability.tell(this.name, event);
      if (event.results.height > (this.damagedLogHeight ?? 0)) this.damagedLogHeight = undefined;
      this.parts.onApplied(applied, node);
      disk.at('between: height told, next not begun');
    });
    await node.start();
    if (life.alive) this.node = node;
    if (this.damagedLogHeight !== undefined) this.damagedLogHeight = Math.min(this.damagedLogHeight, height + 1);
    if (this.isWatched) this.replay.started(node);
    disk.at('start: log replayed, nothing done');
  }

  /** Broken machines must do harm: a node that looks after its key would refuse to start, or fall silent. */
  private get isHonest(): boolean {
    const { forgetful, behaviour, brokenDisk } = this.options;
    return forgetful !== true && behaviour === undefined && brokenDisk === undefined;
  }

  /** Keeps its promises about its disk, whatever the disk does. */
  private get isWatched(): boolean {
    const { forgetful, behaviour } = this.options;
    return forgetful !== true && behaviour === undefined;
  }

  private diskPort(life: Life): DiskPort {
    const { scheduler, chance } = this.parts;
    return new DiskPort({
      disk: this.disk,
      time: new DiskTime(scheduler, life, chance.fork()),
      life,
      at: (point) => this.atPoint?.(point, this),
      broken: this.options.brokenDisk,
    });
  }

  private async openDatabase(disk: DiskPort): Promise<KeyValue> {
    const open = (path: string): Promise<KeyValue> => disk.openDatabase(path);
    const fill = async (kv: KeyValue): Promise<void> =>
      initializeChain(kv, this.parts.genesis, await BlockStore.open(kv));
    await ensureDatabase(disk, DATABASE_PATH, open, fill);
    return open(DATABASE_PATH);
  }

  /** Tells the checkers of every signature that leaves this key. */
  private watch(signer: FileSigner, life: Life, disk: DiskPort): void {
    const { checkers, say, fail } = this.parts;
    const note = (place: string, value: string): void => {
      if (!life.alive) return;
      this.own?.signed();
      say(this.name, `sign ${place} ${toHex(new TextEncoder().encode(value)).slice(-8)}`);
      try {
        checkers.signedBy(this.name, place, value);
        checkers.left(this.name, signer.lastSigned);
      } catch (error) {
        fail(error);
      }
    };
    const sign = async <T>(ask: () => Promise<T>): Promise<T> => {
      if (life.alive) this.isSigning = true;
      if (life === this.fatal) fail(new Violation('fatal', `${this.name} signs after a fatal error`));
      await disk.pass('between: log synced, signer not asked');
      const signed = await ask();
      if (life.alive) this.isSigning = false;
      return signed;
    };
    const { signVote, signProposal } = signer;
    signer.signVote = async (chainId, vote) => {
      const signed = await sign(() => signVote.call(signer, chainId, vote));
      note(`${vote.height}/${vote.round}/${vote.type}`, blockIdKey(vote.blockId));
      await disk.pass('between: signed, not logged');
      return signed;
    };
    signer.signProposal = async (chainId, proposal) => {
      const signed = await sign(() => signProposal.call(signer, chainId, proposal));
      note(`${proposal.height}/${proposal.round}/proposal`, `${proposal.polRound}/${blockIdKey(proposal.blockId)}`);
      await disk.pass('between: signed, not logged');
      return signed;
    };
  }

  private logger() {
    const { logLevel } = this.options;
    return createLogger(
      { sink: (line) => this.parts.say(this.name, line), timestamp: () => 'log' },
      { format: 'text', levels: parseLogLevels(logLevel) },
      'node',
    );
  }
}

/** Nobody else is there to hold it, but a process can die on either side of it. */
async function lockAt(disk: DiskPort): Promise<KeyLock> {
  await disk.pass('signer: lock not taken');
  const lock = await NO_LOCK('', new Uint8Array(20));
  await disk.pass('signer: lock taken, record not read');
  return lock;
}
