import { Backups } from '../disk/database-copy.ts';
import { FAIR_WEATHER } from '../network/network.ts';
import type { FaultName } from '../world/coverage.ts';
import { backUpSome, restoreFaults } from './of-backups.ts';
import { diskFaults } from './of-disks.ts';
import { emptyingFaults } from './of-emptying.ts';
import { flicker, linkFaults } from './of-links.ts';
import { crashes, machineFaults } from './of-machines.ts';
import { roundFaults } from './of-rounds.ts';
import { type FaultParts, type FaultTable, Spell } from './spell.ts';

/** Faults of one spell, for four machines: a single one, up to a hail of them. */
const SPELL_FAULTS = [1, 2, 3, 5, 8, 16];
const MACHINES_OF_A_FAULT = 4;
/** Between two faults. Milliseconds. */
const NEXT_MS = [100, 2_500] as const;
/** Draws in which the disk's own faults take part: they are many, and all else must happen too. */
const DISK_SHARE = 0.4;

/** Breaks things at random until told to heal. */
export class Faults {
  private readonly parts: FaultParts;
  private readonly spell: Spell;
  private readonly backups = new Backups();
  private left = 0;

  constructor(parts: FaultParts) {
    this.parts = parts;
    this.spell = new Spell(parts);
  }

  /** Begins a spell of this many faults. */
  begin(): number {
    this.spell.life = { alive: true };
    const { chance, machines } = this.parts;
    this.left = Math.ceil((chance.pick(SPELL_FAULTS) * machines.length) / MACHINES_OF_A_FAULT);
    const faults = this.left;
    backUpSome(this.spell, this.backups);
    if (this.spell.isStormy) flicker(this.spell);
    if (this.parts.stormy !== true) this.next();
    return faults;
  }

  /** All faults of the spell have happened, and the last one had some time. A storm lasts until it is healed. */
  get isSpent(): boolean {
    return this.left < 0 && !this.spell.isStormy && this.parts.scheduler.nowMs >= this.spell.untilMs;
  }

  /** Everything is up again, and nothing is lost any more. */
  heal(): void {
    this.spell.life.alive = false;
    const { network, machines, say } = this.parts;
    network.weather = { ...FAIR_WEATHER };
    network.cuts.clear();
    network.losses.clear();
    network.latency = undefined;
    say('world', 'heal');
    // A machine that was told to stop and has not finished is killed: it must come up from that as well.
    for (const machine of machines) {
      machine.repairDisk();
      machine.spare();
      if (machine.isUp && machine.node === undefined) machine.crash('kill');
      machine.boot();
    }
  }

  private next(): void {
    const { scheduler, chance, coverage } = this.parts;
    scheduler.after(this.spell.scale * chance.between(...NEXT_MS), this.spell.life, () => {
      if (this.left-- <= 0) return;
      const [name, fault] = chance.pick(Object.entries(this.table()) as [FaultName, () => void][]);
      coverage.hit(name);
      fault();
      this.next();
    });
  }

  /** Drawn anew for each fault: which machine, and whether a disk may be hit. */
  private table(): FaultTable {
    return {
      ...crashes(this.spell),
      ...linkFaults(this.spell),
      ...machineFaults(this.spell),
      ...roundFaults(this.spell),
      ...(this.parts.chance.chance(DISK_SHARE) ? diskFaults(this.spell) : {}),
      ...restoreFaults(this.spell, this.backups),
      ...emptyingFaults(this.spell),
    };
  }
}
