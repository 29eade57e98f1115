import { equal, match, ok } from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildGenesis } from '#cli/genesis-builder.ts';
import { type NodeIdentity, newNodeIdentity, writeHome } from '#cli/home-builder.ts';
import { homePaths } from '#config/home.ts';
import { loadSettings } from '#config/settings.ts';
import type { AppliedHeight } from '#engine/chain.ts';
import type { ChainState } from '#engine/chain-state.ts';
import { ChainMetrics } from '#node/chain-metrics.ts';
import { type ReadyInfo, startNode } from '#node/start.ts';
import { MetricsRegistry } from '#telemetry/metrics.ts';
import { createNodeMetrics } from '#telemetry/node-metrics.ts';
import { ABSENT_COMMIT_SIG } from '#types/commit.ts';
import type { Recorded } from '../../support/recorded-json.ts';
import {
  makeBlock,
  makeBlockId,
  makeCommit,
  makeDuplicateVotes,
  makeValidators,
  NOW,
  SECOND,
} from '../types/fixtures.ts';

const CHAIN_ID = 'metrics-1';
const START_TIMEOUT_MS = 60_000;

/** Samples by name with labels. */
function samplesOf(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

/** Two validators on one machine, in this process, until the test is over. */
class Pair {
  readonly ready: ReadyInfo[] = [];
  private readonly directory: string;
  private readonly controller = new AbortController();
  private readonly running: Promise<void>[] = [];

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async start(flags: readonly Readonly<Record<string, string>>[]): Promise<Pair> {
    const pair = new Pair(await mkdtemp(join(tmpdir(), 'bizra-metrics-')));
    const identities = flags.map(newNodeIdentity);
    const genesis = genesisOf(identities);
    for (const [index, identity] of identities.entries()) {
      await pair.startOne(join(pair.directory, `node${index}`), identity, genesis, flags[index] ?? {});
    }
    return pair;
  }

  async stop(): Promise<void> {
    this.controller.abort();
    await Promise.all(this.running);
    await rm(this.directory, { recursive: true });
  }

  private async startOne(
    home: string,
    identity: NodeIdentity,
    genesis: string,
    flags: Readonly<Record<string, string>>,
  ): Promise<void> {
    const settings = loadSettings({
      flags: {
        'p2p.laddr': 'tcp://127.0.0.1:0',
        'p2p.persistent_peers': this.ready.flatMap(({ p2p }) => p2p).join(','),
        'rpc.laddr': 'tcp://127.0.0.1:0',
        log_level: 'none',
        ...flags,
      },
    });
    await writeHome(home, { identity, settings, genesis });
    const { promise, resolve } = Promise.withResolvers<ReadyInfo>();
    const ended = startNode({ settings, paths: homePaths(home), signal: this.controller.signal, onReady: resolve });
    this.running.push(ended);
    const info = await Promise.race([promise, ended]);
    ok(info !== undefined, 'the node runs');
    this.ready.push(info);
  }
}

function genesisOf(identities: readonly NodeIdentity[]): string {
  return buildGenesis({
    chainId: CHAIN_ID,
    timeMs: Date.now(),
    prefix: 'bizra',
    denom: 'ubizra',
    blockIntervalMinMs: 0,
    emptyBlockIntervalMs: 10,
    validators: identities.map(({ validatorKey }, index) => ({
      name: `node${index}`,
      publicKey: validatorKey.publicKey,
      stake: 5_000_000n,
    })),
    accounts: [],
  });
}

describe('metrics of a running node', function () {
  this.timeout(START_TIMEOUT_MS);
  let pair: Pair | undefined;
  afterEach(() => pair?.stop());

  it('are served when the settings ask for them, and only then', async () => {
    const asked = { 'instrumentation.prometheus': 'true', 'instrumentation.prometheus_listen_addr': '127.0.0.1:0' };
    pair = await Pair.start([asked, {}]);
    const [first, second] = pair.ready as [ReadyInfo, ReadyInfo];
    equal(second.metrics, undefined);
    match(first.metrics ?? '', /^http:\/\/127\.0\.0\.1:\d+\/metrics$/);

    const scrape = async () => samplesOf(await (await fetch(first.metrics ?? '')).text());
    const label = `{chain_id="${CHAIN_ID}"}`;
    const read = (samples: Map<string, number>, name: string): number => {
      const value = samples.get(`cometbft_${name}${label}`);
      ok(value !== undefined, `${name} is there`);
      return value;
    };
    // Asked until it is so; the test's own time limit ends the wait.
    let samples = await scrape();
    while (read(samples, 'consensus_latest_block_height') < 3) samples = await scrape();

    equal(read(samples, 'consensus_validators'), 2);
    equal(read(samples, 'consensus_validators_power'), 10);
    equal(read(samples, 'consensus_missing_validators'), 0);
    equal(read(samples, 'consensus_num_txs'), 0);
    equal(read(samples, 'consensus_rounds'), 0);
    equal(read(samples, 'mempool_size'), 0);
    equal(read(samples, 'p2p_peers'), 1);
    equal(read(samples, 'blocksync_syncing'), 0);
    ok(read(samples, 'consensus_height') > 3);
    ok(read(samples, 'consensus_block_size_bytes') > 500);
    ok(read(samples, 'consensus_block_interval_seconds_count') >= 2);
    ok(read(samples, 'state_block_processing_time_count') >= 3);
    ok(read(samples, 'storage_batch_write_milliseconds_count') >= 3);
    ok(read(samples, 'storage_wal_sync_milliseconds_count') >= 3);
    ok(
      (samples.get(`cometbft_consensus_step_duration_seconds_count{chain_id="${CHAIN_ID}",step="Precommit"}`) ?? 0) > 0,
    );
    ok(read(samples, 'p2p_message_send_bytes_total') > 1_000);
    ok(read(samples, 'p2p_message_receive_bytes_total') > 1_000);
    ok((samples.get('process_resident_memory_bytes') ?? 0) > 10_000_000);
    ok((samples.get('process_cpu_seconds_total') ?? 0) > 0);
    ok(samples.has('process_event_loop_lag_milliseconds_count'));

    const peers = (await (await fetch(`${second.rpc}/net_info`)).json()) as Recorded;
    const { SendMonitor, RecvMonitor } = peers.result.peers[0].connection_status;
    ok(Number(SendMonitor.Bytes) > 1_000 && Number(RecvMonitor.Bytes) > 1_000, 'net_info counts, too');
  });
});

describe('chain metrics', () => {
  it('say who is missing from the last commit, by the validators of its height', () => {
    const registry = new MetricsRegistry({ namespace: 'n' });
    const old = makeValidators([5n, 4n, 3n]);
    const next = makeValidators([7n], 1);
    const state = (height: number, fields: Partial<ChainState>) =>
      ({ height, initialHeight: 1, lastBlockTime: NOW, validators: next.validators, ...fields }) as ChainState;
    const own = old.validators.get(2)?.address;
    const metrics = new ChainMetrics(createNodeMetrics(registry), own, state(9, { lastValidators: old.validators }));
    const commit = makeCommit(old, 9, makeBlockId(1));
    const signatures = commit.signatures.map((signature, index) => (index === 1 ? signature : ABSENT_COMMIT_SIG));
    const block = { ...makeBlock(old, [Uint8Array.of(1), Uint8Array.of(2)], [makeDuplicateVotes(old, 3)]) };
    const applied = (height: number, fields: Partial<ChainState>) =>
      ({
        body: { block: { ...block, lastCommit: { ...commit, signatures } }, bytes: new Uint8Array(77) },
        state: state(height, fields),
      }) as unknown as AppliedHeight;

    metrics.applied(applied(10, { lastBlockTime: NOW + 2n * SECOND, lastValidators: next.validators }));

    const samples = samplesOf(registry.render());
    const [first, , third] = old.validators.validators;
    equal(samples.get('n_consensus_latest_block_height'), 10);
    equal(samples.get('n_consensus_validators'), 1);
    equal(samples.get('n_consensus_validators_power'), 7);
    equal(samples.get('n_consensus_missing_validators'), 2);
    equal(
      samples.get('n_consensus_missing_validators_power'),
      Number((first?.votingPower ?? 0n) + (third?.votingPower ?? 0n)),
    );
    equal(samples.get('n_consensus_validator_missed_blocks'), 1);
    equal(samples.get('n_consensus_num_txs'), 2);
    equal(samples.get('n_consensus_total_txs'), 2);
    equal(samples.get('n_consensus_block_size_bytes'), 77);
    equal(samples.get('n_consensus_byzantine_validators'), 1);
    equal(samples.get('n_consensus_block_interval_seconds_sum'), 2);
  });
});
