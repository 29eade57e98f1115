import { parseArgs } from 'node:util';
import { BEHAVIOUR_NAMES, type BehaviourName, isBehaviourName } from '../../byzantine/registry.ts';
import { CONTROL_NAMES, type ControlName, controlOptions, isControlName } from '../controls.ts';
import { Chance } from '../time/chance.ts';
import type { SimOptions } from '../world/sim-options.ts';

/** Sizes of networks that `--nodes mix` draws from, with their weights: small ones are quick and break as well. */
const MIX = [
  { nodes: 4, weight: 6 },
  { nodes: 7, weight: 3 },
  { nodes: 10, weight: 1 },
] as const;
/** Keeps the draw of a size apart from all else that a seed decides. */
const SEED_OF_SIZE = 0x5bd1e995;

export interface CommandLine {
  /** The one seed of `--seed`, or the first of several. */
  readonly firstSeed: number;
  readonly seeds: number;
  /** `--seed` was given. */
  readonly single: boolean;
  readonly jobs: number | undefined;
  readonly json: boolean;
  readonly summary: string | undefined;
  readonly render: string | undefined;
  /** `--render` without a word about seeds runs none. */
  readonly renderOnly: boolean;
  readonly crashPoints: boolean;
  readonly point: string | undefined;
  readonly run: RunOptions;
}

/** What a run depends on beside its seed; plain data, so that it can be sent to other processes. */
export interface RunOptions {
  readonly heights: number;
  readonly nodes: number | 'mix';
  readonly trace: boolean;
  readonly log: string;
  /** Also brings the setting that shows it. */
  readonly brokenRule: ControlName | undefined;
  readonly stormy: boolean | undefined;
  readonly forgetful: boolean;
  readonly byzantine: readonly BehaviourName[] | undefined;
}

const DEFAULT_SEEDS = '20';

const OPTIONS = {
  seeds: { type: 'string' },
  'first-seed': { type: 'string', default: '1' },
  seed: { type: 'string' },
  heights: { type: 'string', default: '30' },
  nodes: { type: 'string', default: '4' },
  jobs: { type: 'string' },
  json: { type: 'boolean', default: false },
  summary: { type: 'string' },
  render: { type: 'string' },
  trace: { type: 'boolean', default: false },
  log: { type: 'string', default: 'warn' },
  'broken-rule': { type: 'string' },
  stormy: { type: 'boolean' },
  byzantine: { type: 'string' },
  forgetful: { type: 'boolean', default: false },
  'crash-points': { type: 'boolean', default: false },
  point: { type: 'string' },
} as const;

/** Throws a RangeError or a TypeError that says in one line what is wrong. */
export function readCommandLine(args: readonly string[]): CommandLine {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  const single = values.seed !== undefined;
  if (values.render !== undefined && values.summary === undefined)
    throw new RangeError('--render PAGE: expected --summary FILE, whose parts it shows');
  return {
    firstSeed: count('seed', values.seed ?? values['first-seed']),
    seeds: single ? 1 : count('seeds', values.seeds ?? DEFAULT_SEEDS),
    renderOnly: !single && values.seeds === undefined && values.render !== undefined,
    single,
    jobs: values.jobs === undefined ? undefined : count('jobs', values.jobs),
    json: values.json,
    summary: values.summary,
    render: values.render,
    crashPoints: values['crash-points'],
    point: values.point,
    run: {
      heights: count('heights', values.heights),
      nodes: values.nodes === 'mix' ? 'mix' : count('nodes', values.nodes),
      trace: values.trace,
      log: values.log,
      brokenRule: control(values['broken-rule']),
      stormy: values.stormy,
      forgetful: values.forgetful,
      byzantine: values.byzantine === undefined ? undefined : behaviours(values.byzantine),
    },
  };
}

function control(name: string | undefined): ControlName | undefined {
  if (name === undefined || isControlName(name)) return name;
  throw new RangeError(`--broken-rule ${name}: expected one of ${CONTROL_NAMES.join(', ')}`);
}

export function nodesOf({ nodes }: RunOptions, seed: number): number {
  if (nodes !== 'mix') return nodes;
  let left = new Chance(seed ^ SEED_OF_SIZE).below(MIX.reduce((sum, { weight }) => sum + weight, 0));
  for (const size of MIX) {
    left -= size.weight;
    if (left < 0) return size.nodes;
  }
  return MIX[0].nodes;
}

export function worldOptions(run: RunOptions, seed: number, sink?: (line: string) => void): SimOptions {
  const { heights, stormy, byzantine, brokenRule, forgetful, log } = run;
  return {
    seed,
    heights,
    nodes: nodesOf(run, seed),
    logLevel: log,
    forgetful,
    ...(stormy === undefined ? {} : { stormy }),
    ...(byzantine === undefined ? {} : { byzantine }),
    ...(brokenRule === undefined ? {} : controlOptions(brokenRule, true)),
    ...(sink === undefined ? {} : { sink }),
  };
}

/** The command that runs one seed again and shows it. */
export function replayCommand(run: RunOptions, seed: number): string {
  const { stormy, forgetful, byzantine, brokenRule } = run;
  const flags = [
    `--seed ${seed} --heights ${run.heights} --nodes ${nodesOf(run, seed)}`,
    stormy === true ? '--stormy' : '',
    forgetful ? '--forgetful' : '',
    byzantine === undefined ? '' : `--byzantine ${byzantine.length === 0 ? 'none' : byzantine.join(',')}`,
    brokenRule === undefined ? '' : `--broken-rule ${brokenRule}`,
    '--trace',
  ];
  return `npm run sim -- ${flags.filter((flag) => flag !== '').join(' ')}`;
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new RangeError(`--${name} ${text}: expected a whole number above 0`);
}

/** Names of the byzantine library, with commas between; `none` for honest machines only. */
function behaviours(text: string): readonly BehaviourName[] {
  const names = text === 'none' ? [] : text.split(',');
  const unknown = names.find((name) => !isBehaviourName(name));
  if (unknown === undefined) return names.filter(isBehaviourName);
  throw new RangeError(`--byzantine ${unknown}: expected none or ${BEHAVIOUR_NAMES.join(', ')}`);
}
