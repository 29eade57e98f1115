/**
 * The settings that the node reads, as `config/` checks and freezes them: plain data, so that a whole node can be
 * composed by the simulator without files. Units are in the names; defaults stand in `config/defaults.ts`.
 */
export interface NodeSettings {
  readonly moniker: string;
  readonly logLevel: string;
  readonly logFormat: string;
  readonly p2p: {
    readonly laddr: string;
    readonly externalAddress: string;
    readonly persistentPeers: readonly string[];
    readonly bootstrapPeers: readonly string[];
    readonly maxNumInboundPeers: number;
    readonly maxNumOutboundPeers: number;
    readonly dht: boolean;
  };
  readonly rpc: {
    readonly laddr: string;
    readonly corsAllowedOrigins: readonly string[];
    readonly allowedHosts: readonly string[];
    readonly maxOpenConnections: number;
    readonly maxSubscriptionClients: number;
    readonly maxSubscriptionsPerClient: number;
    readonly maxRequestBatchSize: number;
    readonly maxBodyBytes: number;
    readonly maxRequestsPerSecond: number;
    readonly timeoutBroadcastTxCommitMs: number;
  };
  readonly mempool: {
    readonly size: number;
    readonly maxTxsBytes: number;
    readonly maxTxBytes: number;
    readonly cacheSize: number;
    readonly ttlNumBlocks: number;
    readonly minGasPrices: string;
  };
  readonly consensus: {
    readonly timeoutProposeMs: number;
    readonly timeoutProposeDeltaMs: number;
    readonly timeoutProposeMaxMs: number;
    readonly timeoutPrevoteMs: number;
    readonly timeoutPrevoteDeltaMs: number;
    readonly timeoutPrecommitMs: number;
    readonly timeoutPrecommitDeltaMs: number;
    readonly timeoutVoteMaxMs: number;
  };
  readonly storage: {
    readonly undoHeights: number;
    readonly undoBytesMax: number;
    readonly retainBlocks: number;
    readonly archive: boolean;
    readonly maxOpenFiles: number;
    readonly cacheBytes: number;
  };
  readonly snapshots: { readonly interval: number; readonly keepRecent: number };
  readonly statesync: {
    readonly enable: boolean;
    readonly trustHeight: number;
    /** Hex, or empty. */
    readonly trustHash: string;
    readonly trustPeriodHours: number;
    readonly discoveryTimeMs: number;
    readonly giveUpAfterMs: number;
    readonly fallback: boolean;
  };
  readonly crypto: { readonly verifierWorkers: number };
  readonly instrumentation: {
    readonly prometheus: boolean;
    /** `HOST:PORT`. */
    readonly prometheusListenAddr: string;
  };
}
