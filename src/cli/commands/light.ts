import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { isLightError, LightClientAttack, type Verified } from '#light/index.ts';
import { evidenceJson } from '#rpc/json.ts';
import { hashHeader } from '#types/header.ts';
import { formatTime } from '#types/time.ts';
import { toHex } from '#util/bytes.ts';
import { messageOf, usageError } from '../errors.ts';
import {
  blockJson,
  currentTime,
  describePower,
  describeRoot,
  type LightSession,
  openLightSession,
  readTrustRoot,
  type TrustOptions,
  type TrustRoot,
  withTrust,
} from '../light-session.ts';
import { type JsonOptions, type NodeOptions, wholeNumber, withJson, withNode } from '../options.ts';
import { formatPairs, groupDigits, print } from '../output.ts';
import type { Terminal } from '../terminal.ts';

/** Milliseconds between two looks for a newer block. */
const FOLLOW_MS = 500;

interface LightOptions extends NodeOptions, JsonOptions, TrustOptions {
  readonly witness?: readonly string[];
  readonly height?: number;
  readonly sequential?: boolean;
  readonly follow?: boolean;
}

async function light(terminal: Terminal, options: LightOptions): Promise<void> {
  const root = await readTrustRoot(options);
  if (root === undefined) {
    throw usageError('say what you trust: --trusted-height and --trusted-hash, or --genesis FILE');
  }
  if (options.follow === true && options.height !== undefined) throw usageError('--follow goes beyond any --height');
  const mode = options.sequential === true ? 'sequential' : 'skipping';
  const { node, witness = [], trustingPeriod } = options;
  try {
    const session = await openLightSession(root, {
      node,
      witnesses: witness,
      trustingPeriod,
      mode,
      onVerified: ({ header }, target) => terminal.progress(`verified header ${header.height} of ${target}`),
    });
    const first = await session.client.verify(options.height, currentTime());
    terminal.progress('');
    tell(terminal, options, root, session, first);
    if (options.follow === true) await follow(terminal, options, session, first.block.header.height);
  } catch (error) {
    terminal.progress('');
    if (error instanceof LightClientAttack && options.json === true) tellAttack(terminal, error);
    throw error;
  }
}

/** Verifies what comes, until a signal. A node that is away for a time is waited for; one that lies ends it. */
async function follow(terminal: Terminal, options: LightOptions, session: LightSession, from: number): Promise<void> {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const witnesses = session.client.witnesses.length;
  let height = from;
  let isAway = false;
  while (await wait(FOLLOW_MS, controller.signal)) {
    try {
      const { block, steps } = await session.client.verify(undefined, currentTime());
      isAway = false;
      if (block.header.height === height) continue;
      height = block.header.height;
      print(terminal, options.json === true, { ...blockJson(block), steps }, () => [
        `verified  header ${groupDigits(height)} (${hashText(block)}) of ${formatTime(block.header.time)}, signed by ${describePower(block)}`,
      ]);
    } catch (error) {
      const mayPass = isLightError(error, 'provider_failed', 'no_light_block', 'no_witness');
      if (!mayPass || session.client.witnesses.length < witnesses) throw error;
      if (!isAway) terminal.warn(`${messageOf(error)}; waiting`);
      isAway = true;
    }
  }
}

/** False when the signal came. */
async function wait(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  await delay(milliseconds, undefined, { signal }).catch(() => undefined);
  return !signal.aborted;
}

function tell(
  terminal: Terminal,
  options: LightOptions,
  root: TrustRoot,
  { client, chainId, root: rootBlock }: LightSession,
  { block, steps }: Verified,
): void {
  const isBack = block.header.height < rootBlock.header.height;
  const mode = isBack ? 'backwards' : options.sequential === true ? 'sequential' : 'skipping';
  const { dropped } = client;
  const json = {
    chain_id: chainId,
    trusted: { kind: root.kind, height: rootBlock.header.height, hash: hashText(rootBlock) },
    ...blockJson(block),
    mode,
    steps,
    node: client.primary.name,
    witnesses: client.witnesses.map(({ name }) => name),
    dropped,
  };
  print(terminal, options.json === true, json, () => [
    ...formatPairs([
      ['chain', chainId],
      ['trusted', `${describeRoot(root)}: ${hashText(rootBlock)}`],
      ['verified', `header ${groupDigits(block.header.height)} of ${formatTime(block.header.time)}`],
      ['hash', hashText(block)],
      ['app hash', toHex(block.header.appHash).toUpperCase()],
      ['signed by', `power ${describePower(block)}, ${block.validators.size} validators`],
      ['steps', `${groupDigits(steps)} light blocks, ${mode}`],
      [
        'witnesses',
        client.witnesses.length === 0 ? 'none: nobody else was asked (--witness URL)' : witnessText(client),
      ],
    ]),
    ...dropped.map(({ name, reason }) => `not believed: ${name}: ${reason}`),
  ]);
}

function witnessText({ witnesses }: LightSession['client']): string {
  return `seen alike by ${witnesses.map(({ name }) => name).join(', ')}`;
}

function tellAttack(terminal: Terminal, { accusations, message }: LightClientAttack): void {
  const attack = accusations.map(({ provider, evidence }) => ({ provider, evidence: evidenceJson(evidence) }));
  terminal.line(JSON.stringify({ error: 'light_client_attack', message, accusations: attack }));
}

function hashText(block: LightSession['root']): string {
  return toHex(hashHeader(block.header)).toUpperCase();
}

export function registerLight(program: Command, terminal: Terminal): void {
  const collect = (value: string, earlier: readonly string[] = []): readonly string[] => [
    ...earlier,
    ...value.split(','),
  ];
  withTrust(withJson(withNode(program.command('light'), terminal)))
    .description('verify headers from one that you trust, without believing the node')
    .option(
      '--witness <url>',
      'RPC address of another node that must see the same; may be given more than once',
      collect,
    )
    .option(
      '--height <n>',
      'height to verify (default: the newest)',
      wholeNumber('--height', 1, Number.MAX_SAFE_INTEGER),
    )
    .option('--sequential', 'go through every height instead of skipping')
    .option('--follow', 'go on with new heights until SIGINT or SIGTERM')
    .action((options: LightOptions) => light(terminal, options));
}
