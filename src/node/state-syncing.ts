import type { Verifier } from '#crypto/verifier.ts';
import { Network } from '#network/network.ts';
import type { Random } from '#ports/random.ts';
import type { Transport } from '#ports/transport.ts';
import { HeaderBackfill } from '#sync/header-backfill.ts';
import { QUIET_HANDLERS } from '#sync/quiet-handlers.ts';
import { StateSync } from '#sync/state-sync.ts';
import { StateSyncPeers } from '#sync/state-sync-peers.ts';
import { StateSyncError } from '#sync/sync-errors.ts';
import { VerifiedHeights } from '#sync/verified-heights.ts';
import type { Genesis } from '#types/genesis.ts';
import { blockBytesMax } from '#types/params.ts';
import { fromHex } from '#util/bytes.ts';
import { BizraError } from '#util/errors.ts';
import { reportOffence } from './offences.ts';
import type { NodeSettings } from './settings.ts';
import { SyncDatabase, type SyncDatabaseComponents } from './sync-database.ts';

const NANOS_PER_HOUR = 3_600_000_000_000n;
/** Headers that nobody has for so long are done without: they serve to judge evidence alone. */
const HEADERS_PATIENCE_MS = 60_000;

export interface StateSyncingComponents extends SyncDatabaseComponents {
  readonly transport: Transport;
  readonly random: Random;
  readonly verifier: Verifier;
  readonly decompress: (bytes: Uint8Array, maxBytes: number) => Promise<Uint8Array | undefined>;
  /** Aborted: the process ends. */
  readonly signal: AbortSignal;
  /** `path` has no database yet: what is said here becomes one. */
  readonly path: string;
}

/**
 * Begins a node without a database with a snapshot that peers have. Leaves a whole database, or, where there is no
 * snapshot and the settings allow it, none: then the node begins with genesis and fetches all blocks. Throws
 * StateSyncError.
 */
export async function syncState(
  parts: StateSyncingComponents,
  genesis: Genesis,
  settings: NodeSettings,
): Promise<void> {
  const trust = trustOf(settings);
  const { logger, clock, signal, verifier } = parts;
  const network = quietNetwork(parts, genesis, settings);
  await network.start(QUIET_HANDLERS);
  const peers = new StateSyncPeers({ network, clock, logger, signal });
  const trusted = { height: trust.trustHeight, hash: trust.trustHash };
  const database = await SyncDatabase.open(parts, { genesis, path: parts.path, trust: trusted });
  try {
    if (!database.isComplete) {
      const heights = new VerifiedHeights({ peers, verifier, logger }, { chainId: genesis.chainId, ...trust });
      const { discoveryTimeMs: discoveryMs, giveUpAfterMs: timeoutMs } = settings.statesync;
      await new StateSync({ ...parts, peers, heights, database }, { discoveryMs, timeoutMs }).run();
    }
    await fetchHeaders(parts, genesis, peers, database);
  } catch (error) {
    await database.close();
    await giveUp(parts, settings, error);
    return;
  }
  await database.finish();
  logger.info('state sync: done');
}

async function fetchHeaders(
  { clock, logger, verifier }: StateSyncingComponents,
  { chainId, initialHeight: lowest }: Genesis,
  peers: StateSyncPeers,
  database: SyncDatabase,
): Promise<void> {
  const options = { chainId, lowest, patienceMs: HEADERS_PATIENCE_MS };
  const whole = await new HeaderBackfill({ peers, sink: database, verifier, clock, logger }, options).run();
  const { height } = database.lowest();
  if (whole) logger.info('state sync: headers fetched', { down_to: height });
  else logger.warn('state sync: no peer has older headers; evidence about them cannot be judged', { down_to: height });
}

/** Where there is no snapshot, a node that was not told otherwise takes the long way. */
async function giveUp(
  { directories, path, logger }: StateSyncingComponents,
  { statesync }: NodeSettings,
  error: unknown,
): Promise<void> {
  const canFallBack = error instanceof StateSyncError && error.code === 'no_snapshot' && statesync.fallback;
  if (!canFallBack) throw error;
  logger.warn('state sync gives up: all blocks are fetched from genesis on instead', { reason: error.message });
  await SyncDatabase.discard(directories, path);
}

function quietNetwork(
  { transport, clock, random, logger }: StateSyncingComponents,
  genesis: Genesis,
  { mempool }: NodeSettings,
): Network {
  const limits = { maxBlockBytes: blockBytesMax(genesis.consensusParams), maxTxBytes: mempool.maxTxBytes };
  return new Network(
    { transport, clock, random },
    { limits, observe: (offence, peer, error) => reportOffence(logger, offence, peer, error) },
  );
}

/** Throws BizraError `config_invalid`. */
function trustOf({ statesync }: NodeSettings): {
  readonly trustHeight: number;
  readonly trustHash: Uint8Array;
  readonly trustingPeriodNs: bigint;
} {
  const { trustHeight, trustHash, trustPeriodHours } = statesync;
  if (trustHeight > 0 && trustHash !== '')
    return { trustHeight, trustHash: fromHex(trustHash), trustingPeriodNs: BigInt(trustPeriodHours) * NANOS_PER_HOUR };
  throw new BizraError(
    'config_invalid',
    'statesync.enable = true needs statesync.trust_height and statesync.trust_hash: a header that you trust, from an ' +
      'explorer or a node of yours (its /commit)',
  );
}
