import type { Ed25519KeyPair } from '#crypto/ed25519.ts';
import type { NodeOverrides } from '#node/overrides.ts';
import type { Genesis } from '#types/genesis.ts';
import type { ValidatorSet } from '#types/validator-set.ts';
import type { BehaviourName } from '../../byzantine/registry.ts';
import type { Wallet } from '../../unit/app/support.ts';
import { Conspiracy, chooseBehaviours, choosePlot } from '../adversaries/byzantine.ts';
import { genesisValidators, simGenesis } from '../chain/genesis.ts';
import { type Signatures, signaturesOf } from '../chain/signatures.ts';
import { changingValidators } from '../chain/validator-changes.ts';
import { isDiskBreak } from '../disk/disk-port.ts';
import { Chance } from '../time/chance.ts';
import type { Coverage } from './coverage.ts';
import { isOrdinary, type SimOptions } from './sim-options.ts';

/** Clocks of honest machines differ by this much at most. */
const SKEW_MS = 500;
/** Share of runs in which one machine's clock is off by minutes. */
const WRONG_CLOCK = 0.3;
const WRONG_CLOCKS_MS = [-600_000, 600_000];
/** Most blocks come at once or soon; a longer pause leaves time for what is late. */
const EMPTY_BLOCK_INTERVALS_MS = [20, 100, 400];
/** Lengths at which logs are started anew: at each height, every few, or practically never. */
const WAL_ROTATE_BYTES = [0, 10_000, 100_000, 16 * 1024 * 1024];
/** Share of seeds whose validators change, and machines that stand by to join. */
const CHANGING = 0.25;
const STANDBY = 2;
/** Keeps this choice apart from all others of a seed. */
const SEED_OF_CHANGES = 0x2545f491;

export interface Seat {
  readonly name: string;
  readonly key: Ed25519KeyPair;
}

/** What is settled before anything happens: who takes part, with which keys and rules. */
export interface Setting {
  readonly genesis: Genesis;
  /** Of the genesis. */
  readonly validators: ValidatorSet;
  readonly wallets: readonly Wallet[];
  readonly signatures: Signatures;
  /** Of all machines, in their order: validators, those that stand by, twins. */
  readonly seats: readonly Seat[];
  /** Byzantine machines by name, without the twins that some of them bring. */
  readonly members: ReadonlyMap<string, BehaviourName>;
  readonly conspiracy: Conspiracy;
  readonly overrides: NodeOverrides;
  readonly walRotateBytes: number;
  /** The first machine's clock is far off. */
  readonly hasWrongClock: boolean;
  /** Machines that may have damaged data at one time, beside all others that are as good as absent. */
  readonly damagedMax: number;
}

export function chooseSetting(options: SimOptions, chance: Chance, coverage: Coverage): Setting {
  const { seed, nodes } = options;
  const changing = isChanging(options);
  const interval = chance.pick(EMPTY_BLOCK_INTERVALS_MS);
  const { genesis, keys, wallets } = simGenesis(nodes, changing ? STANDBY : 0, interval);
  const walRotateBytes = options.walRotateBytes ?? chance.pick(WAL_ROTATE_BYTES);
  const members = membersOf(options);
  const conspiracy = new Conspiracy(members, coverage, plotOf(options));
  // Machines that may be as good as absent: a decision needs the others.
  const spare = changing ? 0 : Math.floor((nodes - 1) / 3) - members.size;
  const hasWrongClock = spare > 0 && isOrdinary(options) && chance.chance(WRONG_CLOCK);
  const seats = keys.map((key, index) => ({ name: nameOf(index), key }));
  return {
    genesis,
    validators: genesisValidators(keys.slice(0, nodes)),
    wallets,
    signatures: signaturesOf(seed, keys),
    seats: [...seats, ...conspiracy.twinsOf(seats)],
    members,
    conspiracy,
    overrides: overridesOf(options, changing, keys, conspiracy),
    walRotateBytes,
    hasWrongClock,
    damagedMax: spare - (hasWrongClock ? 1 : 0),
  };
}

/** The first machine's clock may be far off, the others' are not. */
export function chooseSkew(index: number, isFirstWrong: boolean, chance: Chance, coverage: Coverage): number {
  const skewMs = chance.between(-SKEW_MS, SKEW_MS);
  if (index > 0 || !isFirstWrong) return skewMs;
  coverage.hit('clock skew');
  return chance.pick(WRONG_CLOCKS_MS);
}

function nameOf(index: number): string {
  return `n${index}`;
}

/** The last machines, one behaviour each. Where a test breaks something else, all are honest unless it says so. */
function membersOf(options: SimOptions): ReadonlyMap<string, BehaviourName> {
  const { seed, nodes } = options;
  const chosen = options.byzantine ?? (isOrdinary(options) ? chooseBehaviours(seed, nodes) : []);
  return new Map(chosen.map((behaviour, index) => [nameOf(nodes - 1 - index), behaviour]));
}

function plotOf({ byzantine, seed }: SimOptions) {
  return byzantine === undefined ? choosePlot(seed) : {};
}

function isChanging(options: SimOptions): boolean {
  if (options.changing !== undefined) return options.changing;
  return isOrdinary(options) && new Chance(options.seed ^ SEED_OF_CHANGES).chance(CHANGING);
}

function overridesOf(
  { seed, nodes, brokenRule, unguardedKeys }: SimOptions,
  changing: boolean,
  keys: readonly Ed25519KeyPair[],
  conspiracy: Conspiracy,
): NodeOverrides {
  const pool = keys.map(({ publicKey }) => ({ type: 'ed25519' as const, bytes: publicKey }));
  const fixed = pool.filter((_, index) => index < nodes && conspiracy.has(nameOf(index)));
  return {
    ...(unguardedKeys === true ? { unguardedKey: true } : {}),
    ...(brokenRule === undefined || isDiskBreak(brokenRule) ? {} : { brokenRule }),
    ...(changing ? { wrapApp: changingValidators({ seed, pool, fixed }) } : {}),
  };
}
