import { validatorAddress } from '#crypto/address.ts';
import { QUIET_HEIGHTS } from '#engine/look-back.ts';
import type { Node } from '#node/node.ts';
import { NOTHING_SIGNED, writeLastSigned } from '#signer/last-signed.ts';
import { createSignerFiles } from '#signer/signer.ts';
import { toHex } from '#util/bytes.ts';
import { Violation } from '../checkers/checkers.ts';
import { ReplayWatch } from '../checkers/replay.ts';
import { copyDatabase, type DatabaseCopy } from '../disk/database-copy.ts';
import { Disk, KEY_PATH, STATE_PATH, WAL_PATH } from '../disk/disk.ts';
import type { DiskErrorName, DiskTarget } from '../disk/disk-faults.ts';
import type { CrashPoint } from '../disk/disk-points.ts';
import type { Life } from '../time/scheduler.ts';
import { Damage } from './damage.ts';
import { type Home, Incarnation } from './incarnation.ts';
import { KeptSnapshots } from './kept-snapshots.ts';
import { isHonest, type MachineOptions, type MachineParts } from './machine-options.ts';

/** Milliseconds that a process takes to end after a fatal error, and until something starts it again. */
const STOPPING_MS = [0, 200] as const;
const RESTART_MS = [300, 2_000] as const;

/** Share of machines that lost their data and begin with a snapshot. */
const BEGINS_WITH_SNAPSHOT = 0.7;

/** Clocks of honest machines are off by less. */
const HONEST_SKEW_MS = 1_000;

/** `stop` is asked of the process, `kill` ends it, `power` also loses what was not synced. */
export type CrashKind = 'stop' | 'kill' | 'power';

export interface RestoreOptions {
  /** `emptied`: as a careless operator does it, a record that says that nothing was signed. */
  readonly record: 'kept' | 'lost' | 'emptied';
  readonly keepsLog: boolean;
}

/** A machine that runs a node, dies, and runs it again on the same disk. */
export class Machine {
  readonly name: string;
  private readonly parts: MachineParts;
  private readonly options: MachineOptions;
  private readonly home: Home;
  /** Stands in for a process before the first start. */
  private readonly unborn: Life = { alive: false };
  /** The last one that was started. */
  private process: Incarnation | undefined;

  constructor(name: string, parts: MachineParts, options: MachineOptions) {
    this.name = name;
    this.parts = parts;
    this.options = options;
    const disk = new Disk();
    this.home = {
      name,
      parts,
      options,
      disk,
      damage: new Damage(disk),
      snapshots: new KeptSnapshots(),
      wantsSnapshot: false,
      begunAt: 0,
      replay: new ReplayWatch(name, parts.coverage),
      skew: { ms: options.skewMs },
      takeBack: 0,
      wentBack: false,
      atPoint: undefined,
      ended: (process, error, what) => this.ended(process, error, what),
    };
  }

