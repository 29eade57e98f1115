import { validatorAddress } from '#crypto/address.ts';
import type { Ed25519KeyPair } from '#crypto/ed25519.ts';
import { accusedBy } from '#evidence/evidence.ts';
import { DEFAULT_MAX_BLOCK_BYTES } from '#network/limits.ts';
import type { Clock } from '#ports/clock.ts';
import type { SignBytes } from '#signer/signer.ts';
import { toHex } from '#util/bytes.ts';
import type { ByzantinePorts } from '../../byzantine/behaviour.ts';
import { Plot, type PlotOptions } from '../../byzantine/plot.ts';
import { BEHAVIOUR_NAMES, BEHAVIOURS, type BehaviourName } from '../../byzantine/registry.ts';
import { wrapByzantine } from '../../byzantine/wrap.ts';
import { CHAIN_ID } from '../chain/genesis.ts';
import { SIM_SETTINGS } from '../chain/settings.ts';
import { type Applied, Violation } from '../checkers/checkers.ts';
import { Chance } from '../time/chance.ts';
import type { Coverage } from '../world/coverage.ts';

/** Of seeds that do not say who is byzantine: in this share somebody is. */
const SHARE = 0.4;
/** Behind the name of the machine whose key it has. */
const TWIN = 't';
/** Keeps this choice apart from all others of a seed. */
const SEED_OF_CHOICE = 0x5bd1e995;
const SEED_OF_PLOT = 0x1b873593;

const LIMITS = { maxBlockBytes: DEFAULT_MAX_BLOCK_BYTES, maxTxBytes: SIM_SETTINGS.mempool.maxTxBytes };

/** What a machine needs to know of its being byzantine. */
export interface MachineBehaviour {
  readonly name: BehaviourName;
  /** Loses its log and its signing record at every crash. */
  readonly forgetful: boolean;
  wrap(ports: ByzantinePorts, clock: Clock, chance: Chance): ByzantinePorts;
}

/** Machines that can lie at once: f of n. */
export function byzantineMax(nodes: number): number {
  return Math.floor((nodes - 1) / 3);
}

/** Who is byzantine in a seed, and how: the last machines, one behaviour each. */
export function chooseBehaviours(seed: number, nodes: number): readonly BehaviourName[] {
  const chance = new Chance(seed ^ SEED_OF_CHOICE);
  if (!chance.chance(SHARE)) return [];
  return Array.from({ length: 1 + chance.below(byzantineMax(nodes)) }, () => chance.pick(BEHAVIOUR_NAMES));
}

/** Some are at it always and soon punished, some wait for a height that happens to be a bad one. */
export function choosePlot(seed: number): PlotOptions {
  const chance = new Chance(seed ^ SEED_OF_PLOT);
  return { share: chance.pick([1, 0.3, 0.1]), salt: chance.below(2 ** 32) };
}

/** The byzantine machines of a world: who they are, what they did, and what it cost them. */
export class Conspiracy {
  /** `behaviour: deed`, how often. */
  readonly deeds = new Map<string, number>();
  /** `behaviour: offence`, how often honest machines punished it. */
  readonly punishments = new Map<string, number>();
  private readonly plot: Plot;
  /** Addresses of the members' keys. */
  private readonly guilty = new Set<string>();
  private readonly members: ReadonlyMap<string, BehaviourName>;
  private readonly coverage: Coverage;

  constructor(members: ReadonlyMap<string, BehaviourName>, coverage: Coverage, plot: PlotOptions = {}) {
    this.plot = new Plot(plot);
    const twins = [...members].flatMap(([name, behaviour]) =>
      behaviour === 'twin' ? [[`${name}${TWIN}`, behaviour] as const] : [],
    );
    this.members = new Map([...members, ...twins]);
    this.coverage = coverage;
  }

  has(machine: string): boolean {
    return this.members.has(machine);
  }

  /** Some member behaves so. */
  includes(behaviour: BehaviourName): boolean {
    return [...this.members.values()].includes(behaviour);
  }

  /** Machines that run beside those whose keys they have. */
  twinsOf<Seat extends { readonly name: string }>(seats: readonly Seat[]): Seat[] {
    return seats
      .filter(({ name }) => this.members.get(name) === 'twin')
      .map((seat) => ({ ...seat, name: `${seat.name}${TWIN}` }));
  }

  /** What no honest validator votes for is never decided. */
  checkDecided({ machine, height, blockId }: Applied): void {
    if (this.plot.isInvalid(blockId))
      throw new Violation('validity', `${machine} applied an invalid block at height ${height}`);
  }

  /** Whoever is punished did it. */
  checkAccused({ machine, height, block }: Applied): void {
    for (const { address } of block.evidence.flatMap(accusedBy)) {
      if (!this.guilty.has(toHex(address)))
        throw new Violation('innocent', `${machine} applied evidence against ${toHex(address)} at height ${height}`);
    }
  }

  punished(machine: string, offence: string): void {
    count(this.punishments, `${this.members.get(machine)}: ${offence}`);
  }

  behaviour(machine: string, key: Ed25519KeyPair, signBytes: SignBytes): MachineBehaviour | undefined {
    const name = this.members.get(machine);
    if (name === undefined) return undefined;
    this.guilty.add(toHex(validatorAddress({ type: 'ed25519', bytes: key.publicKey })));
    const note = (deed: string): void => {
      count(this.deeds, `${name}: ${deed}`);
      this.coverage.hit(`byzantine ${name}`);
    };
    const fixed = { key, signBytes, chainId: CHAIN_ID, limits: LIMITS, plot: this.plot, note };
    return {
      name,
      forgetful: BEHAVIOURS[name].forgetful === true,
      wrap: (ports, clock, random) => wrapByzantine(name, ports, { ...fixed, clock, random }),
    };
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
