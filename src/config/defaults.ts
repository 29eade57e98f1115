/** Every default of `config.toml`: its unit and why it is what it is. */

/** CometBFT's ports, so that people, firewalls and tools know them. All interfaces: a peer must be reachable. */
export const DEFAULT_P2P_LADDR = 'tcp://0.0.0.0:26656';
/** Loopback: an RPC port is an administrator's choice to open, never a default. */
export const DEFAULT_RPC_LADDR = 'tcp://127.0.0.1:26657';

/** Peers. CometBFT's figures; a node with 10 outbound peers is hard to eclipse and cheap to serve. */
export const DEFAULT_MAX_INBOUND_PEERS = 40;
export const DEFAULT_MAX_OUTBOUND_PEERS = 10;

/** Connections. CometBFT's figure: below the usual 1,024 open files of a process. */
export const DEFAULT_MAX_OPEN_CONNECTIONS = 900;
/** Clients and subscriptions of one client. CometBFT's figures. */
export const DEFAULT_MAX_SUBSCRIPTION_CLIENTS = 100;
export const DEFAULT_MAX_SUBSCRIPTIONS_PER_CLIENT = 5;
/** Requests in one JSON-RPC batch. CometBFT's figure. */
export const DEFAULT_MAX_REQUEST_BATCH_SIZE = 10;
/** Bytes of one request body. CometBFT's figure: one transaction of the largest size, in base64, does not pass it. */
export const DEFAULT_MAX_BODY_BYTES = 1_000_000;
/** Requests a second from one address; 0 does not limit. Behind a proxy all clients have one address. */
export const DEFAULT_MAX_REQUESTS_PER_SECOND = 0;
/** Milliseconds that `broadcast_tx_commit` waits. CometBFT's figure. */
export const DEFAULT_TIMEOUT_BROADCAST_TX_COMMIT_MS = 10_000;

/** Transactions. Ten seconds of full load; CometBFT's 5,000 would last one second here. */
export const DEFAULT_MEMPOOL_SIZE = 50_000;
/** Bytes of all transactions in the mempool: 64 MiB, CometBFT's order of size. */
export const DEFAULT_MAX_TXS_BYTES = 67_108_864;
/** Bytes of one transaction: 1 MiB as in CometBFT. */
export const DEFAULT_MAX_TX_BYTES = 1_048_576;
/** Hashes remembered against repeats: twice the mempool, so that what just left it is still known. */
export const DEFAULT_CACHE_SIZE = 100_000;
/** Blocks that a transaction may wait; 0 is for ever, CometBFT's figure. */
export const DEFAULT_TTL_NUM_BLOCKS = 0;

/** Milliseconds. Room for one gossip round over a wide-area network, in which fast networks never wait. */
export const DEFAULT_TIMEOUT_PROPOSE_MS = 600;
export const DEFAULT_TIMEOUT_PROPOSE_DELTA_MS = 250;
/** A cap: without one, a long outage makes the first good round wait for minutes. */
export const DEFAULT_TIMEOUT_PROPOSE_MAX_MS = 5_000;
export const DEFAULT_TIMEOUT_VOTE_MS = 200;
export const DEFAULT_TIMEOUT_VOTE_DELTA_MS = 200;
export const DEFAULT_TIMEOUT_VOTE_MAX_MS = 2_000;

/** Heights whose state can still be queried and proven: about a day of empty blocks at five seconds each. */
export const DEFAULT_UNDO_HEIGHTS = 20_000;
/** Bytes that their values may take on the disk: the same day at a thousand transfers a second would take fifty times that. */
export const DEFAULT_UNDO_BYTES_MAX = 2_147_483_648;
/** Heights of blocks kept; 0 keeps all: a node must choose to forget. */
export const DEFAULT_RETAIN_BLOCKS = 0;
/** Files that LevelDB may hold open: it is fast with few, and a machine runs many nodes. */
export const DEFAULT_MAX_OPEN_FILES = 64;
/**
 * Bytes of LevelDB's block cache: 8 MiB. Hot leaves have a cache of their own and the newest blocks, too; what is read here
 * is read once, by clients and the pruner, and stays in the system's cache.
 */
export const DEFAULT_CACHE_BYTES = 8_388_608;

/**
 * Heights: 20 minutes of the fastest chain, 7 hours of empty blocks. A node that joins has few blocks to follow, and
 * making one takes a small part of the time between two; all nodes of a network should have the same.
 */
export const DEFAULT_SNAPSHOT_INTERVAL = 5_000;
/** Snapshots: whoever fetches the older of two has a whole interval to finish. */
export const DEFAULT_SNAPSHOT_KEEP_RECENT = 2;

/** Hours. CometBFT's week: a third of the three weeks that stake takes to unbond. */
export const DEFAULT_TRUST_PERIOD_HOURS = 168;
/** Milliseconds. Peers connect within one or two seconds; CometBFT waits for 15. */
export const DEFAULT_DISCOVERY_TIME_MS = 5_000;
/** Milliseconds. Some rounds of asking everybody; a network that makes snapshots has one by then. */
export const DEFAULT_GIVE_UP_AFTER_MS = 120_000;

/** Threads that verify signatures; 0 verifies in the main thread, best where validators share cores. */
export const DEFAULT_VERIFIER_WORKERS = 0;

/** CometBFT's port; its host is all interfaces, ours the own machine. */
export const DEFAULT_PROMETHEUS_LISTEN_ADDR = '127.0.0.1:26660';