  /** The running node; undefined while the machine is down or starting. */
  get node(): Node | undefined {
    return this.process?.node;
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

  /** Called at each point at which a process can die. */
  set atPoint(listener: (point: CrashPoint) => void) {
    this.home.atPoint = listener;
  }

  private get life(): Life {
    return this.process?.life ?? this.unborn;
  }

  /** A new home. */
  async install(): Promise<void> {
    await createSignerFiles(this.home.disk.files, KEY_PATH, STATE_PATH, this.parts.key);
  }

  boot(): void {
    if (this.life.alive) return;
    const process = new Incarnation(this.home);
    this.process = process;
    this.start(process).catch((error: unknown) => this.ended(process, error, 'does not start'));
  }

  private async start(process: Incarnation): Promise<void> {
    if (this.home.damage.mustEmpty) await this.empty();
    await process.start();
  }

  crash(kind: CrashKind): void {
    const { process } = this;
    if (process === undefined || !process.life.alive) return;
    const { node, isSigning } = process;
    this.parts.coverage.hit(kind === 'power' ? 'power cut' : kind);
    if (isSigning && kind !== 'stop') this.parts.coverage.hit('crash between WAL and signer');
    this.parts.say(this.name, `crash ${kind} at ${this.height}`);
    process.node = undefined;
    if (kind === 'stop' && node !== undefined) {
      node
        .stop()
        .then(() => process.die())
        .catch((error: unknown) => this.ended(process, error, 'does not stop'));
      return;
    }
    process.die();
    if (kind === 'power') this.home.disk.losePower(this.parts.chance);
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
    return Math.abs(this.home.skew.ms) > HONEST_SKEW_MS;
  }

  /** The wall clock is put to something else, as a bad time server would. */
  setClock(skewMs: number): void {
    this.home.skew.ms = skewMs;
  }

  /** From now on the disk refuses something. */
  breakDisk(name: DiskErrorName, target: DiskTarget | undefined): void {
    this.home.disk.faults.strike(name, target);
  }

  /** As `rollback` does it, on a machine that is off: before its next start, by this many heights or as far as it goes. */
  takeBack(heights: number): void {
    this.home.takeBack = heights;
  }

  repairDisk(): void {
    this.home.disk.faults.lift();
  }

  /** True while bits are wrong that the node has not got over. */
  get isDamaged(): boolean {
    return this.home.damage.isThere;
  }

  flipInLog(where: 'end' | 'middle'): void {
    const { disk, damage, replay } = this.home;
    damage.logFlipped();
    replay.damaged();
    disk
      .flipInLog(where, this.parts.chance)
      .then((at) => {
        // A start may have read the log meanwhile, and found it whole.
        damage.logFlipped();
        replay.damaged();
        this.parts.say(this.name, `flip in the log ${at ?? 'that is empty'}`);
      })
      .catch(this.parts.fail);
  }

  flipInDatabase(): void {
    const key = this.home.disk.flipInDatabase(this.parts.chance);
    this.parts.say(this.name, `flip in the database under ${key === undefined ? 'nothing' : toHex(key)}`);
  }

  /** Damages the first row whose key begins so. False: there is none. */
  corruptDatabase(prefix: Uint8Array, change?: (value: Uint8Array) => Uint8Array | undefined): boolean {
    return this.home.disk.corruptDatabase(prefix, change);
  }

  /** A rejection that nobody handled ends the process; true when it was this machine's. */
  rejected(error: unknown): boolean {
    if (this.process === undefined || !this.home.disk.faults.gave(error)) return false;
    this.ended(this.process, error, 'left a rejection');
    return true;
  }

  /** A process ended by itself: a machine with a sound disk has no reason to. */
  private ended(process: Incarnation, error: unknown, what: string): void {
    if (!process.life.alive || process.isFatal) return;
    if (this.home.disk.faults.gave(error) || this.home.damage.explains(error)) {
      this.brokeDown(process, error, what === 'stopped');
      return;
    }
    const reason = error instanceof Error ? error.stack : String(error);
    const violation = new Violation('restart', `${this.name} ${what}: ${reason}`);
    this.parts.fail(error instanceof Violation ? error : violation);
  }

  /** The process stops as it can, or at once where nobody caught the error; something starts it again. */
  private brokeDown(process: Incarnation, error: unknown, isOrderly: boolean): void {
    const { scheduler, chance, coverage, say } = this.parts;
    const { node } = process;
    coverage.hit('stopped by its disk');
    say(this.name, `stopped: ${(error as Error).message}`);
    process.isFatal = true;
    process.node = undefined;
    // What stopping meets on the same disk is no news.
    if (isOrderly && chance.chance(0.5)) node?.stop().catch(() => {});
    if (isOrderly) scheduler.after(chance.between(...STOPPING_MS), process.life, () => process.die());
    else process.die();
    scheduler.after(chance.between(...RESTART_MS), { alive: true }, () => this.boot());
  }

  /** All data is taken away, the key and its record stay: the chain comes again from peers. */
  private async empty(): Promise<void> {
    const { coverage, checkers, durability, say } = this.parts;
    const { disk, damage, replay } = this.home;
    coverage.hit('emptied by its operator');
    say(this.name, 'emptied');
    await disk.empty();
    this.home.snapshots.clear();
    this.home.begunAt = 0;
    this.home.wantsSnapshot = this.parts.chance.chance(BEGINS_WITH_SNAPSHOT);
    checkers.forget(this.name);
    durability.forget(this.name);
    replay.damaged();
    damage.emptied();
  }

  /** A machine that is off loses all but its key and its signing record. */
  async loseData(): Promise<void> {
    const signed = this.parts.checkers.lastSignedBy(this.name)?.height ?? 0;
    await this.empty();
    this.home.damage.restored(signed, 'kept');
  }

  /** As `backup` writes it while the node runs; undefined when none does. */
  backUp(): DatabaseCopy | undefined {
    const { node } = this;
    return node === undefined ? undefined : copyDatabase(this.home.disk.kv, node.chain.state.height);
  }

  /** A machine that is off gets another disk, with a copy of a database of some earlier time. */
  async restore(copy: DatabaseCopy, { record, keepsLog }: RestoreOptions): Promise<void> {
    const { coverage, checkers, durability, say } = this.parts;
    const { disk, damage, replay } = this.home;
    const signed = checkers.lastSignedBy(this.name)?.height ?? 0;
    say(this.name, `restored at ${copy.height}, record ${record}, log ${keepsLog ? 'kept' : 'lost'}`);
    await disk.restore(copy, keepsLog);
    // The copy may be of a machine that began with a snapshot.
    this.home.begunAt = undefined;
    if (record === 'lost') await disk.files.remove(STATE_PATH);
    if (record === 'emptied') await writeLastSigned(disk.files, STATE_PATH, NOTHING_SIGNED);
    coverage.hit(record === 'kept' ? 'restored with its record' : 'restored without its record');
    if (copy.height + QUIET_HEIGHTS < signed) coverage.hit('restored from an old backup');
    checkers.forget(this.name);
    if (record !== 'kept') checkers.forgetRecord(this.name);
    durability.forget(this.name);
    replay.damaged();
    damage.restored(signed, record === 'lost' ? 'lost' : 'kept');
  }

  /** Whether its promises are its own to keep: no disk and no behaviour is broken on purpose. */
  get isHonest(): boolean {
    return isHonest(this.options);
  }

  private async forget(): Promise<void> {
    const { files } = this.home.disk;
    await writeLastSigned(files, STATE_PATH, NOTHING_SIGNED);
    for (const name of await files.list(WAL_PATH)) await files.remove(`${WAL_PATH}/${name}`);
  }
}
