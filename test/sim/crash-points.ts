import { accusationOf } from './adversaries/accusation.ts';
import { simGenesis } from './chain/genesis.ts';
import { Violation } from './checkers/checkers.ts';
import { CRASH_POINTS, type CrashPoint } from './disk/disk-points.ts';
import type { DiskBreak } from './disk/disk-port.ts';
import type { CrashKind, Machine } from './machine/machine.ts';
import type { Chance } from './time/chance.ts';
import type { SimResult, WorldControls } from './world/sim-options.ts';
import { World } from './world/world.ts';

const NODES = 4;
/** Heights before the crash, and after the restart. */
const HEIGHTS_BEFORE = 2;
const HEIGHTS_AFTER = 2;
/** Milliseconds in which a point is reached, and in which the network must go on afterwards. */
const REACH_WITHIN_MS = 20_000;
const RECOVER_WITHIN_MS = 30_000;
/** Evidence is written at once, or not at all where it is known. */
const ACCUSED_WITHIN_MS = 500;
const DOWN_MS = [0, 1_500] as const;
/** A busy point is passed this often at most before the crash. */
const PASSED_MAX = 6;
/** Share of runs in which the machine dies at the same point again after its restart. */
const TWICE = 0.25;
/** Logs that are started anew at each height, and logs that never are. */
const WAL_ROTATE_BYTES = [0, 16 * 1024 * 1024];
/** Passed once in a start, or once in a life. */
const RARE = /^(genesis|evidence|start|signer: lock|log: cop)/;
/** Need a start that finds a log. */
const STARTING = /^(start|signer: lock|log: cop)/;

export interface CrashRun {
  readonly point: CrashPoint;
  readonly seed: number;
  /** Whether the point was reached. */
  readonly isHit: boolean;
  readonly result: SimResult;
}

/** One network in which a machine, or all of them, die exactly at the point, and start again without help. */
export async function runCrashPoint(
  point: CrashPoint,
  seed: number,
  sink?: (line: string) => void,
  brokenRule?: DiskBreak,
): Promise<CrashRun> {
  let isHit = false;
  const script = async (controls: WorldControls): Promise<void> => {
    const story = new CrashStory(point, seed, controls);
    await story.play();
    isHit = story.isHit;
  };
  const world = new World({
    seed: seed * CRASH_POINTS.length + CRASH_POINTS.indexOf(point),
    nodes: NODES,
    heights: 0,
    changing: false,
    walRotateBytes: rotateBytes(point, seed),
    script,
    ...(brokenRule === undefined ? {} : { brokenRule }),
    // Somebody must be guilty of what is brought.
    ...(point.startsWith('evidence') ? { byzantine: ['equivocating-voter' as const] } : {}),
    ...(sink === undefined ? {} : { sink }),
  });
  return { point, seed, result: await world.run(), isHit };
}

/** Segments come and go only where logs are started anew. */
function rotateBytes(point: CrashPoint, seed: number): number {
  if (/^log: (old )?segment/.test(point)) return 0;
  return WAL_ROTATE_BYTES[seed % WAL_ROTATE_BYTES.length] as number;
}

class CrashStory {
  isHit = false;
  private readonly point: CrashPoint;
  private readonly controls: WorldControls;
  private readonly chance: Chance;
  private readonly victim: Machine;
  /** Seeds take turns: a killed process, a power cut, and the same of all machines at this moment. */
  private readonly kind: CrashKind;
  private readonly struck: readonly Machine[];
  private armed: CrashPoint | undefined;
  private passes = 0;

  constructor(point: CrashPoint, seed: number, controls: WorldControls) {
    this.point = point;
    this.controls = controls;
    this.chance = controls.chance.fork();
    // The last machine is the one that is accused.
    this.victim = this.chance.pick(point.startsWith('evidence') ? controls.machines.slice(0, -1) : controls.machines);
    this.kind = seed % 2 === 0 ? 'power' : 'kill';
    this.struck = seed % 4 < 2 ? [this.victim] : controls.machines;
  }

  async play(): Promise<void> {
    const { machines } = this.controls;
    this.victim.atPoint = (point) => this.reached(point);
    if (this.beginsAtOnce()) this.arm(this.point);
    for (const machine of machines) machine.boot();
    if (this.armed === undefined) {
      // The guilty one is found out by the others soon: what a client brings then is no news.
      await this.reach(this.isOfEvidence ? 1 : HEIGHTS_BEFORE);
      if (STARTING.test(this.point)) await this.dieOnce(this.chance.chance(0.5) ? 'log: append torn' : undefined);
      this.arm(this.point);
    }
    const times = this.chance.chance(TWICE) ? 2 : 1;
    for (let time = 0; time < times; time++) {
      if (time > 0) this.arm(this.point);
      for (const machine of machines) machine.boot();
      if (this.isOfEvidence) await this.accuse();
      if (!(await this.struckIn(this.isOfEvidence ? ACCUSED_WITHIN_MS : REACH_WITHIN_MS))) break;
      this.isHit = true;
      await this.stayDown();
    }
    this.armed = undefined;
    for (const machine of machines) machine.boot();
    await this.reach(this.controls.checkers.highest + HEIGHTS_AFTER);
  }

