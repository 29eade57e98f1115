import { Node } from '#node/node.ts';
import type { NodeEvent } from '#rpc/node-api.ts';
import type { FileSigner } from '#signer/signer.ts';
import { parseLogLevels } from '#telemetry/log-levels.ts';
import { createLogger } from '#telemetry/logger.ts';
import { Violation } from '../checkers/checkers.ts';
import type { ReplayWatch } from '../checkers/replay.ts';
import { type Disk, DiskTime } from '../disk/disk.ts';
import type { CrashPoint } from '../disk/disk-points.ts';
import { DiskPort } from '../disk/disk-port.ts';
import { SimTransport } from '../network/transport.ts';
import { type Skew, VirtualClock } from '../time/clock.ts';
import type { Life } from '../time/scheduler.ts';
import type { Damage } from './damage.ts';
import { isHonest, isWatched, type MachineOptions, type MachineParts } from './machine-options.ts';
import { type OwnSending, watchSending } from './own-sending.ts';
import { shortOf, watchSigning } from './own-signing.ts';
import { openStores, type Stores } from './stores.ts';

/** What a machine keeps from one process to the next. */
export interface Home {
  readonly name: string;
  readonly parts: MachineParts;
  readonly options: MachineOptions;
  readonly disk: Disk;
  readonly damage: Damage;
  readonly replay: ReplayWatch;
  readonly skew: Skew;
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
    const stores = await openStores(disk, { genesis, signatures, walRotateBytes: options.walRotateBytes });
    const node = await this.openNode(disk, stores);
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

  private openNode(disk: DiskPort, { signer, wal, kv }: Stores): Promise<Node> {
    const { name, parts, options, skew, atPoint, ended } = this.home;
    const { scheduler, network, chance, genesis, signatures } = parts;
    const { settings, overrides, behaviour } = options;
    const transport = new SimTransport(network, name, this.life);
    this.transport = transport;
    if (atPoint !== undefined) this.sending = watchSending(transport, disk);
    const clock = new VirtualClock(scheduler, this.life, skew);
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
        onFatal: (error) => ended(this, error, 'stopped'),
      },
      genesis,
      settings,
      isHonest(options) ? overrides : { ...overrides, unguardedKey: true },
    );
  }

  /** Shows the checkers what the process found on its disk, before it goes on from there. */
  private async check(node: Node, { signer, wal }: Stores): Promise<void> {
    const { name, parts, options, replay } = this.home;
    const { chance, checkers, coverage, durability, say, fail, onBooted } = parts;
    const { height } = node.chain.state;
    say(name, `boot at ${height}, log of ${wal.records.length}${wal.tornBytes > 0 ? ', torn' : ''}`);
    if (wal.tornBytes > 0) coverage.hit('torn log cut at boot');
    checkers.booted(name, height);
    if (!isWatched(options)) return;
    checkers.remembers(name, signer.lastSigned);
    onBooted(name, node);
    await durability.check(name, node, chance);
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
    if (isHonest(options) && signer.mutedHeight > 0) parts.fail(new Error(`${name} took its own key for stolen`));
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
    const { name, parts } = this.home;
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
