import type { BrokenRule } from '#consensus/height-state.ts';
import { validatorAddress } from '#crypto/address.ts';
import type { Ed25519KeyPair } from '#crypto/ed25519.ts';
import { InlineVerifier } from '#crypto/verifier.ts';
import { initializeChain } from '#node/database.ts';
import { Node } from '#node/node.ts';
import type { NodeSettings } from '#node/settings.ts';
import { NO_LOCK } from '#signer/key-lock.ts';
import { NOTHING_SIGNED, writeLastSigned } from '#signer/last-signed.ts';
import { createSignerFiles, FileSigner } from '#signer/signer.ts';
import { BlockStore } from '#storage/block-store.ts';
import { Wal } from '#storage/wal.ts';
import { parseLogLevels } from '#telemetry/log-levels.ts';
import { createLogger } from '#telemetry/logger.ts';
import { blockIdKey } from '#types/block-id.ts';
import type { Genesis } from '#types/genesis.ts';
import { toHex } from '#util/bytes.ts';
import type { Chance } from './chance.ts';
import type { Applied, Checkers } from './checkers.ts';
import { VirtualClock } from './clock.ts';
import { Disk, DiskTime, TimedFiles, TimedKeyValue } from './disk.ts';
import { type SimNetwork, SimTransport } from './network.ts';
import type { Life, Scheduler } from './scheduler.ts';

const KEY_PATH = 'config/priv_validator_key.json';
const STATE_PATH = 'data/priv_validator_state.json';
const WAL_PATH = 'data/wal';

/** `stop` is asked of the process, `kill` ends it, `power` also loses what was not synced. */
export type CrashKind = 'stop' | 'kill' | 'power';

export interface MachineOptions {
  readonly settings: NodeSettings;
  readonly logLevel: string;
  readonly skewMs: number;
  readonly brokenRule?: BrokenRule | undefined;
  /** Loses its log and its signing record at every crash. */
  readonly forgetful?: boolean | undefined;
}

export interface MachineParts {
  readonly scheduler: Scheduler;
  readonly network: SimNetwork;
  readonly checkers: Checkers;
  readonly chance: Chance;
  readonly genesis: Genesis;
  readonly key: Ed25519KeyPair;
  readonly say: (who: string, what: string) => void;
  readonly fail: (error: unknown) => void;
  readonly onApplied: (applied: Applied, node: Node) => void;
}

/** A machine that runs a node, dies, and runs it again on the same disk. */
export class Machine {
  readonly name: string;
  /** The running node; undefined while the machine is down or starting. */
  node: Node | undefined;
  private readonly parts: MachineParts;
  private readonly options: MachineOptions;
  private readonly disk = new Disk();
  private life: Life = { alive: false };
  private transport: SimTransport | undefined;

  constructor(name: string, parts: MachineParts, options: MachineOptions) {
    this.name = name;
    this.parts = parts;
    this.options = options;
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
    const { files, kv } = this.disk;
    await createSignerFiles(files, KEY_PATH, STATE_PATH, this.parts.key);
    await initializeChain(kv, this.parts.genesis, await BlockStore.open(kv));
  }

  boot(): void {
    if (this.life.alive) return;
    this.life = { alive: true };
    this.start(this.life).catch(this.parts.fail);
  }

  crash(kind: CrashKind): void {
    if (!this.life.alive) return;
    const { node } = this;
    this.parts.say(this.name, `crash ${kind} at ${this.height}`);
    this.node = undefined;
    if (kind === 'stop' && node !== undefined) {
      const { life } = this;
      node
        .stop()
        .then(() => this.die(life))
        .catch(this.parts.fail);
      return;
    }
    this.die(this.life);
    if (kind === 'power') this.disk.losePower(this.parts.chance);
    if (this.options.forgetful === true) void this.forget();
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
    const { scheduler, network, chance, checkers, genesis, say } = this.parts;
    const { settings, skewMs, brokenRule } = this.options;
    const time = new DiskTime(scheduler, life, chance.fork());
    const files = new TimedFiles(this.disk.files, time);
    const signer = await FileSigner.open(files, KEY_PATH, STATE_PATH, { lock: NO_LOCK });
    const wal = await Wal.open(files, WAL_PATH);
    this.watch(signer, life);
    const transport = new SimTransport(network, this.name, life);
    this.transport = transport;
    const node = await Node.open(
      {
        clock: new VirtualClock(scheduler, life, skewMs),
        random: chance.fork(),
        kv: new TimedKeyValue(this.disk.kv, time),
        wal,
        transport,
        verifier: new InlineVerifier(),
        logger: this.logger(),
        signer,
        onFatal: this.parts.fail,
      },
      genesis,
      settings,
      brokenRule === undefined ? {} : { brokenRule },
    );
    const { height } = node.chain.state;
    say(this.name, `boot at ${height}, log of ${wal.records.length}${wal.tornBytes > 0 ? ', torn' : ''}`);
    checkers.booted(this.name, height);
    node.events.subscribe((event) => {
      if (event.kind !== 'block') return;
      const { block, blockId, results } = event;
      const applied = { machine: this.name, height: results.height, block, blockId, appHash: results.appHash };
      this.parts.onApplied(applied, node);
    });
    await node.start();
    this.node = node;
  }

  /** Tells the checkers of every signature that leaves this key. */
  private watch(signer: FileSigner, life: Life): void {
    const { checkers, say, fail } = this.parts;
    const note = (place: string, value: string): void => {
      if (!life.alive) return;
      say(this.name, `sign ${place} ${toHex(new TextEncoder().encode(value)).slice(-8)}`);
      try {
        checkers.signedBy(this.name, place, value);
      } catch (error) {
        fail(error);
      }
    };
    const { signVote, signProposal } = signer;
    signer.signVote = async (chainId, vote) => {
      const signed = await signVote.call(signer, chainId, vote);
      note(`${vote.height}/${vote.round}/${vote.type}`, blockIdKey(vote.blockId));
      return signed;
    };
    signer.signProposal = async (chainId, proposal) => {
      const signed = await signProposal.call(signer, chainId, proposal);
      note(`${proposal.height}/${proposal.round}/proposal`, `${proposal.polRound}/${blockIdKey(proposal.blockId)}`);
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
