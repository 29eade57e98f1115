import { HandoverTransport } from '#network/handover.ts';
import { Node } from '#node/node.ts';
import type { SnapshotStore } from '#node/snapshot-store.ts';
import type { Clock } from '#ports/clock.ts';
import type { Transport } from '#ports/transport.ts';
import type { NodeEvent } from '#rpc/node-api.ts';
import type { FileSigner } from '#signer/signer.ts';
import { parseLogLevels } from '#telemetry/log-levels.ts';
import { createLogger } from '#telemetry/logger.ts';
import { Violation } from '../checkers/checkers.ts';
import { checkKept } from '../checkers/kept.ts';
import type { ReplayWatch } from '../checkers/replay.ts';
import { type Disk, DiskTime } from '../disk/disk.ts';
import type { CrashPoint } from '../disk/disk-points.ts';
import { DiskPort } from '../disk/disk-port.ts';
import { SimTransport } from '../network/transport.ts';
import { type Skew, VirtualClock } from '../time/clock.ts';
import type { Life } from '../time/scheduler.ts';
import { beginWithSnapshot } from './begin-with-snapshot.ts';
import type { Damage } from './damage.ts';
import type { KeptSnapshots } from './kept-snapshots.ts';
import { isHonest, isWatched, type MachineOptions, type MachineParts } from './machine-options.ts';
import { type OwnSending, watchSending } from './own-sending.ts';
import { shortOf, watchSigning } from './own-signing.ts';
import { openStores, type Stores } from './stores.ts';
import { excuseShort, takeBack } from './take-back.ts';

/** What a machine keeps from one process to the next. */
export interface Home {
  readonly name: string;
  readonly parts: MachineParts;
  readonly options: MachineOptions;
  readonly disk: Disk;
  readonly snapshots: KeptSnapshots;
  /** Without data it begins with a snapshot; else it fetches all blocks. */
  wantsSnapshot: boolean;
  /** Height of the snapshot that it began with; 0 for genesis, undefined until a process has come up on it. */
  begunAt: number | undefined;
  readonly damage: Damage;
  readonly replay: ReplayWatch;
  readonly skew: Skew;
  /** Heights by which the operator takes the chain back before the next start; 0 for none. */
  takeBack: number;
  /** It was taken back, and no start has been looked at since. */
  wentBack: boolean;
  /** Called at each point at which a process can die. */
  atPoint: ((point: CrashPoint) => void) | undefined;
  /** A process ended by itself. */
  readonly ended: (process: Incarnation, error: unknown, what: string) => void;
}

/** One process of a machine, from its start on what the disk holds to its death. */
export class Incarnation {
  readonly life: Life;
  /** Undefined while it starts, and once it is told to stop. */
  node: Node | undefined;
  /** It met a fatal error, and may still be on its way out. */
  isFatal = false;
  /** The log is synced for a signature that the key has not made durable yet. */
  isSigning = false;
  private readonly home: Home;
  private transport: SimTransport | undefined;
  /** Own signatures that are about to leave; kept only where somebody listens to points. */
  private sending: OwnSending | undefined;

  constructor(home: Home) {
    this.home = home;
    this.life = { alive: true, threw: (error) => home.ended(this, error, 'threw') };
  }

  async start(): Promise<void> {
    const { parts, options, damage, replay } = this.home;
    const disk = this.diskPort();
    const { genesis, signatures } = parts;
    await takeBack(this.home, disk);
    const { walRotateBytes, skew } = { ...options, ...this.home };
    const clock = new VirtualClock(parts.scheduler, this.life, skew);
    const transport = this.openTransport(disk);
    const begin = async (): Promise<void> => {
      if (isWatched(options)) await beginWithSnapshot(this.home, disk, { transport, clock, logger: this.logger() });
    };
    replay.opening();
    const stores = await openStores(disk, { genesis, signatures, walRotateBytes, begin });
    const node = await this.openNode(stores, transport, clock, disk);
    const { height } = node.chain.state;
    await disk.pass('start: database open, log not replayed');
    await this.check(node, stores);
    this.listen(node, stores.signer, disk);
    await node.start();
    if (this.life.alive) this.node = node;
    damage.started(height);
    if (isWatched(options)) replay.started(node);
    disk.at('start: log replayed, nothing done');
  }

  die(): void {
    this.life.alive = false;
    if (this.transport !== undefined) this.home.parts.network.leave(this.transport);
  }

  private diskPort(): DiskPort {
    const { home, life } = this;
    const { scheduler, chance } = home.parts;
    return new DiskPort({
      disk: home.disk,
      time: new DiskTime(scheduler, life, chance.fork()),
      life,
      at: (point) => home.atPoint?.(point),
      broken: home.options.brokenDisk,
    });
  }

