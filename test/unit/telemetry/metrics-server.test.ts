import { equal, match, rejects } from 'node:assert/strict';
import { MetricsServer } from '#telemetry/metrics-server.ts';

const ANY_PORT = { host: '127.0.0.1', port: 0 };

describe('metrics server', () => {
  let scrapes = 0;
  let server: MetricsServer;

  beforeEach(async () => {
    scrapes = 0;
    server = new MetricsServer(() => `n_scrapes ${++scrapes}\n`, ANY_PORT);
    await server.start();
  });

  afterEach(() => server.stop());

  it('renders at each scrape, as Prometheus` text', async () => {
    const first = await fetch(server.url);
    equal(first.status, 200);
    match(first.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    equal(await first.text(), 'n_scrapes 1\n');
    equal(await (await fetch(`${server.url}?name=x`)).text(), 'n_scrapes 2\n');
  });

  it('answers nothing else', async () => {
    for (const path of ['/', '/metrics/', '/metricsx', '/debug']) {
      equal((await fetch(new URL(path, server.url))).status, 404);
    }
    const posted = await fetch(server.url, { method: 'POST', body: 'x' });
    equal(posted.status, 405);
    equal(posted.headers.get('allow'), 'GET');
    equal(scrapes, 0);
  });

  it('names the setting when it cannot listen', async () => {
    const port = Number(new URL(server.url).port);
    const second = new MetricsServer(() => '', { host: '127.0.0.1', port });
    await rejects(second.start(), {
      code: 'metrics_listen_failed',
      message: /127\.0\.0\.1:\d+: .*in use.*instrumentation\.prometheus_listen_addr/,
    });
    await second.stop();
  });
});
