import { assert } from '#util/assert.ts';

/** Adds up; never goes down. */
export interface Counter {
  add(amount?: number): void;
}

/** A value that goes up and down. */
export interface Gauge {
  set(value: number): void;
  add(amount: number): void;
}

/** Counts observations by size. */
export interface Histogram {
  observe(value: number): void;
}

/** One metric for each combination of label values. Label values must come from a bounded set. */
export interface Family<Metric> {
  with(...labelValues: readonly string[]): Metric;
}

type MetricKind = 'counter' | 'gauge' | 'histogram';

/** Label combinations beyond this go into one with the value `other`: a peer must not grow the registry. */
const CHILDREN_MAX = 500;
const OVERFLOW_LABEL = 'other';
const NAME = /^[a-z_][a-z0-9_]*$/;

/**
 * Holds the metrics of one node and renders them in Prometheus' text format. Names carry their unit, and are CometBFT's
 * where it has the metric, so that existing dashboards work.
 */
export class MetricsRegistry {
  private readonly namespace: string;
  private readonly constantLabels: readonly (readonly [string, string])[];
  private readonly families = new Map<string, MetricFamily>();

  /** `namespace` goes in front of every name, `constantLabels` on every sample (CometBFT: `cometbft`, `chain_id`). */
  constructor(options: { namespace: string; constantLabels?: Readonly<Record<string, string>> }) {
    this.namespace = options.namespace;
    this.constantLabels = Object.entries(options.constantLabels ?? {});
  }

  counter(name: string, help: string): Counter {
    return this.counters(name, help, []).with();
  }

  counters(name: string, help: string, labels: readonly string[]): Family<Counter> {
    return this.register('counter', name, help, labels, () => new Cell());
  }

  gauge(name: string, help: string): Gauge {
    return this.gauges(name, help, []).with();
  }

  gauges(name: string, help: string, labels: readonly string[]): Family<Gauge> {
    return this.register('gauge', name, help, labels, () => new Cell());
  }

  /** `buckets`: upper bounds, ascending; one for everything above is added. */
  histogram(name: string, help: string, buckets: readonly number[]): Histogram {
    return this.histograms(name, help, buckets, []).with();
  }

  histograms(name: string, help: string, buckets: readonly number[], labels: readonly string[]): Family<Histogram> {
    const ascending = buckets.every((bound, i) => i === 0 || bound > (buckets[i - 1] as number));
    assert(ascending && buckets.length > 0, `buckets of ${name} must be ascending`);
    return this.register('histogram', name, help, labels, () => new Buckets(buckets));
  }

  /** Prometheus' text exposition format 0.0.4. */
  render(): string {
    const lines: string[] = [];
    for (const family of this.families.values()) {
      lines.push(`# HELP ${family.name} ${family.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`);
      lines.push(`# TYPE ${family.name} ${family.kind}`);
      for (const { labelValues, metric } of family.children.values()) {
        const labels = [
          ...this.constantLabels,
          ...family.labels.map((label, i) => [label, labelValues[i] as string] as const),
        ];
        for (const sample of metric.samples()) lines.push(renderSample(family.name, labels, sample));
      }
    }
    return `${lines.join('\n')}\n`;
  }

  private register<Metric extends Sampled>(
    kind: MetricKind,
    name: string,
    help: string,
    labels: readonly string[],
    create: () => Metric,
  ): Family<Metric> {
    const full = `${this.namespace}_${name}`;
    assert(NAME.test(full) && labels.every((label) => NAME.test(label)), `bad metric or label name: ${full}`);
    assert(!this.families.has(full), `metric ${full} is registered twice`);
    const children = new Map<string, { labelValues: readonly string[]; metric: Metric }>();
    this.families.set(full, { kind, name: full, help, labels, children });
    const find = (labelValues: readonly string[]): Metric => {
      assert(labelValues.length === labels.length, `${full} has ${labels.length} labels, got ${labelValues.length}`);
      const key = labelValues.join('\n');
      const existing = children.get(key);
      if (existing !== undefined) return existing.metric;
      const overflow = labels.map(() => OVERFLOW_LABEL);
      if (children.size >= CHILDREN_MAX && key !== overflow.join('\n')) return find(overflow);
      const metric = create();
      children.set(key, { labelValues, metric });
      return metric;
    };
    return { with: (...labelValues) => find(labelValues) };
  }
}

interface MetricFamily {
  readonly kind: MetricKind;
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly children: ReadonlyMap<string, { readonly labelValues: readonly string[]; readonly metric: Sampled }>;
}

interface Sample {
  readonly suffix: string;
  readonly label?: readonly [string, string];
  readonly value: number;
}

interface Sampled {
  samples(): readonly Sample[];
}

class Cell implements Counter, Gauge, Sampled {
  private value = 0;

  add(amount = 1): void {
    this.value += amount;
  }

  set(value: number): void {
    this.value = value;
  }

  samples(): readonly Sample[] {
    return [{ suffix: '', value: this.value }];
  }
}

class Buckets implements Histogram, Sampled {
  private readonly bounds: readonly number[];
  /** Observations in each bucket alone; the last one is above every bound. */
  private readonly counts: number[];
  private sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    let index = this.bounds.findIndex((bound) => value <= bound);
    if (index < 0) index = this.bounds.length;
    this.counts[index] = (this.counts[index] as number) + 1;
    this.sum += value;
  }

  samples(): readonly Sample[] {
    const samples: Sample[] = [];
    let cumulative = 0;
    for (const [i, count] of this.counts.entries()) {
      cumulative += count;
      const bound = this.bounds[i];
      samples.push({
        suffix: '_bucket',
        label: ['le', bound === undefined ? '+Inf' : String(bound)],
        value: cumulative,
      });
    }
    samples.push({ suffix: '_sum', value: this.sum }, { suffix: '_count', value: cumulative });
    return samples;
  }
}

function renderSample(name: string, labels: readonly (readonly [string, string])[], sample: Sample): string {
  const all = sample.label === undefined ? labels : [...labels, sample.label];
  const rendered = all.map(([label, value]) => `${label}="${escapeLabel(value)}"`).join(',');
  return `${name}${sample.suffix}${rendered === '' ? '' : `{${rendered}}`} ${sample.value}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
