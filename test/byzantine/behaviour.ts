import type { Ed25519KeyPair } from '#crypto/ed25519.ts';
import type { MessageLimits } from '#network/limits.ts';
import type { Message, Request } from '#network/messages.ts';
import type { Clock } from '#ports/clock.ts';
import type { Random } from '#ports/random.ts';
import type { PeerId, Topic, Transport } from '#ports/transport.ts';
import type { FileSigner, SignBytes } from '#signer/signer.ts';
import type { Plot } from './plot.ts';
import type { Rig } from './rig.ts';

/** What a byzantine machine is real up to: the node between these ports is an honest one and does not know. */
export interface ByzantinePorts {
  readonly transport: Transport;
  readonly signer: FileSigner;
}

/** What a behaviour may use. */
export interface ByzantineMeans {
  /** The machine's validator key: a behaviour signs whatever it likes with it, and keeps no record. */
  readonly key: Ed25519KeyPair;
  readonly chainId: string;
  /** How the key signs: Ed25519 if absent. */
  readonly signBytes?: SignBytes;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: MessageLimits;
  /** Shared by machines that work together; its own where absent. */
  readonly plot?: Plot;
  /** Told of every misdeed, so that a test can see that there were any. */
  readonly note?: (deed: string) => void;
}

/** Hooks between a node and the others. What is left out stays as honest as the node inside. */
export interface Behaviour {
  /** What a peer gets instead of a message of the node. */
  outgoing?(peer: PeerId, message: Message): readonly Message[];
  /** False: the node never sees it. */
  incoming?(peer: PeerId, message: Message): boolean;
  /** The answer to a peer's request; `honest` asks the node inside. */
  answer?(peer: PeerId, request: Request, honest: () => Promise<Uint8Array>): Promise<Uint8Array>;
  /** What was gossiped to the node. */
  gossiped?(topic: Topic, bytes: Uint8Array): void;
  /** False: what the node publishes does not leave. */
  publishing?(topic: Topic, bytes: Uint8Array): boolean;
  /** Called again and again while the node runs. */
  tick?(): void;
}

export interface BehaviourKind {
  /** Which promise it tries to break. */
  readonly attacks: string;
  /** The rule, and the row of the regressions list where there is one, that holds against it. */
  readonly defence: string;
  /** The signer keeps no record; a machine of the simulator also loses its log at each crash. */
  readonly forgetful?: boolean;
  /** The node inside hears what others say in its name. */
  readonly seesItself?: boolean;
  create(rig: Rig): Behaviour;
}
