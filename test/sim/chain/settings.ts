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
  storage: { undoHeights: 100, retainBlocks: 0, maxOpenFiles: 64, cacheBytes: 1_000_000 },
  crypto: { verifierWorkers: 0 },
  instrumentation: { prometheus: false, prometheusListenAddr: '127.0.0.1:0' },
};
