import type { Ed25519KeyPair } from '#crypto/ed25519.ts';
import type { Node } from '#node/node.ts';
import type { NodeOverrides } from '#node/overrides.ts';
import type { NodeSettings } from '#node/settings.ts';
import type { Genesis } from '#types/genesis.ts';
import type { MachineBehaviour } from '../adversaries/byzantine.ts';
import type { Signatures } from '../chain/signatures.ts';
import type { Applied, Checkers } from '../checkers/checkers.ts';
import type { Durability } from '../checkers/durability.ts';
import type { DiskBreak } from '../disk/disk-port.ts';
import type { SimNetwork } from '../network/network.ts';
import type { Chance } from '../time/chance.ts';
import type { Scheduler } from '../time/scheduler.ts';
import type { Coverage } from '../world/coverage.ts';

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

/** Keeps its promises about its disk, whatever the disk does. */
export function isWatched({ forgetful, behaviour }: MachineOptions): boolean {
  return forgetful !== true && behaviour === undefined;
}

/** Broken machines must do harm: a node that looks after its key would refuse to start, or fall silent. */
export function isHonest(options: MachineOptions): boolean {
  return isWatched(options) && options.brokenDisk === undefined;
}
