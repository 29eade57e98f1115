/**
 * `node odd-node.ts --clock-ms N | --behaviour NAME  --home HOME [--stop-with-input] [--SETTING VALUE ...]`: the
 * real daemon with a wall clock that is wrong by so many milliseconds, or with a validator that is byzantine.
 */
import { homePaths, loadHomeSettings } from '#config/home.ts';
import { type Adapt, startNode } from '#node/start.ts';
import type { Clock } from '#ports/clock.ts';
import { readKeyFile } from '#signer/key-file.ts';
import { NodeFiles } from '#storage/node-files.ts';
import { assert } from '#util/assert.ts';
import { isBehaviourName } from '../../byzantine/registry.ts';
import { wrapByzantine } from '../../byzantine/wrap.ts';

const NANOSECONDS_PER_MILLISECOND = 1_000_000n;

/** Timers and durations are right: a machine whose clock was set wrongly still counts seconds well. */
function shifted(clock: Clock, byMs: number): Clock {
  const offset = BigInt(byMs) * NANOSECONDS_PER_MILLISECOND;
  return {
    now: () => clock.now() + offset,
    monotonicMs: () => clock.monotonicMs(),
    setTimer: (delayMs, fire) => clock.setTimer(delayMs, fire),
    yield: () => clock.yield(),
  };
}

function withClock(byMs: number): Adapt {
  return (ports) => ({ ...ports, clock: shifted(ports.clock, byMs) });
}

async function withBehaviour(name: string, keyFile: string, maxTxBytes: number): Promise<Adapt> {
  assert(isBehaviourName(name), `there is no behaviour ${name}`);
  const key = await readKeyFile(new NodeFiles(), keyFile);
  return (ports, genesis) => {
    const { transport, signer, clock, random, logger } = ports;
    assert(signer !== undefined, 'a byzantine node is a validator');
    const log = logger.child('byzantine');
    const means = {
      key,
      chainId: genesis.chainId,
      clock,
      random,
      limits: { maxBlockBytes: genesis.consensusParams.block.maxBytes, maxTxBytes },
      note: (deed: string) => log.info(deed, {}),
    };
    return { ...ports, ...wrapByzantine(name, { transport, signer }, means) };
  };
}

/** Names and values of `--name value` pairs; a flag without a value is left out. */
function pairsOf(args: readonly string[]): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const [index, text] of args.entries()) {
    const value = args[index + 1];
    if (text.startsWith('--') && value !== undefined && !value.startsWith('--')) pairs.set(text.slice(2), value);
  }
  return pairs;
}

async function main(args: readonly string[]): Promise<void> {
  const { home = '', 'clock-ms': clockMs, behaviour, ...flags } = Object.fromEntries(pairsOf(args));
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
  // The test holds the other end: when it dies, so does this node.
  process.stdin.on('end', stop).on('close', stop).on('error', stop).resume();
  const settings = await loadHomeSettings(home, { environment: process.env, flags });
  const paths = homePaths(home);
  const adapt =
    behaviour === undefined
      ? withClock(Number(clockMs))
      : await withBehaviour(behaviour, paths.privValidatorKeyFile, settings.mempool.maxTxBytes);
  await startNode({ settings, paths, signal: controller.signal, adapt });
}

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`odd node: internal error: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
