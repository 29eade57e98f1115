import type { NodeSettings } from '#node/settings.ts';

/** The daemon's defaults, with the parts that the simulator does not run left empty. */
export const SIM_SETTINGS: NodeSettings = {
  moniker: 'sim',
  logLevel: 'warn',
  logFormat: 'text',
  p2p: {
    laddr: '',
    externalAddress: '',
    persistentPeers: [],
    bootstrapPeers: [],
    maxNumInboundPeers: 40,
    maxNumOutboundPeers: 10,
    dht: false,
  },
  rpc: {
    laddr: '',
    corsAllowedOrigins: [],
    allowedHosts: [],
    maxOpenConnections: 1,
    maxSubscriptionClients: 1,
    maxSubscriptionsPerClient: 1,
    maxRequestBatchSize: 1,
    maxBodyBytes: 1,
    maxRequestsPerSecond: 0,
    timeoutBroadcastTxCommitMs: 1,
  },
  mempool: {
    size: 1_000,
    maxTxsBytes: 1_000_000,
    maxTxBytes: 100_000,
    cacheSize: 1_000,
    ttlNumBlocks: 0,
    minGasPrices: '',
  },
  consensus: {
    timeoutProposeMs: 600,
    timeoutProposeDeltaMs: 250,
    timeoutProposeMaxMs: 5_000,
    timeoutPrevoteMs: 200,
    timeoutPrevoteDeltaMs: 200,
    timeoutPrecommitMs: 200,
    timeoutPrecommitDeltaMs: 200,
    timeoutVoteMaxMs: 2_000,
  },
  snapshots: { interval: 8, keepRecent: 2 },
  storage: {
    undoHeights: 100,
    undoBytesMax: 100_000_000,
    retainBlocks: 0,
    archive: false,
    maxOpenFiles: 64,
    cacheBytes: 1_000_000,
  },
  statesync: {
    enable: false,
    trustHeight: 0,
    trustHash: '',
    trustPeriodHours: 168,
    discoveryTimeMs: 500,
    giveUpAfterMs: 5_000,
    fallback: true,
  },
  crypto: { verifierWorkers: 0 },
  instrumentation: { prometheus: false, prometheusListenAddr: '127.0.0.1:0' },
};

/** One machine keeps little, and others all: whoever comes late needs them. */
const PRUNING_MACHINE = 1;

/** The settings of a machine; a seed's own windows where it prunes. */
export function settingsOf(index: number, seed: number): NodeSettings {
  if (index !== PRUNING_MACHINE) return SIM_SETTINGS;
  const storage = { ...SIM_SETTINGS.storage, undoHeights: 1 + (seed % 7), retainBlocks: 2 + (seed % 5) };
  return { ...SIM_SETTINGS, storage };
}
