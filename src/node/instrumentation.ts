import type { Libp2pTransport } from '#network/libp2p/libp2p-transport.ts';
import type { Clock, Timer } from '#ports/clock.ts';
import { type Counter, MetricsRegistry } from '#telemetry/metrics.ts';
import { MetricsServer } from '#telemetry/metrics-server.ts';
import { createProcessMetrics } from '#telemetry/node-metrics.ts';
import { BizraError } from '#util/errors.ts';
import { parseTcpAddress } from './addresses.ts';
import type { Node } from './node.ts';
import type { NodeSettings } from './settings.ts';

/** CometBFT's default, which its dashboards ask for. */
const NAMESPACE = 'cometbft';
/** Milliseconds between two looks at how late timers fire. */
const LAG_PROBE_MS = 100;
const MICROSECONDS_PER_SECOND = 1e6;

/** The metrics of one daemon and their listener. Whoever measures gets `registry`. */
export class Instrumentation {
  readonly registry: MetricsRegistry;
  private readonly clock: Clock;
  private readonly server: MetricsServer;
  private readonly processRegistry = new MetricsRegistry({ namespace: 'process' });
  private readonly process = createProcessMetrics(this.processRegistry);
  private readonly cpuSeconds = new RunningTotal(this.process.cpuSeconds);
  private sample: () => void = () => {};
  private lagTimer: Timer | undefined;

  /** Undefined where the settings do not ask for it. Throws BizraError `config_invalid`. */
  static create({ instrumentation }: NodeSettings, chainId: string, clock: Clock): Instrumentation | undefined {
    const { prometheus, prometheusListenAddr } = instrumentation;
    if (!prometheus) return undefined;
    const address = parseTcpAddress(`tcp://${prometheusListenAddr}`);
    if (address !== undefined) return new Instrumentation(chainId, clock, address);
    const fault = `instrumentation.prometheus_listen_addr = ${prometheusListenAddr}: expected HOST:PORT`;
    throw new BizraError('config_invalid', fault);
  }

  private constructor(chainId: string, clock: Clock, address: { readonly host: string; readonly port: number }) {
    this.clock = clock;
    this.registry = new MetricsRegistry({ namespace: NAMESPACE, constantLabels: { chain_id: chainId } });
    this.server = new MetricsServer(() => this.render(), address);
  }

  /** What is looked at with each scrape, and costs nothing between them. */
  watch(node: Node, transport: Libp2pTransport): void {
    const { metrics } = node;
    if (metrics === undefined) return;
    const sent = new RunningTotal(metrics.p2p.sentBytes);
    const received = new RunningTotal(metrics.p2p.receivedBytes);
    this.sample = () => {
      const traffic = transport.traffic();
      sent.reach(traffic.sentBytes);
      received.reach(traffic.receivedBytes);
      metrics.p2p.peers.set(transport.peers().length);
      metrics.blocksync.syncing.set(node.sync.catchingUp ? 1 : 0);
    };
  }

  /** Throws BizraError `metrics_listen_failed`. */
  async start(): Promise<void> {
    await this.server.start();
    this.probeLag();
  }

  /** `http://host:port/metrics`, once started. */
  get url(): string {
    return this.server.url;
  }

  async stop(): Promise<void> {
    this.lagTimer?.cancel();
    await this.server.stop();
  }

  private render(): string {
    const { user, system } = process.cpuUsage();
    this.cpuSeconds.reach((user + system) / MICROSECONDS_PER_SECOND);
    this.process.residentBytes.set(process.memoryUsage.rss());
    this.sample();
    return this.registry.render() + this.processRegistry.render();
  }

  private probeLag(): void {
    const dueMs = this.clock.monotonicMs() + LAG_PROBE_MS;
    this.lagTimer = this.clock.setTimer(LAG_PROBE_MS, () => {
      this.process.eventLoopLagMilliseconds.observe(Math.max(0, this.clock.monotonicMs() - dueMs));
      this.probeLag();
    });
  }
}

/** A counter that follows a total which is kept elsewhere. */
class RunningTotal {
  private readonly counter: Counter;
  private total = 0;

  constructor(counter: Counter) {
    this.counter = counter;
  }

  reach(total: number): void {
    this.counter.add(total - this.total);
    this.total = total;
  }
}
