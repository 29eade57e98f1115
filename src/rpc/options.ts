/** Settings of the RPC server. `config/` maps its keys (CometBFT's names) onto them. */
export interface RpcOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly allowedHosts: readonly string[];
  readonly corsAllowedOrigins: readonly string[];
  readonly maxOpenConnections: number;
  readonly maxBodyBytes: number;
  readonly maxRequestBatchSize: number;
  readonly maxSubscriptionClients: number;
  readonly maxSubscriptionsPerClient: number;
  readonly timeoutBroadcastTxCommitMs: number;
  /** HTTP requests and WebSocket messages a second from one address; 0 does not limit. */
  readonly maxRequestsPerSecond: number;
  /** For one piece of an answer (see `pieces.ts`). */
  readonly writeTimeoutMs: number;
  readonly maxUnsentBytes: number;
  readonly webSocketPingMs: number;
  readonly webSocketReadTimeoutMs: number;
  readonly webSocketMaxBufferedBytes: number;
  /** Blocks, their transactions, votes and round steps that wait for one client behind what it is being sent. */
  readonly maxQueuedEvents: number;
}

export const DEFAULT_RPC_OPTIONS: RpcOptions = {
  // Loopback: opening the port to others is an administrator's choice.
  host: '127.0.0.1',
  // CometBFT's port.
  port: 26657,
  allowedHosts: [],
  corsAllowedOrigins: [],
  // Connections. CometBFT's figure: below the usual 1,024 open files of a process.
  maxOpenConnections: 900,
  // Bytes of one request. CometBFT's figure.
  maxBodyBytes: 1_000_000,
  // Requests in one batch. CometBFT's figure; load tools raise it.
  maxRequestBatchSize: 10,
  // CometBFT's figures.
  maxSubscriptionClients: 100,
  maxSubscriptionsPerClient: 5,
  // Milliseconds. CometBFT's figure.
  timeoutBroadcastTxCommitMs: 10_000,
  maxRequestsPerSecond: 0,
  // Milliseconds in which the system must take the next piece of an answer. Longer than a network's hiccup.
  writeTimeoutMs: 10_000,
  // Bytes of answers that wait for all clients together: one to the largest block that a chain may have, and room for
  // dozens to usual ones.
  maxUnsentBytes: 256 * 1024 * 1024,
  // Milliseconds. CometBFT's figures: nine tenths of the time after which a silent client is dropped.
  webSocketPingMs: 27_000,
  webSocketReadTimeoutMs: 30_000,
  // Bytes of answers that wait for one client before its next requests wait, too: 8 MiB, a few full blocks.
  webSocketMaxBufferedBytes: 8 * 1024 * 1024,
  // Some full blocks. All clients wait for the same ones, which hold about 5 KB a transaction: 100 MB of memory.
  maxQueuedEvents: 20_000,
};
