import type { Ed25519KeyPair } from '#crypto/ed25519.ts';
import { signEd25519 } from '#crypto/ed25519.ts';
import { InlineVerifier } from '#crypto/verifier.ts';
import { NetworkError } from '#network/errors.ts';
import { decodeMessage, encodeMessage } from '#network/message-codec.ts';
import type { Message } from '#network/messages.ts';
import { initializeChain } from '#node/database.ts';
import { Node } from '#node/node.ts';
import type { PeerId, PeerInfo, StreamClass, Transport, TransportHandlers } from '#ports/transport.ts';
import { NO_LOCK } from '#signer/key-lock.ts';
import { createSignerFiles, FileSigner } from '#signer/signer.ts';
import { BlockStore } from '#storage/block-store.ts';
import { MemoryKeyValue } from '#storage/memory.ts';
import { type FileStep, MemoryFiles } from '#storage/memory-files.ts';
import { Wal } from '#storage/wal.ts';
import { SILENT_LOGGER } from '#telemetry/logger.ts';
import { type Proposal, proposalSignBytes, type UnsignedProposal } from '#types/proposal.ts';
import { type UnsignedVote, type Vote, voteSignBytes } from '#types/vote.ts';
import { simGenesis } from '../../sim/chain/genesis.ts';
import { SIM_SETTINGS } from '../../sim/chain/settings.ts';
import { Chance } from '../../sim/time/chance.ts';
import { VirtualClock } from '../../sim/time/clock.ts';
import { Scheduler, settle } from '../../sim/time/scheduler.ts';

const LIMITS = { maxBlockBytes: 22_020_096, maxTxBytes: 1_048_576 };

/** Peers that say what a test has them say, and keep what they are told. */
export class FakeTransport implements Transport {
  readonly self = 'self';
  handlers: TransportHandlers | undefined;
  readonly sent: { readonly peer: PeerId; readonly message: Message }[] = [];
  readonly punished: { readonly peer: PeerId; readonly reason: string }[] = [];
  readonly connected = new Map<PeerId, PeerInfo>();

  async start(handlers: TransportHandlers): Promise<void> {
    this.handlers = handlers;
  }

  connect(peer: PeerId): void {
    const info = { id: peer, address: '/fake', outbound: true, connectedAtMs: 0 };
    this.connected.set(peer, info);
    this.handlers?.peerConnected(info);
  }

  receive(peer: PeerId, message: Message): void {
    this.handlers?.frame(peer, 'consensus', encodeMessage(message));
  }

  sentOf<Kind extends Message['kind']>(kind: Kind): Extract<Message, { kind: Kind }>[] {
    return this.sent.flatMap(({ message }) =>
      message.kind === kind ? [message as Extract<Message, { kind: Kind }>] : [],
    );
  }

  async stop(): Promise<void> {
    this.handlers = undefined;
  }

  addresses(): readonly string[] {
    return [];
  }

  peers(): readonly PeerInfo[] {
    return [...this.connected.values()];
  }

  send(peer: PeerId, _stream: StreamClass, bytes: Uint8Array): boolean {
    // Decoding is the receiver's check: whatever this node sends must be within everybody's limits.
    this.sent.push({ peer, message: decodeMessage(bytes, LIMITS) });
    return true;
  }

  request(_peer: PeerId, _bytes: Uint8Array, _timeoutMs: number): Promise<Uint8Array> {
    return Promise.reject(new NetworkError('timeout', 'nobody answers here'));
  }

  publish(): void {}

  penalize(peer: PeerId, _points: number, reason: string): void {
    this.punished.push({ peer, reason });
  }

  ban(peer: PeerId, _durationMs: number, reason: string): void {
    this.punished.push({ peer, reason });
  }
}

/** What was done, in order: steps on files, batches, signatures. */
export type Deed = string;

/** A real node, alone with a test: one of `nodes` validators. */
export class NodeBench {
  readonly deeds: Deed[] = [];
  readonly scheduler = new Scheduler();
  readonly transport = new FakeTransport();
  readonly keys: readonly Ed25519KeyPair[];
  readonly genesis;
  readonly fatal: unknown[] = [];
  files: MemoryFiles;
  kv = new MemoryKeyValue();
  private opened: Node | undefined;

  constructor(nodes: number) {
    const { genesis, keys } = simGenesis(nodes);
    this.genesis = genesis;
    this.keys = keys;
    this.files = new MemoryFiles({ beforeStep: (step, path) => this.note(step, path) });
  }

  get node(): Node {
    if (this.opened === undefined) throw new Error('start first');
    return this.opened;
  }

  get started(): boolean {
    return this.opened !== undefined;
  }

  async install(): Promise<this> {
    await createSignerFiles(this.files, 'key', 'state', this.keys[0] as Ed25519KeyPair);
    await initializeChain(this.kv, this.genesis, await BlockStore.open(this.kv));
    this.deeds.length = 0;
    return this;
  }

  async start(): Promise<void> {
    const { length } = this.deeds;
    const signer = await FileSigner.open(this.files, 'key', 'state', { lock: NO_LOCK });
    // Opening writes the record again and signs nothing.
    this.deeds.length = length;
    this.opened = await Node.open(
      {
        clock: new VirtualClock(this.scheduler, { alive: true }, { ms: 0 }),
        random: new Chance(1),
        kv: this.watched(),
        wal: await Wal.open(this.files, 'wal'),
        transport: this.transport,
        verifier: new InlineVerifier(),
        logger: SILENT_LOGGER,
        signer,
        onFatal: (error) => void this.fatal.push(error),
      },
      this.genesis,
      SIM_SETTINGS,
    );
    await this.opened.start();
    await settle();
  }

  /** Lets virtual time pass. */
  async run(ms: number, done: () => boolean = () => false): Promise<void> {
    const endMs = this.scheduler.nowMs + ms;
    while (!done() && this.scheduler.nowMs < endMs && (await this.scheduler.step()));
  }

  /** A vote of validator `index` of this bench's keys. */
  vote(key: Ed25519KeyPair, vote: UnsignedVote): Vote {
    return { ...vote, signature: signEd25519(key.privateKey, voteSignBytes(this.genesis.chainId, vote)) };
  }

  proposal(key: Ed25519KeyPair, proposal: UnsignedProposal): Proposal {
    return { ...proposal, signature: signEd25519(key.privateKey, proposalSignBytes(this.genesis.chainId, proposal)) };
  }

  private note(step: FileStep, path: string): void {
    if (path.startsWith('wal')) this.deeds.push(`log ${step}`);
    else if (path === 'state' && step === 'write') this.deeds.push('sign');
  }

  private watched(): MemoryKeyValue {
    const { kv, deeds } = this;
    return new Proxy(kv, {
      get: (target, name) => {
        if (name === 'close') return async () => undefined;
        if (name !== 'batch') {
          const value = Reflect.get(target, name) as unknown;
          return typeof value === 'function' ? value.bind(target) : value;
        }
        return () => {
          const batch = target.batch();
          const write = batch.write.bind(batch);
          batch.write = async (options) => {
            await write(options);
            deeds.push(options.sync ? 'batch synced' : 'batch');
          };
          return batch;
        };
      },
    });
  }
}