  private openTransport(disk: DiskPort): Transport {
    const { name, parts, atPoint } = this.home;
    const transport = new SimTransport(parts.network, name, this.life);
    this.transport = transport;
    if (atPoint !== undefined) this.sending = watchSending(transport, disk);
    return new HandoverTransport(transport);
  }

  private openNode({ signer, wal, kv }: Stores, transport: Transport, clock: Clock, disk: DiskPort): Promise<Node> {
    const { parts, options, snapshots, ended } = this.home;
    const { chance, genesis, signatures } = parts;
    const { settings, overrides, behaviour } = options;
    // As an operator says it, once: later starts find the record that the first one made.
    const recoverSigningRecord = this.home.damage.hasLostRecord && signer.recordMissing;
    const ports = behaviour?.wrap({ transport, signer }, clock, chance.fork()) ?? { transport, signer };
    if (behaviour === undefined) this.watch(signer, disk);
    return Node.open(
      {
        ...ports,
        clock,
        random: chance.fork(),
        kv,
        wal,
        verifier: signatures.verifier,
        voteVerifier: signatures.verifier,
        logger: this.logger(),
        recoverSigningRecord,
        snapshots,
        snapshotStore: snapshots as unknown as SnapshotStore,
        onFatal: (error) => ended(this, error, 'stopped'),
      },
      genesis,
      settings,
      isHonest(options) ? overrides : { ...overrides, unguardedKey: true },
    );
  }

  /** Shows the checkers what the process found on its disk, before it goes on from there. */
  private async check(node: Node, { signer, wal }: Stores): Promise<void> {
    const { name, parts, options, replay, damage } = this.home;
    const { chance, checkers, coverage, durability, say, fail, onBooted } = parts;
    const { height } = node.chain.state;
    say(name, `boot at ${height}, log of ${wal.records.length}${wal.tornBytes > 0 ? ', torn' : ''}`);
    if (wal.tornBytes > 0) coverage.hit('torn log cut at boot');
    excuseShort(this.home);
    checkers.booted(name, height);
    if (!isWatched(options)) return;
    // Quiet for as long as its past is not known, it may sign less than its log leads to.
    if (damage.hasLostRecord) replay.damaged();
    checkers.remembers(name, signer.lastSigned);
    onBooted(name, node);
    await durability.check(name, node, chance);
    this.home.begunAt ??= height;
    await checkKept(name, node, options.settings, checkers.highest, coverage, this.home.begunAt);
    replay.attach(node, wal, fail);
  }

  private listen(node: Node, signer: FileSigner, disk: DiskPort): void {
    node.events.subscribe((event) => {
      if (event.kind !== 'block' || !this.life.alive) return;
      this.decided(event, node, signer);
      disk.at('between: height told, next not begun');
    });
  }

  private decided(event: Extract<NodeEvent, { kind: 'block' }>, node: Node, signer: FileSigner): void {
    const { name, parts, options, damage } = this.home;
    const isMuted = damage.hasLostRecord ? signer.mutedHeight === Number.MAX_SAFE_INTEGER : signer.mutedHeight > 0;
    if (isHonest(options) && isMuted) parts.fail(new Error(`${name} took its own key for stolen`));
    const { block, blockId, results } = event;
    parts.durability.tell(name, event);
    damage.decided(results.height);
    parts.onApplied({ machine: name, height: results.height, block, blockId, appHash: results.appHash }, node);
  }

  /** Tells the checkers of every signature that leaves this key. */
  private watch(signer: FileSigner, disk: DiskPort): void {
    const { name, parts } = this.home;
    watchSigning(signer, disk, {
      asked: () => {
        if (this.life.alive) this.isSigning = true;
        if (this.isFatal) parts.fail(new Violation('fatal', `${name} signs after a fatal error`));
      },
      answered: () => {
        if (this.life.alive) this.isSigning = false;
      },
      signed: (place, value) => {
        if (this.life.alive) this.signed(place, value, signer);
      },
    });
  }

  private signed(place: string, value: string, signer: FileSigner): void {
    const { name, parts, damage } = this.home;
    if (damage.hasLostRecord) parts.coverage.hit('signed again after its record was lost');
    damage.signed();
    this.sending?.signed();
    parts.say(name, `sign ${place} ${shortOf(value)}`);
    try {
      parts.checkers.signedBy(name, place, value);
      parts.checkers.left(name, signer.lastSigned);
    } catch (error) {
      parts.fail(error);
    }
  }

  private logger() {
    const { name, parts, options } = this.home;
    return createLogger(
      { sink: (line) => parts.say(name, line), timestamp: () => 'log' },
      { format: 'text', levels: parseLogLevels(options.logLevel) },
      'node',
    );
  }
}
