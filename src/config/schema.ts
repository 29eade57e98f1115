import { isMultiaddr, parseHostPort, parseTcpAddress } from './address.ts';
import * as defaults from './defaults.ts';
import { type Field, flag, integer, list, oneOf, type SettingValue, text } from './field.ts';

const MAX_MONIKER_LENGTH = 70;
/** One day: no timeout is longer, and timers stay far below the 2^31 ms at which they would fire at once. */
const MAX_MS = 86_400_000;
const MAX_BYTES = 2 ** 40;
const MAX_COUNT = 10_000_000;
const MAX_HEIGHTS = 2 ** 40;
/** Ten years: a header of before that says nothing about who signs today. */
const MAX_TRUST_HOURS = 87_600;

function isListenAddress(value: string): boolean {
  return parseTcpAddress(value) !== undefined || isMultiaddr(value, false);
}

function isPeer(value: string): boolean {
  return isMultiaddr(value, true);
}

function isMoniker(value: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must be kept out of logs
  return value.length > 0 && value.length <= MAX_MONIKER_LENGTH && !/[\u0000-\u001f\u007f]/.test(value);
}

function isOrigin(value: string): boolean {
  return value === '*' || /^https?:\/\/[^\s/]+$/.test(value);
}

function isHost(value: string): boolean {
  return value === '*' || /^[a-zA-Z0-9.\-:[\]]+$/.test(value);
}

/** The SDK's form: `0.025ubizra`, several with commas, empty for none. */
export function isGasPrices(value: string): boolean {
  return (
    value === '' || value.split(',').every((price) => /^\d+(\.\d{1,18})?[a-zA-Z][a-zA-Z0-9/:._-]{2,127}$/.test(price))
  );
}

const TIMEOUT_GROWTH = 'Added for each further round.';

/**
 * The settings, section by section: the one list from which reading, the environment, the flags and the
 * commented file are made. The empty section holds the keys at the top of the file. Keys are in camelCase here and
 * in snake_case in the file.
 */