  private get isOfEvidence(): boolean {
    return this.point.startsWith('evidence');
  }

  /** What happens at the first start of a machine only, or can happen there too. */
  private beginsAtOnce(): boolean {
    if (this.point.startsWith('genesis')) return true;
    return /^(log: segment|log: append|signer: lock|start)/.test(this.point) && this.chance.chance(0.2);
  }

  private arm(point: CrashPoint): void {
    this.armed = point;
    this.passes = RARE.test(point) ? 0 : this.chance.below(PASSED_MAX);
  }

  private reached(point: CrashPoint): void {
    if (point !== this.armed || this.passes-- > 0) return;
    this.armed = undefined;
    this.strike(point === this.point ? this.kind : 'kill', point === this.point ? this.struck : [this.victim]);
  }

  private strike(kind: CrashKind, machines: readonly Machine[]): void {
    for (const machine of machines) machine.crash(kind);
  }

  /** A client brings evidence; it never hears of it, if the node dies. */
  private async accuse(): Promise<void> {
    await this.controls.runUntil(REACH_WITHIN_MS, () => this.victim.node !== undefined);
    const key = simGenesis(NODES).keys.at(-1);
    const { node } = this.victim;
    if (node === undefined || key === undefined) return;
    node.evidence.add(await accusationOf(node, key)).catch(this.controls.fail);
  }

  /** A crash that the point needs to have happened before; the restart follows. */
  private async dieOnce(at: CrashPoint | undefined): Promise<void> {
    if (at === undefined) {
      this.strike('kill', [this.victim]);
    } else {
      this.arm(at);
      await this.struckIn(REACH_WITHIN_MS);
    }
    await this.stayDown();
  }

  private struckIn(withinMs: number): Promise<boolean> {
    return this.controls.runUntil(withinMs, () => this.armed === undefined);
  }

  private async stayDown(): Promise<void> {
    await this.controls.runUntil(this.chance.between(...DOWN_MS), () => false);
  }

  private async reach(height: number): Promise<void> {
    const { machines, runUntil, fail } = this.controls;
    const isThere = (): boolean => machines.every((machine) => machine.height >= height);
    if (await runUntil(RECOVER_WITHIN_MS, isThere)) return;
    const heights = machines.map((machine) => `${machine.name} ${machine.height}`).join(', ');
    fail(new Violation('liveness', `no height ${height} on all within ${RECOVER_WITHIN_MS} ms: ${heights}`));
  }
}

export interface CrashPointOptions {
  readonly seeds: number;
  readonly firstSeed: number;
  /** All of them if absent. */
  readonly only?: string | undefined;
  readonly trace: boolean;
  readonly print: (line: string) => void;
}

/** Runs every point with every seed and prints a table. False when a promise was broken or a point never reached. */
export async function runCrashPoints({ seeds, firstSeed, only, trace, print }: CrashPointOptions): Promise<boolean> {
  const points = CRASH_POINTS.filter((point) => only === undefined || point === only);
  let failed = points.length === 0 ? 1 : 0;
  if (points.length === 0) print(`no point has the name ${only}; the names: ${CRASH_POINTS.join('; ')}`);
  const width = Math.max(...CRASH_POINTS.map(({ length }) => length));
  print(`${'point'.padEnd(width)}  hits  ok`);
  for (const point of points) {
    let hits = 0;
    let kept = 0;
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const run = await runCrashPoint(point, seed, trace ? print : undefined);
      if (run.isHit) hits++;
      if (run.result.failure === undefined) kept++;
      else report(run, trace, print);
    }
    if (kept < seeds || hits === 0) failed++;
    print(
      `${point.padEnd(width)}  ${String(hits).padStart(4)}  ${String(kept).padStart(2)}${hits === 0 ? '  NEVER REACHED' : ''}`,
    );
  }
  print(`${points.length} points, ${seeds} seeds each, ${failed} failed`);
  return failed === 0;
}

function report({ point, seed, result }: CrashRun, trace: boolean, print: (line: string) => void): void {
  if (!trace) for (const line of result.tail) print(line);
  print(result.failure?.stack ?? '');
  print(`replay: npm run sim -- --crash-points --point "${point}" --seed ${seed} --trace`);
}