export const SCHEMA = {
  '': {
    moniker: text(
      'bizra-node',
      `1 to ${MAX_MONIKER_LENGTH} printable characters`,
      isMoniker,
      'Name of this node, shown to others.',
    ),
    logLevel: oneOf(
      'info',
      ['debug', 'info', 'warn', 'error', 'none'],
      'What is logged: debug, info, warn, error or none.',
    ),
    logFormat: oneOf('plain', ['plain', 'json'], 'plain for people, json for machines (one object a line).'),
  },
  p2p: {
    laddr: text(
      defaults.DEFAULT_P2P_LADDR,
      'tcp://HOST:PORT or a multiaddr such as /ip4/0.0.0.0/tcp/26656',
      isListenAddress,
      'Where peers reach this node: tcp://HOST:PORT or a multiaddr.',
    ),
    externalAddress: text(
      '',
      'empty, tcp://HOST:PORT or a multiaddr',
      (value) => value === '' || isListenAddress(value),
      'Address to announce where it differs from laddr (behind NAT); empty announces laddr.',
    ),
    persistentPeers: list(
      'multiaddrs such as /ip4/10.0.0.2/tcp/26656/p2p/12D3Koo...',
      isPeer,
      'Peers that are dialled again for ever: ["/ip4/10.0.0.2/tcp/26656/p2p/12D3Koo..."].',
    ),
    bootstrapPeers: list(
      'multiaddrs such as /ip4/10.0.0.2/tcp/26656/p2p/12D3Koo...',
      isPeer,
      'Peers that are asked for other peers when the node starts.',
    ),
    maxNumInboundPeers: integer(defaults.DEFAULT_MAX_INBOUND_PEERS, 0, 10_000, 'Peers that may connect to this node.'),
    maxNumOutboundPeers: integer(
      defaults.DEFAULT_MAX_OUTBOUND_PEERS,
      0,
      10_000,
      'Peers that this node looks for by itself; persistent peers come on top.',
    ),
    dht: flag(true, "Finds peers through the network's own Kademlia table."),
  },
  rpc: {
    laddr: text(
      defaults.DEFAULT_RPC_LADDR,
      'tcp://HOST:PORT',
      (value) => parseTcpAddress(value) !== undefined,
      'Where wallets reach this node. Loopback unless you choose otherwise.',
    ),
    corsAllowedOrigins: list(
      'origins such as https://wallet.example or "*"',
      isOrigin,
      'Web pages that may call this node: ["https://wallet.example"], ["*"] for all.',
    ),
    allowedHosts: list(
      'host names, or "*"',
      isHost,
      'Names in the Host header that are answered besides the address itself (against DNS rebinding).',
    ),
    maxOpenConnections: integer(defaults.DEFAULT_MAX_OPEN_CONNECTIONS, 1, 100_000, 'Connections at a time.'),
    maxSubscriptionClients: integer(
      defaults.DEFAULT_MAX_SUBSCRIPTION_CLIENTS,
      0,
      100_000,
      'WebSocket clients with subscriptions.',
    ),
    maxSubscriptionsPerClient: integer(
      defaults.DEFAULT_MAX_SUBSCRIPTIONS_PER_CLIENT,
      0,
      10_000,
      'Subscriptions of one client.',
    ),
    maxRequestBatchSize: integer(defaults.DEFAULT_MAX_REQUEST_BATCH_SIZE, 1, 10_000, 'Requests in one JSON-RPC batch.'),
    maxBodyBytes: integer(defaults.DEFAULT_MAX_BODY_BYTES, 1_024, MAX_BYTES, 'Bytes of a request body.'),
    maxRequestsPerSecond: integer(
      defaults.DEFAULT_MAX_REQUESTS_PER_SECOND,
      0,
      1_000_000,
      'HTTP requests and WebSocket messages a second from one address; 0 does not limit.',
    ),
    timeoutBroadcastTxCommitMs: integer(
      defaults.DEFAULT_TIMEOUT_BROADCAST_TX_COMMIT_MS,
      1,
      MAX_MS,
      'How long broadcast_tx_commit waits for the block.',
    ),
  },
  mempool: {
    size: integer(defaults.DEFAULT_MEMPOOL_SIZE, 1, MAX_COUNT, 'Transactions held at most.'),
    maxTxsBytes: integer(defaults.DEFAULT_MAX_TXS_BYTES, 1_024, MAX_BYTES, 'Bytes of all transactions held.'),
    maxTxBytes: integer(defaults.DEFAULT_MAX_TX_BYTES, 1_024, 2 ** 26, 'Bytes of one transaction.'),
    cacheSize: integer(defaults.DEFAULT_CACHE_SIZE, 0, MAX_COUNT, 'Hashes remembered against repeats.'),
    ttlNumBlocks: integer(
      defaults.DEFAULT_TTL_NUM_BLOCKS,
      0,
      MAX_HEIGHTS,
      'Blocks after which a waiting transaction is dropped; 0 keeps it.',
    ),
    minGasPrices: text(
      '',
      'prices such as "0.025ubizra" with commas between, or ""',
      isGasPrices,
      'Least price of gas that this node admits: "0.025ubizra"; "" admits free transactions.',
      'A local choice: it does not decide which blocks are valid.',
    ),
  },
  consensus: {
    timeoutProposeMs: integer(
      defaults.DEFAULT_TIMEOUT_PROPOSE_MS,
      1,
      MAX_MS,
      'How long a proposal is waited for in round 0.',
    ),
    timeoutProposeDeltaMs: integer(defaults.DEFAULT_TIMEOUT_PROPOSE_DELTA_MS, 0, MAX_MS, TIMEOUT_GROWTH),
    timeoutProposeMaxMs: integer(
      defaults.DEFAULT_TIMEOUT_PROPOSE_MAX_MS,
      1,
      MAX_MS,
      'The longest that a proposal is waited for, in any round.',
    ),
    timeoutPrevoteMs: integer(
      defaults.DEFAULT_TIMEOUT_VOTE_MS,
      1,
      MAX_MS,
      'How long more prevotes are waited for after more than 2/3 of any.',
    ),
    timeoutPrevoteDeltaMs: integer(defaults.DEFAULT_TIMEOUT_VOTE_DELTA_MS, 0, MAX_MS, TIMEOUT_GROWTH),
    timeoutPrecommitMs: integer(
      defaults.DEFAULT_TIMEOUT_VOTE_MS,
      1,
      MAX_MS,
      'How long more precommits are waited for after more than 2/3 of any.',
    ),
    timeoutPrecommitDeltaMs: integer(defaults.DEFAULT_TIMEOUT_VOTE_DELTA_MS, 0, MAX_MS, TIMEOUT_GROWTH),
    timeoutVoteMaxMs: integer(
      defaults.DEFAULT_TIMEOUT_VOTE_MAX_MS,
      1,
      MAX_MS,
      'The longest wait for prevotes or precommits, in any round.',
    ),
  },
  storage: {
    undoHeights: integer(
      defaults.DEFAULT_UNDO_HEIGHTS,
      1,
      MAX_HEIGHTS,
      'Past heights whose state can be queried, proven and rolled back to.',
    ),
    undoBytesMax: integer(
      defaults.DEFAULT_UNDO_BYTES_MAX,
      1_048_576,
      MAX_BYTES,
      'Bytes that the past states may take: where they take more, fewer heights are kept.',
    ),
    retainBlocks: integer(
      defaults.DEFAULT_RETAIN_BLOCKS,
      0,
      MAX_HEIGHTS,
      'Blocks kept with their results and index rows, the newest included; 0 keeps all. Headers stay for as long as evidence of their height counts, and blocks that a snapshot here needs.',
    ),
    archive: flag(false, 'Keep everything: no past state, block or header is ever pruned.'),
    maxOpenFiles: integer(defaults.DEFAULT_MAX_OPEN_FILES, 16, 100_000, 'Files that LevelDB holds open.'),
    cacheBytes: integer(defaults.DEFAULT_CACHE_BYTES, 1_048_576, MAX_BYTES, "Bytes of LevelDB's cache."),
  },
  snapshots: {
    interval: integer(
      defaults.DEFAULT_SNAPSHOT_INTERVAL,
      0,
      MAX_HEIGHTS,
      'A snapshot of the state, for nodes that join, at each height that is a multiple of this; 0 makes none.',
    ),
    keepRecent: integer(defaults.DEFAULT_SNAPSHOT_KEEP_RECENT, 1, 1_000, 'So many of those are kept.'),
  },
  statesync: {
    enable: flag(
      false,
      'A node without a database begins with a snapshot of its peers instead of all blocks from the first on.',
    ),
    trustHeight: integer(0, 0, MAX_HEIGHTS, 'Height of a header that you trust: from an explorer, or a node of yours.'),
    trustHash: text(
      '',
      '64 hex digits, or empty',
      (value) => value === '' || /^[0-9a-fA-F]{64}$/.test(value),
      'Hash of that header. What the network says must follow from it.',
    ),
    trustPeriodHours: integer(
      defaults.DEFAULT_TRUST_PERIOD_HOURS,
      1,
      MAX_TRUST_HOURS,
      'How long a header is trusted after its time; shorter than stake takes to unbond.',
    ),
    discoveryTimeMs: integer(
      defaults.DEFAULT_DISCOVERY_TIME_MS,
      0,
      MAX_MS,
      'How long peers are looked for before one of their snapshots is chosen.',
    ),
    giveUpAfterMs: integer(
      defaults.DEFAULT_GIVE_UP_AFTER_MS,
      1_000,
      MAX_MS,
      'How long a usable snapshot is looked for.',
    ),
    fallback: flag(true, 'Without one, all blocks are fetched from the first on; false ends the process instead.'),
  },
  crypto: {
    verifierWorkers: integer(
      defaults.DEFAULT_VERIFIER_WORKERS,
      0,
      256,
      'Threads that verify signatures; 0 verifies in the main thread.',
    ),
  },
  instrumentation: {
    prometheus: flag(false, "Serves metrics in Prometheus' text format under /metrics, with CometBFT's names."),
    prometheusListenAddr: text(
      defaults.DEFAULT_PROMETHEUS_LISTEN_ADDR,
      'HOST:PORT',
      (value) => parseHostPort(value) !== undefined,
      'Where. Loopback unless you choose otherwise: whoever reaches it reads everything.',
    ),
  },
};

type ValueOf<F> = F extends Field<infer T> ? T : never;
type SectionOf<S> = { readonly [K in keyof S]: ValueOf<S[K]> };

/** The checked settings of a node. Deeply frozen. */
export type Settings = SectionOf<(typeof SCHEMA)['']> & {
  readonly [S in Exclude<keyof typeof SCHEMA, ''>]: SectionOf<(typeof SCHEMA)[S]>;
};

/** One setting with its places: `p2p.max_num_inbound_peers`, and its name in TypeScript. */
export interface SettingEntry {
  readonly section: string;
  readonly name: string;
  readonly key: string;
  /** `section.key`, or `key` at the top of the file. */
  readonly path: string;
  readonly variable: string;
  readonly field: Field<SettingValue>;
}

export const ENVIRONMENT_PREFIX = 'BIZRA_';

function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function entriesOf(section: string, fields: Record<string, unknown>): SettingEntry[] {
  return Object.entries(fields).map(([name, field]) => {
    const key = toSnakeCase(name);
    const path = section === '' ? key : `${section}.${key}`;
    const variable = ENVIRONMENT_PREFIX + path.replace('.', '_').toUpperCase();
    return { section, name, key, path, variable, field: field as Field<SettingValue> };
  });
}

export const SETTING_ENTRIES: readonly SettingEntry[] = Object.entries(SCHEMA).flatMap(([section, fields]) =>
  entriesOf(section, fields),
);
